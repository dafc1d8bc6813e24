//! How many of the host's instances one application may have at once.

use std::sync::Arc;

use tokio::sync::{Semaphore, SemaphorePermit};

/// One application's part of the host's slots, which all of its versions have together: requests
/// that go on on an old version count as well. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Share(Arc<Semaphore>);

impl Share {
    /// All of `instances`, for an application that is alone on its host.
    pub fn whole(instances: u32) -> Share {
        Share(Arc::new(Semaphore::new(instances as usize)))
    }

    /// Half of `instances`, and at least one: whatever the application's manifest says and its
    /// requests do, the others find a slot.
    pub fn among_others(instances: u32) -> Share {
        Share::whole((instances / 2).max(1))
    }

    pub(super) fn try_take(&self) -> Option<SemaphorePermit<'_>> {
        self.0.try_acquire().ok()
    }

    pub(super) async fn take(&self) -> Option<SemaphorePermit<'_>> {
        self.0.acquire().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_among_others_never_has_all_unless_there_is_one_slot() {
        for (instances, most) in [(1, 1), (2, 1), (3, 1), (1000, 500)] {
            let share = Share::among_others(instances);
            let taken: Vec<_> = std::iter::from_fn(|| share.try_take()).collect();
            assert_eq!(taken.len(), most, "{instances}");
        }
    }
}
