//! How many of the host's instances one application may have at once.

use std::sync::Arc;

use crate::tenants::{Bounds, Gate};

/// One application's part of the host's slots, which all of its versions have together: requests
/// that go on on an old version count as well. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Share {
    most: u32,
    gate: Arc<Gate>,
}

impl Share {
    /// All of `instances`, for an application that is alone on its host.
    pub fn whole(instances: u32) -> Share {
        // Who waits here has a place of its version, so that these bound the line.
        Share { most: instances, gate: Arc::new(Gate::new(Bounds { most: instances, queue: u32::MAX })) }
    }

    /// Half of `instances`, and at least one: whatever the application's manifest says and its
    /// requests do, the others find a slot.
    pub fn among_others(instances: u32) -> Share {
        Share::whole((instances / 2).max(1))
    }

    /// How many it is.
    pub(super) fn most(&self) -> u32 {
        self.most
    }

    pub(super) fn gate(&self) -> &Gate {
        &self.gate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_among_others_never_has_all_unless_there_is_one_slot() {
        for (instances, most) in [(1, 1), (2, 1), (3, 1), (1000, 500)] {
            let share = Share::among_others(instances);
            let taken: Vec<_> = std::iter::from_fn(|| share.gate().try_enter()).collect();
            assert_eq!((taken.len(), share.most() as usize), (most, most), "{instances}");
        }
    }
}
