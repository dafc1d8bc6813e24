//! Whether a request is a long one: one that computes so much that short ones should not have to wait for it.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::scheduler::SLICE;
use crate::units::nanos;

/// A call that has used more CPU than [`SLICE`], and more than this part of its time, is a long one. That is measured only
/// once it looks so: time in which others had the processor is none of it.
const PART: u64 = 64;

/// How much a request computes, as measured. Written by whichever thread polls the request, so by one at a time; times are
/// nanoseconds since the request began.
#[derive(Debug, Default)]
pub(super) struct Length {
    /// Each poll is measured from its beginning on.
    is_measured: AtomicBool,
    /// CPU that was measured since the request, or its being short again, began.
    measured: AtomicU64,
    short_since: AtomicU64,
    is_long: AtomicBool,
    times: AtomicU32,
    cpu: AtomicU64,
}

impl Length {
    /// Whether each poll is to be measured from its beginning on.
    pub(super) fn is_measured(&self) -> bool {
        self.is_measured.load(Relaxed)
    }

    /// Whether it is a long one now.
    pub(super) fn is_long(&self) -> bool {
        self.is_long.load(Relaxed)
    }

    /// How often it has become one.
    pub(super) fn times(&self) -> u32 {
        self.times.load(Relaxed)
    }

    /// CPU that was used as one.
    pub(super) fn cpu(&self) -> Duration {
        Duration::from_nanos(self.cpu.load(Relaxed))
    }

    /// It is known to be long, before it has begun.
    pub(super) fn begin_long(&self) {
        self.is_measured.store(true, Relaxed);
        self.turn_long();
    }

    /// So much seems to have been used in all: whether that looks like a long one.
    pub(super) fn look(&self, total: u64) {
        if total > nanos(SLICE) && !self.is_measured() {
            self.is_measured.store(true, Relaxed);
        }
    }

    /// So much was measured, by `now`.
    pub(super) fn add(&self, used: u64, now: u64) {
        if self.is_long() {
            self.cpu.store(self.cpu.load(Relaxed) + used, Relaxed);
            return;
        }
        let measured = self.measured.load(Relaxed) + used;
        self.measured.store(measured, Relaxed);
        if measured > nanos(SLICE) && measured > now.saturating_sub(self.short_since.load(Relaxed)) / PART {
            self.turn_long();
        }
    }

    /// It was long, and is short again `now`: its measure begins anew.
    pub(super) fn turn_short(&self, now: u64) {
        self.is_long.store(false, Relaxed);
        self.measured.store(0, Relaxed);
        self.short_since.store(now, Relaxed);
    }

    fn turn_long(&self) {
        if !self.is_long.swap(true, Relaxed) {
            self.times.store(self.times() + 1, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_is_what_was_measured_for_a_slice_and_for_its_part_of_the_time() {
        let slice = nanos(SLICE);
        let length = Length::default();
        length.look(slice);
        assert!(!length.is_measured());
        length.look(slice + 1);
        assert!(length.is_measured() && !length.is_long());
        length.add(slice, slice);
        assert!(!length.is_long());
        // So little in so long a time is a stream that computes now and then.
        length.add(1, PART * (slice + 1));
        assert!(!length.is_long());
        length.add(1, PART * (slice + 1));
        assert_eq!((length.is_long(), length.times(), length.cpu()), (true, 1, Duration::ZERO));
        length.add(5, PART * (slice + 1));
        length.turn_short(2 * PART * slice);
        assert_eq!((length.is_long(), length.cpu()), (false, Duration::from_nanos(5)));
        length.add(slice + 1, 2 * PART * slice + slice);
        assert_eq!((length.is_long(), length.times()), (true, 2));
    }
}
