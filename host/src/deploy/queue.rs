//! What waits to be compiled, fairly by tenant: whoever has had the least of the compiling threads' time is next, however
//! much somebody else has in line. Pure but for its lock.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::apps::TenantName;

/// What may be waiting in vain.
pub(super) trait Wanted {
    /// Whether anybody still wants it.
    fn is_wanted(&self) -> bool;
}

/// The queue's handle. Cheap to clone.
pub(super) struct Queue<T>(Arc<Shared<T>>);

struct Shared<T> {
    lines: Mutex<Lines<T>>,
    arrived: Condvar,
}

/// Work that was taken out, and the turn it is: its time is its tenant's until that is dropped.
pub(super) struct Turn<T> {
    queue: Queue<T>,
    tenant: TenantName,
    began: Instant,
}

struct Lines<T> {
    tenants: BTreeMap<TenantName, Line<T>>,
    /// The time that whoever was served last had had by then. Whoever comes begins here: waiting earns nothing.
    clock: Duration,
    closed: bool,
}

struct Line<T> {
    waiting: VecDeque<T>,
    running: usize,
    /// The time that it has had.
    spent: Duration,
    /// At this length what nobody wants any more is dropped.
    prune: usize,
}

/// A line is not looked through while it is shorter.
const SHORT: usize = 64;

impl<T: Wanted> Queue<T> {
    pub(super) fn new() -> Self {
        let lines = Lines { tenants: BTreeMap::new(), clock: Duration::ZERO, closed: false };
        Self(Arc::new(Shared { lines: Mutex::new(lines), arrived: Condvar::new() }))
    }

    /// Puts `work` at the end of its tenant's line. After the end it is dropped.
    pub(super) fn push(&self, tenant: &TenantName, work: T) {
        self.lines().push(tenant, work);
        self.0.arrived.notify_one();
    }

