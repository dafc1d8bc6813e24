//! Memory of instances and of loaded code, summed: a tenant's pool, and above it the host's.
//!
//! Sizes count, not pages that were touched: what a guest was given it may touch at any time.

use std::cmp::Reverse;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

/// What is taken from a pool at a time, in bytes: WebAssembly's page. Small tables, which come one by one, are one
/// operation together.
const GRAIN: u64 = 64 << 10;

/// A bounded sum of memory.
#[derive(Debug)]
pub struct Pool {
    /// `u64::MAX` where there is no limit.
    limit: AtomicU64,
    used: AtomicU64,
    /// What code has of it.
    code: AtomicU64,
    /// The pool that this one's memory counts in, too.
    above: Option<Arc<Pool>>,
    /// The pools whose memory counts in this one.
    below: List<Pool>,
    spares: List<dyn Spare>,
}

/// What lives elsewhere and leaves by being dropped.
struct List<T: ?Sized>(Mutex<Vec<Weak<T>>>);

/// Something that holds what nobody is using.
pub trait Spare: Send + Sync {
    /// When it was used last: who waits for the longest time gives first.
    fn last_used(&self) -> Instant;

    /// About how many bytes it could give back.
    fn could_give(&self) -> u64;

    /// Gives back something of what is needed; false if there is nothing.
    fn give_up(&self, need: Need) -> bool;
}

/// A spare, and its tenant where that is another one.
type Offer = (Arc<dyn Spare>, Option<Arc<Pool>>);

/// What has not been used for so long may be taken from anybody.
const RESTED: Duration = Duration::from_secs(60);

/// What somebody is in need of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Memory, whatever holds it.
    Memory,
    /// An instance's slot.
    Slot,
}

/// A pool has not got as much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutOfMemory {
    /// The tenant's limit.
    #[error("the tenant's instances and code have all the memory that it may have")]
    Tenant,
    /// The host's share of the machine.
    #[error("the instances and the code of all tenants have all the memory that the host may use")]
    Host,
}

/// One instance's part of a pool, or one application's code's, given back when it is dropped.
#[derive(Debug)]
pub struct Holding {
    pool: Arc<Pool>,
    taken: u64,
    of_code: bool,
}

impl Pool {
    /// The host's, of all instances and code.
    pub fn of_host(limit: Option<u64>) -> Arc<Self> {
        Self::with(limit, None)
    }

    /// A tenant's, within the host's.
    pub fn of_tenant(limit: Option<u64>, host: Arc<Self>) -> Arc<Self> {
        let pool = Self::with(limit, Some(host.clone()));
        host.below.add(&pool);
        pool
    }

    fn with(limit: Option<u64>, above: Option<Arc<Self>>) -> Arc<Self> {
        let (limit, zero) = (AtomicU64::new(limit.unwrap_or(u64::MAX)), || AtomicU64::new(0));
        Arc::new(Self { limit, used: zero(), code: zero(), above, below: List::default(), spares: List::default() })
    }

    /// Another limit from now on; what is taken stays.
    pub fn set(&self, limit: Option<u64>) {
        self.limit.store(limit.unwrap_or(u64::MAX), SeqCst);
    }

    /// Whether it would have so many bytes if nobody else had any.
    pub fn ever_has(&self, bytes: u64) -> bool {
        let fits = |pool: &Pool| bytes <= pool.limit.load(SeqCst);
        fits(self) && self.above.as_deref().is_none_or(fits)
    }

    /// Bytes that are taken.
    pub fn used(&self) -> u64 {
        self.used.load(SeqCst)
    }

    /// Bytes that loaded code has of them.
    pub fn code(&self) -> u64 {
        self.code.load(SeqCst)
    }

    /// Asks `spare` when there is too little, as long as it lives.
    pub fn add_spare(&self, spare: &Arc<dyn Spare>) {
        self.spares.add(spare);
    }

    /// Has an instance given up that only waits: the tenant's own if it has any, else another's. False if none is.
    pub fn free_slot(&self) -> bool {
        let mut spares = self.own_spares().into_iter().chain(self.spares_of_others());
        spares.any(|(spare, _)| spare.give_up(Need::Slot))
    }

