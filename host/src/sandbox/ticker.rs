//! The clock that interrupts guests: it advances the engine's epoch while requests are served,
//! and sleeps while there are none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread::{self, JoinHandle};

use anyhow::Context;

use crate::exchange::TICK;

/// Ticks without a request before the clock sleeps: waking it costs a system call.
const IDLE_TICKS: u32 = 100;

/// The clock's handle.
pub(super) struct Ticker {
    state: Arc<State>,
    thread: JoinHandle<()>,
}

struct State {
    serving: AtomicUsize,
    asleep: AtomicBool,
    stopped: AtomicBool,
}

/// The clock ticks while one of these lives.
pub(crate) struct Ticking<'a>(&'a State);

impl Ticker {
    /// Starts the clock's thread.
    pub(super) fn start(engine: wasmtime::Engine) -> anyhow::Result<Ticker> {
        let state = Arc::new(State {
            serving: AtomicUsize::new(0),
            asleep: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
        });
        let ticking = state.clone();
        let thread = thread::Builder::new()
            .name("wasgi-ticker".to_owned())
            .spawn(move || ticking.run(&engine))
            .context("starting the thread that interrupts guests")?;
        Ok(Ticker { state, thread })
    }

    /// Keeps the clock ticking.
    pub(super) fn tick(&self) -> Ticking<'_> {
        self.state.serving.fetch_add(1, SeqCst);
        if self.state.asleep.load(SeqCst) && self.state.asleep.swap(false, SeqCst) {
            self.thread.thread().unpark();
        }
        Ticking(&self.state)
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.state.stopped.store(true, SeqCst);
        self.thread.thread().unpark();
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
            thread::sleep(TICK);
            engine.increment_epoch();
            idle = if self.serving.load(SeqCst) == 0 { idle + 1 } else { 0 };
            if idle >= IDLE_TICKS {
                self.sleep();
                idle = 0;
            }
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
