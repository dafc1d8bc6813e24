//! Instances that wait for their application's next request.
//!
//! They hold slots of the host that another application may need more: so the engine knows all
//! sets, and takes the longest-waiting instance of one when it has no slot left.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::instance::Instance;

/// One application's waiting instances.
pub struct Idle(Arc<Set>);

type Set = Mutex<VecDeque<Instance>>;

/// All sets of an engine.
#[derive(Default)]
pub(super) struct Sets(Mutex<Vec<Weak<Set>>>);

impl Idle {
    /// The instance that served last: its memory is the warmest.
    pub fn take(&self) -> Option<Instance> {
        lock(&self.0).pop_back()
    }

    /// Keeps an instance for a later request.
    pub fn keep(&self, instance: Instance) {
        lock(&self.0).push_back(instance);
    }

    /// Drops all; says how many.
    pub fn clear(&self) -> usize {
        let dropped = std::mem::take(&mut *lock(&self.0));
        dropped.len()
    }
}

impl Sets {
    /// A new set.
    pub(super) fn add(&self) -> Idle {
        let set = Arc::default();
        let mut sets = lock(&self.0);
        sets.retain(|set| set.strong_count() > 0);
        sets.push(Arc::downgrade(&set));
        Idle(set)
    }

    /// Drops one waiting instance; false if there is none.
    pub(super) fn evict(&self) -> bool {
        let sets: Vec<_> = lock(&self.0).iter().filter_map(Weak::upgrade).collect();
        sets.iter().any(|set| {
            let evicted = lock(set).pop_front();
            evicted.is_some()
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