    /// Takes from this pool and the one above it, or from none. What only waits makes room.
    fn take(&self, bytes: u64) -> Result<(), OutOfMemory> {
        let Some(above) = &self.above else {
            return if self.try_take(bytes) { Ok(()) } else { Err(OutOfMemory::Host) };
        };
        let mine = || self.try_take(bytes);
        if !(mine() || self.make_room(self.own_spares(), self.missing(bytes), mine)) {
            return Err(OutOfMemory::Tenant);
        }
        let all = || above.try_take(bytes);
        let everybodys = || self.own_spares().into_iter().chain(self.spares_of_others()).collect();
        if !(all() || self.make_room(everybodys(), above.missing(bytes), all)) {
            self.used.fetch_sub(bytes, SeqCst);
            return Err(OutOfMemory::Host);
        }
        Ok(())
    }

    /// Has spares given up in their order until there is `enough`; says whether there is. Where all of them have less than
    /// is `missing` none is.
    fn make_room(&self, mut spares: Vec<Offer>, missing: u64, enough: impl Fn() -> bool) -> bool {
        // Who has little loses nothing to who has much, but what has not been used for long.
        let may = |(spare, owner): &Offer| {
            owner.as_ref().is_none_or(|owner| owner.used() > self.used() || spare.last_used().elapsed() >= RESTED)
        };
        spares.retain(may);
        if spares.iter().map(|(spare, _)| spare.could_give()).fold(0, u64::saturating_add) < missing {
            return false;
        }
        spares.iter().any(|spare| {
            while may(spare) && spare.0.give_up(Need::Memory) {
                if enough() {
                    return true;
                }
            }
            false
        })
    }

    /// This tenant's, what was used the longest time ago first.
    fn own_spares(&self) -> Vec<Offer> {
        // What is given up may be the last of its kind, and must not meet a lock then.
        let mut spares = self.spares.living();
        spares.sort_by_cached_key(|spare| spare.last_used());
        spares.into_iter().map(|spare| (spare, None)).collect()
    }

    /// Those of the other tenants, of who has the most first.
    fn spares_of_others(&self) -> Vec<Offer> {
        let mut others = self.above.as_ref().map(|above| above.below.living()).unwrap_or_default();
        others.retain(|other| !std::ptr::eq(&**other, self));
        others.sort_by_cached_key(|other| Reverse(other.used()));
        let of = |other: Arc<Pool>| other.own_spares().into_iter().map(move |(spare, _)| (spare, Some(other.clone())));
        others.into_iter().flat_map(of).collect()
    }

    /// How much is missing of so many bytes.
    fn missing(&self, bytes: u64) -> u64 {
        self.used().saturating_add(bytes).saturating_sub(self.limit.load(SeqCst))
    }

    fn try_take(&self, bytes: u64) -> bool {
        let limit = self.limit.load(SeqCst);
        let fits = |used: u64| used.checked_add(bytes).filter(|used| *used <= limit);
        self.used.fetch_update(SeqCst, SeqCst, fits).is_ok()
    }

    fn give(&self, bytes: u64) {
        self.used.fetch_sub(bytes, SeqCst);
        if let Some(above) = &self.above {
            above.give(bytes);
        }
    }
}

impl<T: ?Sized> fmt::Debug for List<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: ?Sized> Default for List<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: ?Sized> List<T> {
    fn add(&self, item: &Arc<T>) {
        let mut items = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that are gone leave when there is no room: of thousands that come, each is looked at a few times.
        if items.len() == items.capacity() {
            items.retain(|item| item.strong_count() > 0);
            let living = items.len();
            items.shrink_to(living * 2);
            items.reserve(living + 1);
        }
        items.push(Arc::downgrade(item));
    }

    fn living(&self) -> Vec<Arc<T>> {
        let items = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        items.iter().filter_map(Weak::upgrade).collect()
    }
}

impl Holding {
    /// Nothing of `pool` yet.
    pub fn of(pool: Arc<Pool>) -> Self {
        Self { pool, taken: 0, of_code: false }
    }

    /// The same, for code.
    pub fn of_code(pool: Arc<Pool>) -> Self {
        Self { pool, taken: 0, of_code: true }
    }

