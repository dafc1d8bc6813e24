//! The three clocks of a request: CPU and wall time of one call into the guest, and the life of
//! the whole request.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::Poll;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::client::Client;
use super::length::Length;
use super::limited::Limited;
use crate::units::nanos;

/// Time between two ticks of the clock that interrupts guests, where there are any that compute.
pub const TICK: Duration = Duration::from_millis(1);

/// What a guest that was interrupted by a tick was found at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// It has hardly run.
    Beginning,
    /// It may have computed for half a [`TICK`] or more: that was not measured, and will be by the next tick.
    Unmeasured,
    /// It computes, so that others may be waiting for it: since a tick before in this poll, or for half a [`TICK`] at least.
    Computing,
}

/// Between two polls nothing is used: no time has passed since this one.
const NEVER: u64 = u64::MAX;

/// The limits that a request runs under.
#[derive(Clone, Copy, Debug)]
pub struct Clocks {
    /// Guest CPU in one call (handle, next, close, sent).
    pub cpu: Duration,
    /// Time in one call, without what it waits for its client.
    pub wall: Duration,
    /// The request from its head to its last byte.
    pub life: Option<Duration>,
    /// A wait for the client in which nothing comes of it.
    pub stall: Duration,
}

/// Why a call was ended from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// [`Clocks::cpu`] was used up.
    #[error("the call used up its CPU time")]
    Cpu,
    /// [`Clocks::wall`] was over.
    #[error("the call took longer than its wall time")]
    Wall,
    /// [`Clocks::life`] was over.
    #[error("the request lived longer than it may")]
    Life,
    /// The client had left, and the call did not return within a second.
    #[error("the client left and the call did not return")]
    Left,
}

/// What a request has used. Written by whichever thread polls the request, so by one at a time.
///
/// Clocks are read where a poll of the request begins and where it ends pending, not around each
/// call: a request that is answered at once reads two, and what the host does between its calls is
/// done for it.
#[derive(Debug)]
pub struct Meter {
    clocks: Clocks,
    epoch: Instant,
    /// When the poll in progress began (0: there was none yet; [`NEVER`]: it has ended), and the
    /// thread's CPU clock since when it is measured: from its first tick on (0: none yet), or from its beginning.
    poll_began: AtomicU64,
    poll_cpu: AtomicU64,
    ticked: AtomicBool,
    length: Length,
    /// CPU of this call and of the whole request, without that of the poll in progress since its
    /// last tick.
    call_cpu: AtomicU64,
    total_cpu: AtomicU64,
    /// When the poll began in which this call did (0: there was no call yet).
    call_began: AtomicU64,
    /// What the clock said last; 0 once a guest has run since.
    seen: AtomicU64,
    /// Time that this call spent waiting for its client, up to `waiting_since` if that isn't 0.
    waited: AtomicU64,
    waiting_since: AtomicU64,
    /// Why a call was ended in the midst of it.
    ended: OnceLock<Ended>,
    over: AtomicBool,
    bytes_read: AtomicU64,
    memory: AtomicU64,
}

/// What a request has used by a moment, and when that was.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// The moment.
    pub at: Instant,
    /// From the request's head to then.
    pub elapsed: Duration,
    /// CPU until then.
    pub cpu: Duration,
}

impl Meter {
    pub(super) fn new(clocks: Clocks, epoch: Instant) -> Meter {
        let zero = || AtomicU64::new(0);
        Meter {
            clocks,
            epoch,
            poll_began: zero(),
            poll_cpu: zero(),
            ticked: AtomicBool::new(false),
            length: Length::default(),
            call_cpu: zero(),
            total_cpu: zero(),
            call_began: zero(),
            seen: zero(),
            waited: zero(),
            waiting_since: zero(),
            ended: OnceLock::new(),
            over: AtomicBool::new(false),
            bytes_read: zero(),
            memory: zero(),
        }
    }

    /// What the guest has used beside CPU, once it is known: bytes that it read of the request's
    /// body, and bytes of memory that its instance has.
    pub fn note(&self, bytes_read: u64, memory: u64) {
        self.bytes_read.store(bytes_read, Relaxed);
        self.memory.store(memory, Relaxed);
    }

