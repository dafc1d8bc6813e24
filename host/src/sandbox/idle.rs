//! Instances that wait for their application's next request.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::instance::Instance;

/// One application's waiting instances.
#[derive(Default)]
pub struct Idle(Mutex<VecDeque<Instance>>);

impl Idle {
    /// The instance that served last: its memory is the warmest.
    pub fn take(&self) -> Option<Instance> {
        self.lock().pop_back()
    }

    /// Keeps an instance for a later request.
    pub fn keep(&self, instance: Instance) {
        self.lock().push_back(instance);
    }

    /// Bytes of memory that all have.
    pub fn memory(&self) -> u64 {
        self.lock().iter().map(Instance::memory).sum()
    }

    /// Drops the one that has waited for the longest time; false if none waits.
    pub fn give_up(&self) -> bool {
        let given = self.lock().pop_front();
        given.is_some()
    }

    /// Drops all; says how many.
    pub fn clear(&self) -> usize {
        let dropped = std::mem::take(&mut *self.lock());
        dropped.len()
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Instance>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
