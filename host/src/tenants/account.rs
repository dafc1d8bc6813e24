//! What one tenant uses at present, against what it may: the account that all its applications share.
//!
//! On a request's way it costs a few atomic operations, and for a tenant without limits hardly those.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use super::bucket::Bucket;
use super::gate::{Bounds, Gate};
use super::memory::Pool;
use super::quota::Quota;
use crate::units::nanos;

/// Stands for a number of applications that has no limit.
const NO_LIMIT: u32 = u32::MAX;

/// A tenant's account. An application's versions come and go; it stays.
#[derive(Debug)]
pub struct Account {
    number: u32,
    gate: Gate,
    requests: Bucket,
    responses: Bucket,
    log: Bucket,
    memory: Arc<Pool>,
    applications: AtomicU32,
    weight: AtomicU32,
    cpu: Bucket,
    long: AtomicU32,
    refused: AtomicU64,
    dropped: AtomicU64,
}

/// An account at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// Requests that run; where they are not limited they are not counted.
    pub in_flight: u32,
    /// Requests that wait for the tenant's turn.
    pub queued: u32,
    /// Bytes of all instances that are alive.
    pub memory: u64,
    /// Bytes of the machine code that is loaded.
    pub code: u64,
    /// Requests that were refused for a limit of the tenant's.
    pub refused: u64,
    /// Lines of logs that were dropped for it.
    pub dropped: u64,
}

impl Account {
    /// The account of a tenant that may have `quota`, within the host's memory.
    pub fn new(quota: &Quota, host: Arc<Pool>) -> Arc<Self> {
        static NUMBERS: AtomicU32 = AtomicU32::new(1);
        Arc::new(Self {
            number: NUMBERS.fetch_add(1, Relaxed),
            gate: Gate::new(bounds(quota)),
            requests: Bucket::new(quota.requests),
            responses: Bucket::new(quota.response_bytes),
            log: Bucket::new(quota.log_bytes),
            memory: Pool::of_tenant(quota.memory, host),
            applications: AtomicU32::new(quota.applications.unwrap_or(NO_LIMIT)),
            weight: AtomicU32::new(quota.weight),
            cpu: Bucket::new(quota.cpu.map(nanos)),
            long: AtomicU32::new(0),
            refused: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        })
    }

    /// An account without any limit, the host's neither.
    pub fn unlimited() -> Arc<Self> {
        Self::new(&Quota::default(), Pool::of_host(None))
    }

    /// Another quota is in force from now on. What is used already stays.
    pub fn set(&self, quota: &Quota) {
        self.gate.set(bounds(quota));
        self.requests.set(quota.requests);
        self.responses.set(quota.response_bytes);
        self.log.set(quota.log_bytes);
        self.memory.set(quota.memory);
        self.applications.store(quota.applications.unwrap_or(NO_LIMIT), Relaxed);
        self.weight.store(quota.weight, Relaxed);
        self.cpu.set(quota.cpu.map(nanos));
    }

    /// What the tenant is known by where a number will do; not 0.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// A request has come at the time `at`.
    ///
    /// # Errors
    /// After what time another one may, where there are too many a second.
    pub fn admit(&self, at: Instant) -> Result<(), Duration> {
        self.requests.take(1, at)
    }

    /// The places of requests that run, and the line before them.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// The memory of its instances and of their code.
    pub fn memory(&self) -> &Arc<Pool> {
        &self.memory
    }

    /// Some bytes of a response are about to be sent: how long they have to wait.
    pub fn pace(&self, bytes: usize) -> Duration {
        if self.responses.is_limited() { self.responses.reserve(bytes as u64, Instant::now()) } else { Duration::ZERO }
    }

    /// Bytes that waited are not sent after all.
    pub fn unsend(&self, bytes: usize) {
        self.responses.put_back(bytes as u64);
    }

    /// How many applications it may have; `None` is no limit.
    pub fn applications(&self) -> Option<u32> {
        Some(self.applications.load(Relaxed)).filter(|most| *most != NO_LIMIT)
    }

    /// Its part of what long calls share, against that of other tenants; at least 1.
    pub fn weight(&self) -> u32 {
        self.weight.load(Relaxed).max(1)
    }

    /// So much CPU was used.
    pub fn charge_cpu(&self, used: Duration) {
        if self.cpu.is_limited() {
            self.cpu.reserve(nanos(used), Instant::now());
        }
    }

    /// How long its long calls have to wait at the time `now` since it is beyond its CPU; no time where it is not.
    pub fn cpu_wait(&self, now: Instant) -> Duration {
        self.cpu.wait(now)
    }

    /// Whether it has used more CPU than it may.
    pub fn is_beyond_cpu(&self) -> bool {
        self.cpu.is_limited() && !self.cpu.wait(Instant::now()).is_zero()
    }

    /// How many of its calls are long ones.
    pub(super) fn long(&self) -> &AtomicU32 {
        &self.long
    }

    /// Whether a log may have another line of so many bytes; counts it where it may not.
    pub fn logs(&self, bytes: usize) -> bool {
        let fits = !self.log.is_limited() || self.log.take(bytes as u64, Instant::now()).is_ok();
        if !fits {
            self.dropped.fetch_add(1, Relaxed);
        }
        fits
    }

    /// Counts a request that was refused for one of its limits.
    pub fn refuse(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    /// How it stands.
    pub fn usage(&self) -> Usage {
        let (in_flight, queued) = self.gate.count();
        let code = self.memory.code();
        Usage {
            in_flight,
            queued,
            memory: self.memory.used().saturating_sub(code),
            code,
            refused: self.refused.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
        }
    }
}

fn bounds(quota: &Quota) -> Bounds {
    quota.in_flight.map_or(Bounds::NONE, |most| Bounds { most, queue: quota.queue })
}
