//! The clock that interrupts guests: it advances the engine's epoch while requests are served,
//! and sleeps while there are none.
//!
//! It wakes up for each tick, which costs short requests a fiftieth of their CPU at a tick each millisecond. So it takes
//! its time where all requests are short, and hurries from the first tick on that finds a guest in the midst of a longer
//! computation.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::Duration;

use anyhow::Context;

use crate::exchange::TICK;

/// Time between two ticks where no guest computes for long: so much later may one be found that begins to.
const SLOW_TICK: Duration = Duration::from_millis(4);
/// Ticks in which the clock hurries since a guest was last found computing.
const HURRIED_TICKS: u32 = 250;
/// Ticks without a request before the clock sleeps: waking it costs a system call.
const IDLE_TICKS: u32 = 100;

/// The clock's handle.
pub(super) struct Ticker(Hurry);

/// What makes the clock tick each [`TICK`] for a while. Cheap to clone.
#[derive(Clone)]
pub(super) struct Hurry(Arc<State>);

struct State {
    serving: AtomicUsize,
    /// Ticks for which it hurries.
    hurried: AtomicU32,
    asleep: AtomicBool,
    stopped: AtomicBool,
    thread: OnceLock<Thread>,
}

/// The clock ticks while one of these lives.
pub(crate) struct Ticking<'a>(&'a State);

impl Ticker {
    /// Starts the clock's thread.
    pub(super) fn start(engine: wasmtime::Engine) -> anyhow::Result<Ticker> {
        let state = Arc::new(State {
            serving: AtomicUsize::new(0),
            hurried: AtomicU32::new(0),
            asleep: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
            thread: OnceLock::new(),
        });
        let ticking = state.clone();
        let thread = thread::Builder::new()
            .name("wasgi-ticker".to_owned())
            .spawn(move || ticking.run(&engine))
            .context("starting the thread that interrupts guests")?;
        let _ = state.thread.set(thread.thread().clone());
        Ok(Ticker(Hurry(state)))
    }

    /// Keeps the clock ticking.
    pub(super) fn tick(&self) -> Ticking<'_> {
        let state = &*self.0.0;
        state.serving.fetch_add(1, SeqCst);
        if state.asleep.load(SeqCst) && state.asleep.swap(false, SeqCst) {
            state.wake();
        }
        Ticking(state)
    }

    /// For guests that are found computing.
    pub(super) fn hurry(&self) -> &Hurry {
        &self.0
    }
}

impl Hurry {
    /// A guest computes: others may be waiting for it.
    pub(super) fn hurry(&self) {
        if self.0.hurried.swap(HURRIED_TICKS, Relaxed) == 0 {
            self.0.wake();
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.0.0.stopped.store(true, SeqCst);
        self.0.0.wake();
    }
}

impl Drop for Ticking<'_> {
    fn drop(&mut self) {
        self.0.serving.fetch_sub(1, SeqCst);
    }
}

impl State {
    fn run(&self, engine: &wasmtime::Engine) {
        let mut idle = 0;
        while !self.stopped.load(SeqCst) {
            self.wait();
            engine.increment_epoch();
            idle = if self.serving.load(SeqCst) == 0 { idle + 1 } else { 0 };
            if idle >= IDLE_TICKS {
                self.sleep();
                idle = 0;
            }
        }
    }

    fn wait(&self) {
        let mut hurried = self.hurried.load(Relaxed);
        if hurried == 0 {
            // Cut short where it has to hurry from now on.
            thread::park_timeout(SLOW_TICK);
            hurried = self.hurried.load(Relaxed);
        }
        if hurried > 0 {
            // Whoever hurries it meanwhile is right.
            let _ = self.hurried.compare_exchange(hurried, hurried - 1, Relaxed, Relaxed);
            thread::sleep(TICK);
        }
    }

    fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    fn sleep(&self) {
        self.asleep.store(true, SeqCst);
        // A request that began before the line above did not see it, and needs the clock.
        while self.serving.load(SeqCst) == 0 && self.asleep.load(SeqCst) && !self.stopped.load(SeqCst) {
            thread::park();
        }
        self.asleep.store(false, SeqCst);
    }
}
