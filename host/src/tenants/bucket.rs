//! A rate: so much a second, and as much at once. Pure; the clock is given.
//!
//! The generic cell rate algorithm (ITU-T I.371): all that is kept is the time at which the bucket will be full again, so
//! that a take is one atomic operation.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// How much may be taken at once, in time: what comes in a second. A burst is the rule in the web, not the exception.
const BURST: u64 = 1_000_000_000;

/// A token bucket. Units are whatever its owner counts: requests, bytes.
#[derive(Debug)]
pub(super) struct Bucket {
    /// Units a second; 0 where there is no limit.
    rate: AtomicU64,
    epoch: Instant,
    /// When it will be full, in nanoseconds since `epoch`.
    full: AtomicU64,
}

impl Bucket {
    /// A full bucket that `rate` units flow into each second; without a rate it is never empty.
    pub(super) fn new(rate: Option<u64>) -> Self {
        Self { rate: AtomicU64::new(rate.unwrap_or(0)), epoch: Instant::now(), full: AtomicU64::new(0) }
    }

    /// Another rate from now on.
    pub(super) fn set(&self, rate: Option<u64>) {
        self.rate.store(rate.unwrap_or(0), Relaxed);
    }

    /// Whether anything is limited at all; where not, the clock need not be read.
    pub(super) fn is_limited(&self) -> bool {
        self.rate.load(Relaxed) != 0
    }

    /// Takes `units` at the time `now`, all of them or none. More than the bucket holds are given when it is full, and
    /// are missing from it then.
    ///
    /// # Errors
    /// After what time there will be enough.
    pub(super) fn take(&self, units: u64, now: Instant) -> Result<(), Duration> {
        let Some(cost) = self.cost(units) else { return Ok(()) };
        let now = self.nanos(now);
        let taken = self.full.fetch_update(Relaxed, Relaxed, |full| {
            let then = full.max(now).saturating_add(cost);
            (full <= now || then <= now + BURST).then_some(then)
        });
        taken.map(drop).map_err(|full| {
            // Less than a burst is missing, or all of it is: a larger take than that waits until it is full.
            let enough = full.saturating_add(cost.min(BURST)).saturating_sub(BURST);
            Duration::from_nanos(enough.saturating_sub(now))
        })
    }

    /// Takes `units` in any case, and tells how long to wait before they are used: no time while something is left.
    pub(super) fn reserve(&self, units: u64, now: Instant) -> Duration {
        let Some(cost) = self.cost(units) else { return Duration::ZERO };
        let now = self.nanos(now);
        let add = |full: u64| Some(full.max(now).saturating_add(cost));
        let full = self.full.fetch_update(Relaxed, Relaxed, add).unwrap_or_else(|full| full);
        Duration::from_nanos(full.saturating_sub(now).saturating_sub(BURST))
    }

