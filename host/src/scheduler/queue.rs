//! Whose turn it is among long calls: a fair queue by tenant. Pure; the clock is given.
//!
//! Each tenant has a virtual time, which moves by the CPU that its calls use, divided by its weight; whoever's is lowest
//! comes next. So what a tenant gets depends on its weight, and not on how many calls it has waiting. Who comes back after
//! a pause begins where the others are: nothing is saved up.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::tenants::Account;
use crate::units::nanos;

/// Virtual nanoseconds for a nanosecond of CPU at weight 1.
const SCALE: u64 = 1 << 10;

/// Jobs that wait for a thread.
#[derive(Debug)]
pub(super) struct Queue<T> {
    lines: HashMap<u32, Line<T>>,
    /// The virtual time of whoever came last.
    time: u64,
}

/// One tenant's.
#[derive(Debug)]
struct Line<T> {
    account: Arc<Account>,
    time: u64,
    /// Those that go first, in the order in which they came; and those that compute.
    quick: VecDeque<T>,
    waiting: VecDeque<T>,
    running: u32,
}

/// What there is to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<T> {
    /// This.
    Job(T),
    /// Nothing for so long, in which all that wait are beyond their CPU.
    After(Duration),
    /// Nothing at all.
    Nothing,
}

/// Where a job joins its tenant's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// Before those that compute, and behind those that joined here.
    Front,
    Back,
}

impl<T> Queue<T> {
    pub(super) fn new() -> Queue<T> {
        Queue { lines: HashMap::new(), time: 0 }
    }

    /// A job of the tenant that `account` is of.
    pub(super) fn push(&mut self, account: &Arc<Account>, job: T, at: At) {
        let time = self.time;
        let line = self.lines.entry(account.number()).or_insert_with(|| Line {
            account: account.clone(),
            time,
            quick: VecDeque::new(),
            waiting: VecDeque::new(),
            running: 0,
        });
        if line.is_empty() && line.running == 0 {
            line.time = line.time.max(time);
        }
        match at {
            At::Front => line.quick.push_back(job),
            At::Back => line.waiting.push_back(job),
        }
    }

    /// The job that comes next at the time `now`; [`Queue::done`] must follow.
    pub(super) fn pop(&mut self, now: Instant) -> Next<T> {
        let mut wait = None::<Duration>;
        let mut first = None::<&mut Line<T>>;
        for line in self.lines.values_mut().filter(|line| !line.is_empty()) {
            let until = line.account.cpu_wait(now);
            if !until.is_zero() {
                wait = Some(wait.map_or(until, |wait| wait.min(until)));
            } else if first.as_ref().is_none_or(|first| line.time < first.time) {
                first = Some(line);
            }
        }
        let popped =
            first.and_then(|line| line.quick.pop_front().or_else(|| line.waiting.pop_front()).map(|job| (line, job)));
        match (popped, wait) {
            (Some((line, job)), _) => {
                line.running += 1;
                self.time = self.time.max(line.time);
                Next::Job(job)
            }
            (None, Some(wait)) => Next::After(wait),
            (None, None) => Next::Nothing,
        }
    }

    /// A job of `account` that was popped has used so much CPU.
    pub(super) fn done(&mut self, account: &Account, used: Duration) {
        account.charge_cpu(used);
        let used = nanos(used);
        if let Some(line) = self.lines.get_mut(&account.number()) {
            line.running = line.running.saturating_sub(1);
            line.time = line.time.saturating_add(used.saturating_mul(SCALE) / u64::from(account.weight()));
        }
    }

    /// Puts a waiting job of `account` before its tenant's others.
    pub(super) fn hasten(&mut self, account: &Account, is_it: impl Fn(&T) -> bool) {
        let Some(line) = self.lines.get_mut(&account.number()) else { return };
        if let Some(job) = line.waiting.iter().position(is_it).and_then(|at| line.waiting.remove(at)) {
            line.quick.push_front(job);
        }
    }

    /// Forgets who has nothing to do and owes nothing.
    pub(super) fn tidy(&mut self) {
        let time = self.time;
        self.lines.retain(|_, line| !line.is_empty() || line.running > 0 || line.time > time);
    }
}

impl<T> Line<T> {
    fn is_empty(&self) -> bool {
        self.quick.is_empty() && self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenants::{Pool, Quota};
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);

    fn account(weight: u32, cpu: Option<Duration>) -> Arc<Account> {
        Account::new(&Quota { weight, cpu, ..Quota::default() }, Pool::of_host(None))
    }