    /// Bytes that the guest read of the request's body, as [`Meter::note`] was told.
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Relaxed)
    }

    /// Bytes of memory that the instance had, as [`Meter::note`] was told.
    pub fn memory(&self) -> u64 {
        self.memory.load(Relaxed)
    }

    /// How far the request is, for its line in the log: in the middle of a poll, or between two.
    pub fn read(&self) -> Reading {
        let elapsed = self.elapsed();
        let used = self.since_last_tick(nanos(elapsed));
        let cpu = Duration::from_nanos(self.total_cpu.load(Relaxed) + used);
        Reading { at: self.epoch + elapsed, elapsed, cpu }
    }

    /// From the request's head to now, or to when the clock was read last if no guest has run since:
    /// what the host does between two calls is too little for another look.
    pub fn elapsed(&self) -> Duration {
        let seen = self.seen.load(Relaxed);
        Duration::from_nanos(if seen == 0 || self.is_between_polls() { self.now() } else { seen })
    }

    /// When the request is over, whatever happens.
    pub fn deadline(&self) -> Option<Instant> {
        let life = self.clocks.life.filter(|_| !self.over.load(Relaxed));
        life.map(|life| self.epoch + life)
    }

    /// The last byte is out: close and hooks have the clocks of a call, and no other.
    pub fn end_life(&self) {
        self.over.store(true, Relaxed);
    }

    /// A new call begins. A `next` after an empty chunk goes on with the call before it.
    pub fn begin_call(&self) {
        self.call_cpu.store(0, Relaxed);
        self.waited.store(0, Relaxed);
        self.waiting_since.store(0, Relaxed);
        self.call_began.store(self.poll_began.load(Relaxed), Relaxed);
    }

    /// The guest was interrupted by a tick.
    ///
    /// # Errors
    /// Once the call has used up its CPU, or its time is over: it may have been without a processor for long.
    pub fn tick(&self) -> Result<Found, Ended> {
        let (cpu, now) = (thread_cpu(), self.now());
        let since = self.poll_cpu.swap(cpu, Relaxed);
        let used = if since == 0 { self.since_poll(now) } else { cpu.saturating_sub(since) };
        if since == 0 {
            self.charge(used);
        } else {
            self.charge_measured(used, now);
        }
        self.check_cpu()?;
        self.check_time(now)?;
        Ok(match (self.ticked.swap(true, Relaxed), used > nanos(TICK / 2)) {
            (false, false) => Found::Beginning,
            (false, true) if since == 0 => Found::Unmeasured,
            _ => Found::Computing,
        })
    }

    /// Whether the request computes so much that short ones should not have to wait for it.
    pub fn is_long(&self) -> bool {
        self.length.is_long()
    }

    /// It is known to be long, before it has begun.
    pub(super) fn begin_long(&self) {
        self.length.begin_long();
    }

    /// How often it has become a long one.
    pub(super) fn times_long(&self) -> u32 {
        self.length.times()
    }

    /// Whether a guest has used any CPU yet.
    pub(super) fn has_computed(&self) -> bool {
        self.total_cpu.load(Relaxed) > 0
    }

    /// It was long, and is short again: its measure begins anew.
    pub fn turn_short(&self) {
        self.length.turn_short(self.now());
    }

    /// CPU that was used while the request was not a long one, by the moment of `reading`.
    pub fn short_cpu(&self, reading: &Reading) -> Duration {
        reading.cpu.saturating_sub(self.long_cpu())
    }

    /// CPU that was used while it was a long one.
    pub fn long_cpu(&self) -> Duration {
        self.length.cpu()
    }

    pub(super) fn check_cpu(&self) -> Result<(), Ended> {
        if self.call_cpu.load(Relaxed) <= nanos(self.clocks.cpu) {
            return Ok(());
        }
        Err(self.end(Ended::Cpu))
    }

    fn check_time(&self, now: u64) -> Result<(), Ended> {
        let moment = self.epoch + Duration::from_nanos(now);
        if self.wall_deadline() <= moment {
            Err(self.end(Ended::Wall))
        } else if self.deadline().is_some_and(|life| life <= moment) {
            Err(self.end(Ended::Life))
        } else {
            Ok(())
        }
    }

    fn end(&self, why: Ended) -> Ended {
        *self.ended.get_or_init(|| why)
    }

    /// Runs a wait for the client: its time doesn't count against the call's wall time.
    pub async fn waiting<T>(&self, wait: impl Future<Output = T>) -> T {
        let mut wait = pin!(wait);
        // What is there already was not waited for, and costs no look at the clock.
        if let Poll::Ready(done) = poll_fn(|cx| Poll::Ready(wait.as_mut().poll(cx))).await {
            return done;
        }
        self.waiting_since.store(self.now(), Relaxed);
        let done = wait.await;
        let since = self.waiting_since.swap(0, Relaxed);
        self.waited.store(self.waited.load(Relaxed) + (self.now() - since), Relaxed);
        done
    }

    /// Runs a call into the guest under all clocks; it is ended a second after `client` left, if it
    /// is for one.
    ///
    /// # Errors
    /// Why it was ended, in which case the instance must not be used again. That may also show as an
    /// error of the call itself; then [`Meter::ended`] tells.
    pub fn limit<'a, T>(
        &'a self,
        client: Option<&'a Client>,
        call: impl Future<Output = T> + 'a,
    ) -> impl Future<Output = Result<T, Ended>> + 'a {
        Limited::new(self, client, call)
    }

    /// Polls a request, or a part of it, with its CPU metered. Every [`Meter::limit`] is within one.
    pub fn poll<T>(&self, request: impl FnOnce() -> Poll<T>) -> Poll<T> {
        self.ticked.store(false, Relaxed);
        self.poll_cpu.store(if self.length.is_measured() { thread_cpu() } else { 0 }, Relaxed);
        // The first poll begins with the request.
        let first = self.poll_began.load(Relaxed) == 0;
        self.poll_began.store(if first { 1 } else { self.now() }, Relaxed);
        let polled = request();
        if polled.is_pending() {
            let (now, measured) = (nanos(self.elapsed()), self.poll_cpu.load(Relaxed) != 0);
            let used = self.since_last_tick(now);
            if measured {
                self.charge_measured(used, now)
            } else {
                self.charge(used)
            }
            self.poll_cpu.store(0, Relaxed);
            self.poll_began.store(NEVER, Relaxed);
        }
        polled
    }

    /// Why a call was ended in the midst of it, if one was.
    pub fn ended(&self) -> Option<Ended> {
        self.ended.get().copied()
    }

    /// CPU that this poll used since it was charged last.
    fn since_last_tick(&self, now: u64) -> u64 {
        match self.poll_cpu.load(Relaxed) {
            0 => self.since_poll(now),
            since => thread_cpu().saturating_sub(since),
        }
    }

    /// CPU of a poll before its first tick, a [`TICK`] at most: if it took longer the kernel may have given the core to
    /// others meanwhile, or it was not measured yet how long. Before the first call there is no guest to charge.
    fn since_poll(&self, now: u64) -> u64 {
        if self.call_began.load(Relaxed) == 0 {
            return 0;
        }
        now.saturating_sub(self.poll_began.load(Relaxed)).min(nanos(TICK))
    }

    fn charge(&self, used: u64) {
        let total = self.total_cpu.load(Relaxed) + used;
        self.call_cpu.store(self.call_cpu.load(Relaxed) + used, Relaxed);
        self.total_cpu.store(total, Relaxed);
        self.length.look(total);
    }

    fn charge_measured(&self, used: u64, now: u64) {
        self.charge(used);
        self.length.add(used, now);
    }

    /// How the call stands: when its wall time is over, as it looks now.
    pub(super) fn wall_deadline(&self) -> Instant {
        let since = self.waiting_since.load(Relaxed);
        let waiting = if since == 0 { 0 } else { self.now() - since };
        let waited = Duration::from_nanos(self.waited.load(Relaxed) + waiting);
        self.epoch + Duration::from_nanos(self.call_began.load(Relaxed)) + self.clocks.wall + waited
    }

    /// A guest runs, or has run: what the clock said before is no more what it says.
    pub(super) fn forget_seen(&self) {
        self.seen.store(0, Relaxed);
    }

    fn is_between_polls(&self) -> bool {
        self.poll_began.load(Relaxed) == NEVER
    }

    /// Nanoseconds since the request began; never 0, which stands for "none".
    fn now(&self) -> u64 {
        let now = nanos(self.epoch.elapsed()).max(1);
        self.seen.store(now, Relaxed);
        now
    }
}

