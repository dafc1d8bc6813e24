//! How many connections there are: in all, and of one address; and who has to leave where there are too many.
//!
//! Whom a connection is for is known once it has asked for something: then it counts for that tenant. Connections that
//! have asked for nothing yet count together. Who has more than a fair share of all places gives some up, those that
//! wait for a request and have been there longest; so that a flood of one kind keeps no other out.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use tracing::warn;

use crate::config::Connections;
use crate::exchange::Client;
use crate::network;

/// How many places are freed at a time, as looking for those who are to leave takes a look at all: this part of all, and
/// at least so many.
const BATCH_PART: usize = 64;
const BATCH: usize = 16;
/// How many times that may be on their way out, where newcomers are faster than they: so many more there may be for a
/// moment, and the files that are kept for other things must do for them.
const MOST_LEAVING: usize = 2;
/// How often it is told that connections are refused or ended.
const TELL: Duration = Duration::from_secs(10);

/// The places of all connections.
#[derive(Debug)]
pub struct Places {
    limits: Connections,
    most: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    numbers: u64,
    /// By number, and so by age.
    taken: BTreeMap<u64, Arc<Seat>>,
    by_owner: HashMap<IpAddr, u32>,
    /// Who was asked to leave, and has not yet.
    leaving: usize,
    told: Option<Instant>,
    refused: u64,
    ended: u64,
}

/// A connection, as seen from here.
#[derive(Debug)]
struct Seat {
    client: Arc<Client>,
    is_to_leave: AtomicBool,
    /// Of the connection's task.
    waker: OnceLock<Waker>,
}

/// One connection's place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    number: u64,
    owner: Option<IpAddr>,
    seat: Arc<Seat>,
}

impl Places {
    /// Room for `most` connections, within `limits`.
    pub fn new(limits: Connections, most: usize) -> Arc<Places> {
        Arc::new(Places { limits, most: most.max(1), inner: Mutex::default() })
    }

    /// What each connection may take.
    pub(super) fn limits(&self) -> &Connections {
        &self.limits
    }

    /// A place for a connection from `peer`, of whom only so many may be; none for whom there is no room.
    pub(super) fn take(self: &Arc<Self>, peer: Option<IpAddr>, client: &Arc<Client>) -> Option<Place> {
        let of_address = self.limits.per_address;
        let owner = peer.filter(|_| of_address > 0).map(network::owner);
        let mut inner = self.lock();
        let crowded = owner.is_some_and(|owner| inner.by_owner.get(&owner).is_some_and(|of| *of >= of_address));
        if crowded || !self.make_room(&mut inner) {
            inner.refused += 1;
            inner.tell();
            return None;
        }
        inner.numbers += 1;
        let number = inner.numbers;
        let seat = Seat { client: client.clone(), is_to_leave: AtomicBool::new(false), waker: OnceLock::new() };
        let seat = Arc::new(seat);
        inner.taken.insert(number, seat.clone());
        if let Some(owner) = owner {
            *inner.by_owner.entry(owner).or_default() += 1;
        }
        drop(inner);
        Some(Place { places: self.clone(), number, owner, seat })
    }

    /// Whether there is room for one more; asks others to leave where there is none.
    fn make_room(&self, inner: &mut Inner) -> bool {
        if inner.taken.len() < self.most {
            return true;
        }
        let given_away = inner.taken.len() >= self.most + inner.leaving;
        let may_leave = (MOST_LEAVING * self.batch()).saturating_sub(inner.leaving).min(self.batch());
        if given_away && may_leave > 0 {
            let ended = end_some(&inner.taken, self.most, may_leave);
            inner.leaving += ended;
            inner.ended += ended as u64;
            inner.tell();
        }
        // Those who leave are on their way: their places are given away already.
        inner.taken.len() < self.most + inner.leaving
    }