    /// Whose the next job is; each uses a millisecond and waits again.
    fn turn(queue: &mut Queue<Arc<Account>>, used: Duration) -> u32 {
        turn_at(Instant::now(), queue, used)
    }

    fn turn_at(now: Instant, queue: &mut Queue<Arc<Account>>, used: Duration) -> u32 {
        let Next::Job(job) = queue.pop(now) else { panic!("nobody") };
        queue.done(&job, used);
        queue.push(&job, job.clone(), At::Back);
        job.number()
    }

    #[test]
    fn a_tenant_gets_no_more_for_having_more_calls() {
        let (few, many) = (account(100, None), account(100, None));
        let mut queue = Queue::new();
        queue.push(&few, few.clone(), At::Back);
        (0..64).for_each(|_| queue.push(&many, many.clone(), At::Back));
        let turns = (0..1_000).filter(|_| turn(&mut queue, MS) == few.number()).count();
        assert!((499..=501).contains(&turns), "{turns}");
    }

    #[test]
    fn who_comes_back_has_saved_nothing_up_and_comes_first() {
        let (busy, rare) = (account(100, None), account(100, None));
        let mut queue = Queue::new();
        (0..8).for_each(|_| queue.push(&busy, busy.clone(), At::Back));
        (0..1_000).for_each(|_| assert_ne!(turn(&mut queue, MS), rare.number()));
        queue.push(&rare, rare.clone(), At::Back);
        let turns: Vec<_> = (0..8).map(|_| turn(&mut queue, MS) == rare.number()).collect();
        assert!(turns[0] && (4..=5).contains(&turns.iter().filter(|own| **own).count()), "{turns:?}");
    }

    #[test]
    fn a_job_at_the_front_goes_before_those_that_wait() {
        let own = account(100, None);
        let mut queue = Queue::new();
        queue.push(&own, 1, At::Back);
        queue.push(&own, 2, At::Back);
        queue.push(&own, 3, At::Front);
        queue.push(&own, 4, At::Front);
        queue.hasten(&own, |job| *job == 2);
        let order: Vec<_> = (0..4).map(|_| queue.pop(Instant::now())).collect();
        assert_eq!(order, [Next::Job(2), Next::Job(3), Next::Job(4), Next::Job(1)]);
        assert_eq!(queue.pop(Instant::now()), Next::Nothing);
        (0..4).for_each(|_| queue.done(&own, Duration::ZERO));
        queue.tidy();
        assert!(queue.lines.is_empty());
    }

    #[test]
    fn beyond_its_cpu_a_tenant_waits_and_the_others_go_on() {
        let (capped, free) = (account(100, Some(100 * MS)), account(100, None));
        let mut queue = Queue::new();
        queue.push(&capped, capped.clone(), At::Back);
        // What comes in a second may be used at once.
        let before = Instant::now();
        turn(&mut queue, 100 * MS);
        turn(&mut queue, 50 * MS);
        // It was charged at some time since then.
        let Next::After(wait) = queue.pop(before) else { panic!("it has used all it may") };
        assert!((500 * MS..=500 * MS + before.elapsed()).contains(&wait), "{wait:?}");
        queue.push(&free, free.clone(), At::Back);
        assert!((0..100).all(|_| turn_at(before, &mut queue, MS) == free.number()));
        capped.set(&Quota { weight: 100, ..Quota::default() });
        assert!((0..100).any(|_| turn(&mut queue, 10 * MS) == capped.number()));
    }

    proptest! {
        /// Tenants that always have something to do share by weight, to within their longest turns.
        #[test]
        fn shares_are_as_the_weights(
            tenants in proptest::collection::vec((1_u32..1_000, 1_usize..20), 2..6),
            uses in proptest::collection::vec(1_u64..3_000, 50..400),
        ) {
            let mut queue = Queue::new();
            let accounts: Vec<_> = tenants.iter().map(|(weight, calls)| {
                let account = account(*weight, None);
                (0..*calls).for_each(|_| queue.push(&account, account.clone(), At::Back));
                account
            }).collect();
            let mut used: HashMap<u32, u64> = HashMap::new();
            for micros in uses {
                let number = turn(&mut queue, Duration::from_micros(micros));
                *used.entry(number).or_default() += micros;
            }
            let times: Vec<_> = accounts.iter().map(|account| {
                used.get(&account.number()).copied().unwrap_or(0) as f64 / f64::from(account.weight())
            }).collect();
            for (one, account) in times.iter().zip(&accounts) {
                for other in &times {
                    // Who is ahead was the lowest before its last turn.
                    prop_assert!(one - other <= 3_000.0 / f64::from(account.weight()) + 1.0, "{times:?}");
                }
            }
        }
    }
}
