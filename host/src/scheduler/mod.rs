//! Where long calls are polled: by threads of lower priority, in turns that are divided between tenants by weight.
//!
//! Every task begins on the runtime that spawned it, among those that do I/O. One whose call has used more CPU than a
//! short request does is taken to this scheduler's threads, as it is: connection, call and all. So it goes on being polled
//! by one thread at a time, and nothing in it has to know. It comes home when its call is over, or is short again.

mod lane;
mod queue;
mod task;
mod threads;

pub use lane::{Ask, Departure, Lane};
pub use task::{Boxed, Movable};

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use queue::{Next, Queue};
use task::{HASTENED, HOME, IDLE, NOTIFIED, QUEUED, RUNNING, Task};

/// A host without optimisations takes ten times as long for what it does itself.
const SLOWNESS: u64 = if cfg!(debug_assertions) { 10 } else { 1 };

/// A burst of CPU that is no longer than this is a short request's.
pub const SHORT: Duration = Duration::from_micros(300 * SLOWNESS);

/// A request that has used more than this is no short one.
pub const SLICE: Duration = Duration::from_micros(500 * SLOWNESS);

/// The scheduler. Its threads start when the first long call comes, and end with it. Cheap to clone.
#[derive(Clone)]
pub struct Scheduler(Arc<Handle>);

/// Ends the threads when it is dropped.
struct Handle(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    /// There is something to do, or nothing ever again.
    ready: Condvar,
}

struct State {
    queue: Queue<Arc<Task>>,
    /// None before the first long call.
    has_threads: Option<bool>,
    /// Threads that wait for something to do.
    idle: usize,
    stopped: bool,
}

impl Scheduler {
    /// A scheduler without anything to do.
    pub fn new() -> Scheduler {
        let state = State { queue: Queue::new(), has_threads: None, idle: 0, stopped: false };
        Scheduler(Arc::new(Handle(Arc::new(Shared { state: Mutex::new(state), ready: Condvar::new() }))))
    }

    /// A connection's task, which `lane` sends to the threads for long calls. Must be called within a runtime, and
    /// always be polled by the same task.
    pub fn movable(&self, lane: Arc<Lane>, connection: Boxed) -> Movable {
        Movable::new(self.0.0.clone(), Some(lane), connection)
    }

    /// A long call that nobody's connection needs any more goes to its end there. As above.
    pub fn finish(&self, call: Boxed, departure: &Departure) -> Movable {
        let mut movable = Movable::new(self.0.0.clone(), None, call);
        movable.depart(departure);
        movable
    }
}

impl Default for Scheduler {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.stopped = true;
        let left = std::mem::replace(&mut state.queue, Queue::new());
        drop(state);
        self.0.ready.notify_all();
        drop(left);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there are threads; starts them.
    fn is_up(self: &Arc<Self>) -> bool {
        *self.lock().has_threads.get_or_insert_with(|| threads::start(self))
    }

    /// Has a task polled that has come, or has something to do.
    fn take(&self, task: &Arc<Task>) {
        self.queue(&mut self.lock(), task);
    }

    fn queue(&self, state: &mut State, task: &Arc<Task>) {
        let Some((account, at)) = task.joins() else { return };
        task.set_place(QUEUED);
        state.queue.push(&account, task.clone(), at);
        if state.idle > 0 {
            self.ready.notify_one();
        }
    }

    /// Something has happened that a task waits for, or it has given way.
    fn wake(&self, task: &Arc<Task>) {
        let mut state = self.lock();
        match task.place() {
            HOME => {
                drop(state);
                task.wake_home();
            }
            IDLE => self.queue(&mut state, task),
            // A deadline, or its client: that should not wait until the guest has computed on.
            QUEUED => {
                let Some((account, _)) = task.joins() else { return };
                task.set_place(HASTENED);
                state.queue.hasten(&account, |other| Arc::ptr_eq(other, task));
            }
            RUNNING => task.set_place(NOTIFIED),
            _ => {}
        }
    }

    /// Whether a task that was polled has more to do, and may go on at once.
    fn goes_on(&self, task: &Task) -> bool {
        if task.place() != NOTIFIED || task.lane.as_ref().is_some_and(|lane| lane.returns()) {
            return false;
        }
        let _state = self.lock();
        task.set_place(RUNNING);
        true
    }

    /// Waits for the task whose turn it is; none at the end.
    fn next(&self) -> Option<Arc<Task>> {
        let mut state = self.lock();
        while !state.stopped {
            let wait = match state.queue.pop(Instant::now()) {
                Next::Job(task) => {
                    task.set_place(RUNNING);
                    return Some(task);
                }
                Next::After(wait) => Some(wait),
                Next::Nothing => None,
            };
            state.queue.tidy();
            state.idle += 1;
            state = match wait {
                Some(wait) => {
                    self.ready.wait_timeout(state, wait).map_or_else(|p| p.into_inner().0, |(state, _)| state)
                }
                None => self.ready.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
            state.idle -= 1;
        }
        None
    }
}