    fn batch(&self) -> usize {
        (self.most / BATCH_PART).max(BATCH)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks at most `batch` connections to leave; tells how many were asked.
fn end_some(taken: &BTreeMap<u64, Arc<Seat>>, most: usize, batch: usize) -> usize {
    // The newcomer is one of those that have asked for nothing.
    let mut of_kind = HashMap::from([(0, 1)]);
    for seat in taken.values() {
        *of_kind.entry(seat.client.serves()).or_default() += 1;
    }
    let share = most / of_kind.len();
    let waits = |seat: &&Arc<Seat>| {
        let has_too_many = of_kind.get(&seat.client.serves()).is_some_and(|has| *has > share);
        has_too_many && !seat.client.is_in_flight() && !seat.is_to_leave.swap(true, Relaxed)
    };
    let asked = taken.values().filter(waits).take(batch);
    asked.inspect(|seat| seat.waker.get().into_iter().for_each(Waker::wake_by_ref)).count()
}

impl Inner {
    fn tell(&mut self) {
        if self.told.is_none_or(|told| told.elapsed() >= TELL) {
            self.told = Some(Instant::now());
            let (open, refused, ended) = (self.taken.len(), self.refused, self.ended);
            warn!(open, refused, ended, "there are more connections than there is room for");
        }
    }
}

impl Place {
    /// What the connection may take.
    pub(super) fn limits(&self) -> Connections {
        self.places.limits
    }

    /// Wakes the connection's task when it is to leave.
    pub(super) fn wakes(&self, waker: &Waker) {
        let _ = self.seat.waker.set(waker.clone());
    }

    /// A request came before the connection could leave.
    pub(super) fn stay(&self) {
        let mut inner = self.places.lock();
        inner.leaving -= usize::from(self.seat.is_to_leave.swap(false, Relaxed)).min(inner.leaving);
    }

    /// Whether the connection is to leave.
    pub(super) fn is_to_leave(&self) -> bool {
        self.seat.is_to_leave.load(Relaxed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut inner = self.places.lock();
        inner.taken.remove(&self.number);
        inner.leaving -= usize::from(self.is_to_leave()).min(inner.leaving);
        let left = self.owner.and_then(|owner| {
            let count = inner.by_owner.get_mut(&owner)?;
            *count -= 1;
            (*count == 0).then_some(owner)
        });
        if let Some(owner) = left {
            inner.by_owner.remove(&owner);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn places(most: usize, per_address: u32) -> Arc<Places> {
        Places::new(Connections { per_address, ..Connections::default() }, most)
    }

    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    /// A connection that has asked for something of tenant `tenant`, if that is not 0.
    fn client(tenant: u32) -> Arc<Client> {
        let client = Arc::<Client>::default();
        client.serve_for(tenant);
        client
    }

    #[test]
    fn one_address_has_so_many_and_other_addresses_others() {
        let places = places(100, 2);
        let take = |address: &str| places.take(ip(address), &client(0));
        let mut first = vec![take("10.0.0.1").unwrap(), take("::ffff:10.0.0.1").unwrap()];
        assert!(take("10.0.0.1").is_none());
        let other = (take("10.0.0.2").unwrap(), take("2001:db8::1").unwrap(), take("2001:db8::2").unwrap());
        assert!(take("2001:db8::3").is_none() && take("2001:db8:0:1::3").is_some());
        first.pop();
        first.push(take("10.0.0.1").unwrap());
        drop((first, other));
        let inner = places.lock();
        assert!(inner.by_owner.is_empty() && inner.taken.is_empty());
    }

    #[test]
    fn without_a_bound_an_address_has_them_all() {
        let places = places(3, 0);
        let all: Vec<_> = (0..3).map(|_| places.take(ip("10.0.0.1"), &client(0)).unwrap()).collect();
        assert!(all.iter().all(|place| place.owner.is_none()));
    }

    #[test]
    fn who_has_more_than_a_share_gives_up_what_waits_and_the_others_nothing() {
        let places = places(128, 0);
        let take = |tenant| places.take(None, &client(tenant));
        let few: Vec<_> = (0..10).map(|_| take(1).unwrap()).collect();
        let many: Vec<_> = (0..118).map(|_| take(2).unwrap()).collect();
        let one_more = take(1).unwrap();
        let asked = |places: &[Place]| places.iter().filter(|place| place.is_to_leave()).count();
        assert_eq!((asked(&few), asked(&many)), (0, BATCH));
        assert!(many[..BATCH].iter().all(Place::is_to_leave), "the oldest");
        // There is room for as many as were asked to leave, before they have.
        let others: Vec<_> = std::iter::from_fn(|| take(3)).collect();
        assert_eq!(others.len(), MOST_LEAVING * BATCH - 1);
        many[0].stay();
        assert_eq!(places.lock().leaving, MOST_LEAVING * BATCH - 1);
        drop(many);
        assert_eq!(places.lock().leaving, 0);
        drop((one_more, others));
    }

    #[test]
    fn who_is_being_served_stays_and_newcomers_have_to_wait() {
        let places = places(64, 0);
        let busy = client(1);
        busy.set_in_flight(true);
        let all: Vec<_> = (0..64).map(|_| places.take(None, &busy).unwrap()).collect();
        assert!(places.take(None, &client(0)).is_none());
        assert!(all.iter().all(|place| !place.is_to_leave()));
        busy.set_in_flight(false);
        assert!(places.take(None, &client(0)).is_some());
    }

    #[test]
    fn the_silent_ones_are_a_kind_of_their_own() {
        let places = places(64, 0);
        let known: Vec<_> = (0..20).map(|_| places.take(None, &client(1)).unwrap()).collect();
        let silent: Vec<_> = (0..44).map(|_| places.take(None, &client(0)).unwrap()).collect();
        let newcomer = places.take(None, &client(0)).unwrap();
        assert!(silent[0].is_to_leave() && known.iter().all(|place| !place.is_to_leave()));
        drop(newcomer);
    }

    proptest! {
        #[test]
        fn places_are_given_back_and_there_are_never_many_too_many(
            most in 1_usize..80, of_address in 0_u32..5,
            steps in proptest::collection::vec((0_u8..3, 0_u32..4, 0_u8..4, any::<bool>()), 0..200),
        ) {
            let places = places(most, of_address);
            let mut taken: Vec<(Place, u8)> = Vec::new();
            for (what, tenant, address, busy) in steps {
                if what == 0 && !taken.is_empty() {
                    drop(taken.swap_remove(tenant as usize % taken.len()));
                } else {
                    let client = client(tenant);
                    client.set_in_flight(busy);
                    let of_same = taken.iter().filter(|(_, other)| *other == address).count();
                    match places.take(Some(IpAddr::from([10, 0, 0, address])), &client) {
                        Some(place) => {
                            prop_assert!(of_address == 0 || of_same < of_address as usize);
                            taken.push((place, address));
                        }
                        None => prop_assert!(taken.len() >= most || of_address > 0 && of_same >= of_address as usize),
                    }
                }
                prop_assert!(taken.len() <= most + MOST_LEAVING * BATCH);
                let leaving = taken.iter().filter(|(place, _)| place.is_to_leave()).count();
                let inner = places.lock();
                prop_assert_eq!((inner.taken.len(), inner.leaving), (taken.len(), leaving));
            }
            drop(taken);
            let inner = places.lock();
            prop_assert!(inner.taken.is_empty() && inner.by_owner.is_empty() && inner.leaving == 0);
        }
    }
}
