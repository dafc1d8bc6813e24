//! A task that can be polled in two places, by one thread at a time.
//!
//! Its future never learns of it: it is woken through the same waker all its life, and the waker knows where the future
//! is. Wherever it is taken it is polled once, so that a wake-up on the way is not lost.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use tokio::runtime::Handle;

use super::queue::At;
use super::{Departure, Lane, Shared};
use crate::tenants::Account;

/// A future that can be taken from one thread to another.
pub type Boxed = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Where a task is. Changes under the scheduler's lock, and is read without it where it is [`HOME`].
pub(super) const HOME: u8 = 0;
/// With the scheduler, and waiting for something to happen.
pub(super) const IDLE: u8 = 1;
/// Waiting for a thread.
pub(super) const QUEUED: u8 = 2;
/// The same, and something has happened meanwhile.
pub(super) const HASTENED: u8 = 3;
pub(super) const RUNNING: u8 = 4;
/// Woken since its turn began.
pub(super) const NOTIFIED: u8 = 5;

/// What both places share of a task.
pub(super) struct Task {
    scheduler: Arc<Shared>,
    /// Timers and sockets of the future belong to it.
    pub(super) runtime: Handle,
    place: AtomicU8,
    home: OnceLock<Waker>,
    /// Of a connection; a call alone hasn't got one, and does not come home.
    pub(super) lane: Option<Arc<Lane>>,
    away: Mutex<Away>,
    /// Whose CPU it uses away from home.
    account: Mutex<Option<Arc<Account>>>,
    /// Its last burst was short.
    pub(super) is_quick: AtomicBool,
}

/// A task away from home. Locked while it is polled there.
pub(super) struct Away {
    /// None at home, and once it is over.
    pub(super) future: Option<Boxed>,
    is_over: bool,
    /// CPU since it waited last, and how many times in a row that was little.
    pub(super) burst: Duration,
    pub(super) short_bursts: u32,
}

/// A task, as whoever spawned it has it: a future that polls another one, or waits for it to come home or to its end.
/// Dropped, it takes the other one along.
pub struct Movable {
    task: Arc<Task>,
    waker: Waker,
    future: Option<Boxed>,
}

impl Task {
    pub(super) fn place(&self) -> u8 {
        self.place.load(Acquire)
    }

    pub(super) fn set_place(&self, place: u8) {
        self.place.store(place, Release);
    }

    pub(super) fn wake_home(&self) {
        if let Some(home) = self.home.get() {
            home.wake_by_ref();
        }
    }

    /// Whose CPU it uses, and where it joins their line when it has something to do.
    pub(super) fn joins(&self) -> Option<(Arc<Account>, At)> {
        let account = self.account.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        Some((account, if self.is_quick.load(Relaxed) { At::Front } else { At::Back }))
    }

    pub(super) fn away(&self) -> MutexGuard<'_, Away> {
        self.away.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Away {
    /// Its end, at which nothing of it is left.
    pub(super) fn end(&mut self) {
        self.future = None;
        self.is_over = true;
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.place() == HOME {
            self.wake_home();
        } else {
            self.scheduler.wake(self);
        }
    }
}

impl Movable {
    pub(super) fn new(scheduler: Arc<Shared>, lane: Option<Arc<Lane>>, future: Boxed) -> Movable {
        if let Some(lane) = &lane {
            lane.open();
        }
        let task = Arc::new(Task {
            scheduler,
            runtime: Handle::current(),
            place: AtomicU8::new(HOME),
            home: OnceLock::new(),
            lane,
            away: Mutex::new(Away { future: None, is_over: false, burst: Duration::ZERO, short_bursts: 0 }),
            account: Mutex::default(),
            is_quick: AtomicBool::new(false),
        });
        Movable { waker: task.clone().into(), task, future: Some(future) }
    }

    /// Takes the future to the threads for long calls; it stays where there are none.
    pub(super) fn depart(&mut self, departure: &Departure) {
        if !self.task.scheduler.is_up() {
            self.task.lane.iter().for_each(|lane| lane.stay());
            return self.waker.wake_by_ref();
        }
        let mut away = self.task.away();
        away.future = self.future.take();
        *self.task.account.lock().unwrap_or_else(PoisonError::into_inner) = Some(departure.account.clone());
        self.task.is_quick.store(departure.is_fresh, Relaxed);
        (away.burst, away.short_bursts) = (Duration::ZERO, 0);
        self.task.scheduler.take(&self.task);
    }

    /// The future again, once it has come home; none where it is away, and ready where it is over.
    fn take_back(&mut self) -> Poll<()> {
        if self.task.place() != HOME {
            return Poll::Pending;
        }
        let mut away = self.task.away();
        self.future = away.future.take();
        if away.is_over { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Future for Movable {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        // A task's waker is the same all its life.
        this.task.home.get_or_init(|| cx.waker().clone());
        if this.future.is_none() && this.take_back().is_ready() {
            return Poll::Ready(());
        }
        let Some(future) = &mut this.future else { return Poll::Pending };
        if future.as_mut().poll(&mut Context::from_waker(&this.waker)).is_ready() {
            this.future = None;
            return Poll::Ready(());
        }
        if let Some(departure) = this.task.lane.as_ref().and_then(|lane| lane.departs()) {
            this.depart(&departure);
        }
        Poll::Pending
    }
}

/// Waits for the turn in progress, if there is one: it is short.
impl Drop for Movable {
    fn drop(&mut self) {
        if self.future.is_none() {
            let left = self.task.away().future.take();
            drop(left);
        }
    }
}

impl std::fmt::Debug for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Task").field("place", &self.place.load(Relaxed)).finish_non_exhaustive()
    }
}