    /// How long it will be until something is left; no time where something is.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        if !self.is_limited() {
            return Duration::ZERO;
        }
        let full = self.full.load(Relaxed);
        Duration::from_nanos(full.saturating_sub(self.nanos(now)).saturating_sub(BURST))
    }

    /// Puts `units` back that were reserved and not used.
    pub(super) fn put_back(&self, units: u64) {
        if let Some(cost) = self.cost(units) {
            let _ = self.full.fetch_update(Relaxed, Relaxed, |full| Some(full.saturating_sub(cost)));
        }
    }

    /// The time in which `units` flow in; none without a limit.
    fn cost(&self, units: u64) -> Option<u64> {
        let rate = self.rate.load(Relaxed);
        (rate != 0).then(|| u64::try_from(u128::from(units) * 1_000_000_000 / u128::from(rate)).unwrap_or(u64::MAX))
    }

    fn nanos(&self, now: Instant) -> u64 {
        // 584 years from now is soon enough to saturate.
        u64::try_from(now.saturating_duration_since(self.epoch).as_nanos()).unwrap_or(u64::MAX - BURST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(bucket: &Bucket, millis: u64) -> Instant {
        bucket.epoch + Duration::from_millis(millis)
    }

    #[test]
    fn a_burst_is_given_and_then_the_rate() {
        let bucket = Bucket::new(Some(10));
        for _ in 0..10 {
            bucket.take(1, at(&bucket, 0)).unwrap();
        }
        assert_eq!(bucket.take(1, at(&bucket, 0)), Err(Duration::from_millis(100)));
        assert_eq!(bucket.take(3, at(&bucket, 50)), Err(Duration::from_millis(250)));
        bucket.take(1, at(&bucket, 100)).unwrap();
        bucket.take(10, at(&bucket, 1_100)).unwrap();
    }

    #[test]
    fn more_than_it_holds_is_given_when_it_is_full() {
        let bucket = Bucket::new(Some(10));
        bucket.take(1, at(&bucket, 0)).unwrap();
        assert_eq!(bucket.take(50, at(&bucket, 0)), Err(Duration::from_millis(100)));
        bucket.take(50, at(&bucket, 100)).unwrap();
        assert_eq!(bucket.take(1, at(&bucket, 100)), Err(Duration::from_millis(4_100)));
    }

    #[test]
    fn without_a_rate_everything_is_given() {
        let bucket = Bucket::new(None);
        assert!((0..1_000).all(|_| bucket.take(u64::MAX, at(&bucket, 0)).is_ok()));
        assert_eq!(bucket.reserve(u64::MAX, at(&bucket, 0)), Duration::ZERO);
        bucket.set(Some(1));
        assert_eq!(bucket.take(1, at(&bucket, 0)), Ok(()));
        assert!(bucket.take(1, at(&bucket, 0)).is_err() && bucket.is_limited());
    }

    #[test]
    fn the_greatest_numbers_do_no_harm() {
        let bucket = Bucket::new(Some(1));
        bucket.reserve(u64::MAX, at(&bucket, 0));
        assert!(bucket.reserve(u64::MAX, at(&bucket, 1)) > Duration::from_secs(1 << 30));
        assert!(bucket.take(u64::MAX, at(&bucket, 2)).is_err());
        bucket.put_back(u64::MAX);
        assert_eq!(bucket.take(1, at(&bucket, 3)), Ok(()));
    }

    proptest! {
        /// What is taken in any span of time is at most the burst and what flows in meanwhile.
        #[test]
        fn no_span_gets_more_than_its_rate(
            rate in 1_u64..1_000,
            steps in proptest::collection::vec((0_u64..400, 1_u64..50), 1..60),
        ) {
            let bucket = Bucket::new(Some(rate));
            let (mut millis, mut taken) = (0, Vec::new());
            for (pause, units) in steps {
                millis += pause;
                let units = units.min(rate);
                if bucket.take(units, at(&bucket, millis)).is_ok() {
                    taken.push((millis, units));
                }
            }
            for (from, &(began, _)) in taken.iter().enumerate() {
                for (to, &(ended, _)) in taken.iter().enumerate().skip(from) {
                    let units: u64 = taken[from..=to].iter().map(|(_, units)| units).sum();
                    // Each take is rounded down by less than a nanosecond.
                    prop_assert!(units * 1_000 <= rate * (1_000 + ended - began) + 1, "{units} in {began}..{ended}");
                }
            }
        }

        /// Whoever was told to wait gets it then, and not before.
        #[test]
        fn the_wait_is_as_long_as_it_has_to_be(rate in 1_u64..100_000, first in 1_u64..9, units in 1_u64..200_000) {
            let bucket = Bucket::new(Some(rate));
            let now = at(&bucket, 5);
            for _ in 0..first {
                bucket.reserve(rate / 3 + 1, now);
            }
            if let Err(wait) = bucket.take(units, now) {
                prop_assert!(bucket.take(units, now + wait - Duration::from_nanos(1)).is_err());
                prop_assert!(bucket.take(units, now + wait).is_ok());
            }
        }

        /// Reservations leave one after the other, at the rate; what is put back was never taken.
        #[test]
        fn reservations_are_paced(rate in 1_u64..1_000_000, sizes in proptest::collection::vec(1_u64..1_000_000, 1..20)) {
            let bucket = Bucket::new(Some(rate));
            let now = at(&bucket, 0);
            let mut before = 0_u128;
            for &size in &sizes {
                let wait = bucket.reserve(size, now).as_nanos();
                let expected = (before * 1_000_000_000 / u128::from(rate)).saturating_sub(BURST.into());
                prop_assert!(wait <= expected && expected - wait <= sizes.len() as u128, "{wait} for {expected}");
                before += u128::from(size);
            }
            sizes.iter().for_each(|&size| bucket.put_back(size));
            prop_assert_eq!(bucket.full.load(Relaxed), 0);
        }
    }
}
