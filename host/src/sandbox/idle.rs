//! Instances that wait for their application's next request.
//!
//! They hold memory and slots that other requests may need more: so their tenant's pool knows them, and has the
//! longest-waiting one dropped when there is too little.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::instance::Instance;
use crate::tenants::{Pool, Spare};

/// One application's waiting instances.
pub struct Idle(Arc<Set>);

#[derive(Default)]
struct Set(Mutex<VecDeque<Instance>>);

impl Idle {
    /// None yet. Those that come are given up where `pool` needs their memory.
    pub fn new(pool: &Pool) -> Idle {
        let set = Arc::new(Set::default());
        let spare: Arc<dyn Spare> = set.clone();
        pool.add_spare(&spare);
        Idle(set)
    }

    /// The instance that served last: its memory is the warmest.
    pub fn take(&self) -> Option<Instance> {
        self.0.lock().pop_back()
    }

    /// Keeps an instance for a later request.
    pub fn keep(&self, instance: Instance) {
        self.0.lock().push_back(instance);
    }

    /// Drops all; says how many.
    pub fn clear(&self) -> usize {
        let dropped = std::mem::take(&mut *self.0.lock());
        dropped.len()
    }
}

impl Set {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Instance>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spare for Set {
    fn give_up(&self) -> bool {
        let given = self.lock().pop_front();
        given.is_some()
    }
}