fn thread_cpu() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_used_before_the_first_call_nor_between_two_polls() {
        let hour = Duration::from_secs(3600);
        let meter = Meter::new(Clocks { cpu: hour, wall: hour, life: None, stall: hour }, Instant::now());
        assert!(meter.poll(|| Poll::<()>::Pending).is_pending());
        assert_eq!(meter.read().cpu, Duration::ZERO);
        let before = meter.now();
        let polled = meter.poll(|| {
            meter.begin_call();
            let began = meter.now();
            while meter.now() < began + 50_000 {}
            let found = meter.tick().unwrap();
            // Where this thread had to wait meanwhile it looks as if it had computed.
            assert!(found == Found::Beginning || meter.now() - before > nanos(TICK / 2));
            assert_ne!(found, Found::Computing);
            assert_eq!(meter.tick(), Ok(Found::Computing));
            Poll::<()>::Pending
        });
        assert!(polled.is_pending());
        let used = meter.read().cpu;
        assert!(used >= Duration::from_micros(50), "{used:?}");
        // Whoever reads it may be another thread, whose CPU clock is another one.
        let elsewhere = std::thread::scope(|scope| scope.spawn(|| meter.read().cpu).join().unwrap());
        assert_eq!((meter.read().cpu, elsewhere), (used, used));
    }
}