    /// How many bytes that is.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// Has at least `bytes` from now on.
    ///
    /// # Errors
    /// Where there is not as much; what was taken before stays.
    pub fn grow(&mut self, bytes: u64) -> Result<(), OutOfMemory> {
        let wanted = bytes.saturating_add(GRAIN - 1) / GRAIN * GRAIN;
        if let Some(more) = wanted.checked_sub(self.taken).filter(|more| *more > 0) {
            self.pool.take(more)?;
            self.taken = wanted;
            if self.of_code {
                self.pool.code.fetch_add(more, SeqCst);
            }
        }
        Ok(())
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        if self.taken > 0 {
            if self.of_code {
                self.pool.code.fetch_sub(self.taken, SeqCst);
            }
            self.pool.give(self.taken);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kib(count: u64) -> u64 {
        count << 10
    }

    /// Holdings that only wait.
    struct Shelf(Mutex<Vec<Holding>>, Instant);

    impl Spare for Shelf {
        fn last_used(&self) -> Instant {
            self.1
        }

        fn could_give(&self) -> u64 {
            self.0.lock().unwrap().iter().map(|holding| holding.taken).sum()
        }

        fn give_up(&self, need: Need) -> bool {
            let given = self.0.lock().unwrap().pop_if(|_| need == Need::Memory);
            given.is_some()
        }
    }

    fn shelf(pool: &Arc<Pool>, used: Instant, sizes: &[u64]) -> Arc<dyn Spare> {
        let hold = |size: &u64| {
            let mut holding = Holding::of(pool.clone());
            holding.grow(*size).unwrap();
            holding
        };
        let shelf: Arc<dyn Spare> = Arc::new(Shelf(Mutex::new(sizes.iter().map(hold).collect()), used));
        pool.add_spare(&shelf);
        shelf
    }

    #[test]
    fn a_tenants_memory_counts_in_the_hosts() {
        let host = Pool::of_host(Some(kib(256)));
        let (a, b) = (Pool::of_tenant(Some(kib(192)), host.clone()), Pool::of_tenant(None, host.clone()));
        let (mut one, mut other) = (Holding::of(a.clone()), Holding::of(b.clone()));
        one.grow(kib(129)).unwrap();
        assert_eq!((a.used(), host.used()), (kib(192), kib(192)));
        // Nothing more has to be taken for what is in the grain already.
        one.grow(kib(192)).unwrap();
        assert_eq!(one.grow(kib(193)), Err(OutOfMemory::Tenant));
        assert_eq!(other.grow(kib(65)), Err(OutOfMemory::Host));
        assert_eq!((b.used(), host.used()), (0, kib(192)));
        other.grow(kib(64)).unwrap();
        drop(one);
        other.grow(kib(256)).unwrap();
        assert_eq!((a.used(), b.used(), host.used()), (0, kib(256), kib(256)));
    }

    #[test]
    fn what_only_waits_is_given_up_first_and_ones_own_before_anothers() {
        let host = Pool::of_host(Some(kib(512)));
        let (a, b) = (Pool::of_tenant(Some(kib(384)), host.clone()), Pool::of_tenant(None, host.clone()));
        let now = Instant::now();
        let _spares = (shelf(&a, now, &[kib(128), kib(128)]), shelf(&b, now, &[kib(64), kib(64)]));
        let mut holding = Holding::of(a.clone());
        holding.grow(kib(192)).unwrap();
        assert_eq!((a.used(), b.used()), (kib(320), kib(128)));
        holding.grow(kib(384)).unwrap();
        assert_eq!((a.used(), b.used()), (kib(384), kib(128)));
        assert_eq!(holding.grow(kib(385)), Err(OutOfMemory::Tenant));
        let mut other = Holding::of(Pool::of_tenant(None, host.clone()));
        other.grow(kib(64)).unwrap();
        assert_eq!((b.used(), host.used()), (kib(64), kib(512)));
        assert_eq!(other.grow(kib(128)), Err(OutOfMemory::Host), "who has less loses nothing");
        assert_eq!((b.used(), host.used()), (kib(64), kib(512)));
        assert!(!b.free_slot(), "memory is no slot");
    }

    #[test]
    fn nothing_is_given_up_in_vain_and_who_has_less_gives_what_has_rested() {
        let host = Pool::of_host(Some(kib(512)));
        let (a, b) = (Pool::of_tenant(Some(kib(384)), host.clone()), Pool::of_tenant(None, host.clone()));
        let now = Instant::now();
        let mut running = Holding::of(a.clone());
        running.grow(kib(192)).unwrap();
        let _spares = (shelf(&a, now, &[kib(128)]), shelf(&b, now, &[kib(64)]), shelf(&b, now - RESTED, &[kib(64)]));
        let mut holding = Holding::of(a.clone());
        assert_eq!(holding.grow(kib(256)), Err(OutOfMemory::Tenant));
        assert_eq!((a.used(), b.used()), (kib(320), kib(128)));
        let mut other = Holding::of(b.clone());
        other.grow(kib(64)).unwrap();
        assert_eq!(other.grow(kib(384)), Err(OutOfMemory::Host));
        assert_eq!((a.used(), b.used()), (kib(320), kib(192)));
        running.grow(kib(256)).unwrap();
        assert_eq!((a.used(), b.used()), (kib(256), kib(192)), "its own first");
        let mut richest = Holding::of(Pool::of_tenant(None, host.clone()));
        richest.grow(kib(128)).unwrap();
        assert_eq!((b.used(), host.used()), (kib(128), kib(512)));
    }

    #[test]
    fn who_waits_for_the_longest_time_gives_first_and_who_is_gone_is_forgotten() {
        let pool = Pool::of_tenant(Some(kib(64 * 7)), Pool::of_host(None));
        let now = Instant::now();
        let ages = [2, 3, 1];
        let shelves = ages.map(|age| shelf(&pool, now - Duration::from_secs(age), &[kib(64 * age)]));
        let mut holding = Holding::of(pool.clone());
        for (taken, left) in [(2, 3), (3, 3), (4, 3), (6, 1), (7, 0)] {
            holding.grow(kib(64 * taken)).unwrap();
            assert_eq!(pool.used(), kib(64 * (taken + left)), "{taken}");
        }
        drop(shelves);
        for _ in 0..1000 {
            drop(shelf(&pool, now, &[]));
            drop(Pool::of_tenant(None, pool.above.clone().unwrap()));
        }
        let remembered =
            (pool.spares.0.lock().unwrap().len(), pool.above.as_ref().unwrap().below.0.lock().unwrap().len());
        assert!(remembered.0 < 10 && remembered.1 < 10, "{remembered:?}");
    }

    proptest! {
        #[test]
        fn no_pool_is_ever_above_its_limit_and_everything_is_given_back(
            limits in (1_u64..40, 1_u64..40, 1_u64..60),
            steps in proptest::collection::vec((0_usize..6, 0_u64..40, any::<bool>()), 0..60),
        ) {
            let host = Pool::of_host(Some(limits.2 * GRAIN));
            let pools = [limits.0, limits.1].map(|limit| Pool::of_tenant(Some(limit * GRAIN), host.clone()));
            let new = |which: usize| Holding::of(pools[which % 2].clone());
            let mut holdings: Vec<_> = (0..6).map(new).collect();
            let mut has = [0_u64; 6];
            for (which, grains, ends) in steps {
                let sum = |which: usize| has.iter().skip(which % 2).step_by(2).sum::<u64>();
                if ends {
                    holdings[which] = new(which);
                    has[which] = 0;
                } else {
                    let more = grains.saturating_sub(has[which]);
                    let own = sum(which) + more <= [limits.0, limits.1][which % 2];
                    let fits = own && sum(0) + sum(1) + more <= limits.2;
                    prop_assert_eq!(holdings[which].grow(grains * GRAIN).is_ok(), fits || more == 0);
                    has[which] += if fits { more } else { 0 };
                }
                let sum = |which: usize| has.iter().skip(which).step_by(2).sum::<u64>() * GRAIN;
                prop_assert_eq!((pools[0].used(), pools[1].used()), (sum(0), sum(1)));
                prop_assert_eq!(host.used(), sum(0) + sum(1));
            }
            drop(holdings);
            prop_assert_eq!((host.used(), pools[0].used(), pools[1].used()), (0, 0, 0));
        }
    }
}