    /// Waits for work; none after the end.
    pub(super) fn take(&self) -> Option<(Turn<T>, T)> {
        let mut lines = self.lines();
        loop {
            if lines.closed {
                return None;
            }
            if let Some((tenant, work)) = lines.take() {
                return Some((Turn { queue: self.clone(), tenant, began: Instant::now() }, work));
            }
            lines = self.0.arrived.wait(lines).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The end: what waits is dropped, and nothing is taken any more.
    pub(super) fn close(&self) {
        let mut lines = self.lines();
        lines.closed = true;
        lines.tenants.clear();
        self.0.arrived.notify_all();
    }
}

impl<T> Queue<T> {
    fn lines(&self) -> MutexGuard<'_, Lines<T>> {
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Drop for Turn<T> {
    fn drop(&mut self) {
        self.queue.lines().done(&self.tenant, self.began.elapsed());
    }
}

impl<T: Wanted> Lines<T> {
    fn push(&mut self, tenant: &TenantName, work: T) {
        if self.closed {
            return;
        }
        let new = || Line { waiting: VecDeque::new(), running: 0, spent: Duration::ZERO, prune: SHORT };
        let line = self.tenants.entry(tenant.clone()).or_insert_with(new);
        if line.waiting.is_empty() {
            line.spent = line.spent.max(self.clock);
        }
        line.waiting.push_back(work);
        if line.waiting.len() >= line.prune {
            line.waiting.retain(Wanted::is_wanted);
            line.prune = (line.waiting.len() * 2).max(SHORT);
        }
    }

    fn take(&mut self) -> Option<(TenantName, T)> {
        let waiting = self.tenants.iter_mut().filter(|(_, line)| !line.waiting.is_empty());
        let (tenant, line) = waiting.min_by_key(|(_, line)| (line.running, line.spent))?;
        self.clock = self.clock.max(line.spent);
        line.running += 1;
        Some((tenant.clone(), line.waiting.pop_front()?))
    }
}

impl<T> Lines<T> {
    fn done(&mut self, tenant: &TenantName, took: Duration) {
        if let Some(line) = self.tenants.get_mut(tenant) {
            line.running -= 1;
            line.spent += took;
        }
        let clock = self.clock;
        // Who has nothing in line and no more than anybody else to answer for is forgotten.
        self.tenants.retain(|_, line| !line.waiting.is_empty() || line.running > 0 || line.spent > clock);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Wanted for u32 {
        fn is_wanted(&self) -> bool {
            !self.is_multiple_of(2)
        }
    }

    fn lines() -> Lines<u32> {
        Lines { tenants: BTreeMap::new(), clock: Duration::ZERO, closed: false }
    }

    fn tenant(name: &str) -> TenantName {
        TenantName::new(name).unwrap()
    }

    const SECOND: Duration = Duration::from_secs(1);

    /// Runs what is in line on one thread; each takes as many seconds as its number says.
    fn served(lines: &mut Lines<u32>, most: usize) -> String {
        let mut order = String::new();
        while order.len() < most {
            let Some((tenant, work)) = lines.take() else { break };
            order += tenant.as_str();
            lines.done(&tenant, SECOND * work);
        }
        order
    }

    #[test]
    fn one_long_line_is_served_in_its_order() {
        let mut lines = lines();
        [5, 3, 1].into_iter().for_each(|work| lines.push(&tenant("e"), work));
        let taken: Vec<_> = std::iter::from_fn(|| lines.take()).map(|(_, work)| work).collect();
        assert_eq!(taken, [5, 3, 1]);
    }

    #[test]
    fn turns_are_divided_by_time_and_not_by_number() {
        let mut lines = lines();
        for _ in 0..10 {
            lines.push(&tenant("e"), 9);
        }
        for _ in 0..12 {
            lines.push(&tenant("v"), 3);
        }
        assert_eq!(served(&mut lines, 12), "evvvevvvevvv");
    }

    #[test]
    fn who_comes_later_waits_for_one_turn_at_most_and_earned_nothing_by_waiting() {
        let mut lines = lines();
        for _ in 0..100 {
            lines.push(&tenant("e"), 7);
        }
        assert_eq!(served(&mut lines, 20), "e".repeat(20));
        for _ in 0..5 {
            lines.push(&tenant("v"), 7);
        }
        assert_eq!(served(&mut lines, 10), "veveveveve");
    }

    #[test]
    fn one_at_a_time_is_charged_as_well() {
        let mut lines = lines();
        for _ in 0..60 {
            lines.push(&tenant("v"), 1);
        }
        lines.push(&tenant("e"), 61);
        let mut order = String::new();
        while let Some((taken, work)) = lines.take() {
            order += taken.as_str();
            lines.done(&taken, SECOND * work);
            if taken == tenant("e") && order.len() < 40 {
                lines.push(&taken, 61);
            }
        }
        assert_eq!(order, format!("e{}e", "v".repeat(60)));
        assert!(lines.tenants.len() <= 1, "an idle tenant is forgotten once others have had as much");
    }

    #[test]
    fn who_runs_least_is_next() {
        let mut lines = lines();
        [1, 3].into_iter().for_each(|work| lines.push(&tenant("e"), work));
        lines.push(&tenant("v"), 5);
        assert_eq!((lines.take(), lines.take()), (Some((tenant("e"), 1)), Some((tenant("v"), 5))));
        lines.push(&tenant("v"), 7);
        lines.done(&tenant("v"), SECOND * 100);
        assert_eq!(lines.take(), Some((tenant("v"), 7)), "e has one running");
    }

    #[test]
    fn what_nobody_wants_does_not_gather() {
        let mut lines = lines();
        (0..1000).for_each(|work| lines.push(&tenant("e"), work * 2));
        assert!(lines.tenants[&tenant("e")].waiting.len() < SHORT);
    }

    #[test]
    fn after_the_end_nothing_is_taken() {
        let queue = Queue::new();
        queue.push(&tenant("e"), 1);
        queue.close();
        queue.push(&tenant("e"), 1);
        assert!(queue.take().is_none());
    }
}
