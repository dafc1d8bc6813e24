//! The threads for long calls, and one turn of a task on them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tracing::warn;

use super::queue::At;
use super::task::{HOME, IDLE, NOTIFIED, QUEUED, Task};
use super::{SHORT, SLICE, Shared};

/// The threads' priority. Who does I/O gets 90 % of a processor that both want, and gets it at once; and long calls get
/// something where other programs keep the machine busy.
const NICE: i32 = 10;

/// Starts one for each processor; says whether there is any.
pub(super) fn start(shared: &Arc<Shared>) -> bool {
    let number = thread::available_parallelism().map_or(1, usize::from);
    let start = |number: usize| {
        let shared = shared.clone();
        thread::Builder::new().name(format!("long-{number}")).spawn(move || run(&shared))
    };
    let started = (1..=number).map(start).inspect(|started| {
        if let Err(error) = started {
            warn!(%error, "a thread for long calls can't be started");
        }
    });
    started.filter(Result::is_ok).count() > 0
}

fn run(shared: &Shared) {
    // Where that is refused, long calls merely share with short ones.
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICE);
    while let Some(task) = shared.next() {
        turn(shared, &task);
    }
}

/// Polls a task once, and sees to where it goes then.
fn turn(shared: &Shared, task: &Arc<Task>) {
    let Some((account, _)) = task.joins() else { return };
    let _runtime = task.runtime.enter();
    let mut away = task.away();
    task.lane.iter().for_each(|lane| lane.begin_turn());
    let waker = Waker::from(task.clone());
    let (began, mut used) = (thread_cpu(), Duration::ZERO);
    let is_over = loop {
        let Some(future) = &mut away.future else { break true };
        // A bug of the host ends this task and no other; the panic hook has said what it is.
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut Context::from_waker(&waker))));
        let is_over = polled.map_or(true, |polled| polled.is_ready());
        used = thread_cpu().saturating_sub(began);
        // Who gives way before its turn is over need not wait for the next one.
        if is_over || used > SLICE || !shared.goes_on(task) {
            break is_over;
        }
    };
    if is_over {
        away.end();
    }
    away.burst += used;
    let mut state = shared.lock();
    state.queue.done(&account, used);
    if is_over || task.lane.as_ref().is_some_and(|lane| lane.returns()) {
        task.lane.iter().for_each(|lane| lane.has_returned());
        task.set_place(HOME);
        drop((state, away));
        return task.wake_home();
    }
    if task.place() == NOTIFIED {
        task.set_place(QUEUED);
        return state.queue.push(&account, task.clone(), At::Back);
    }
    // It waits: that was a burst.
    let is_short = away.burst <= SHORT;
    away.burst = Duration::ZERO;
    away.short_bursts = if is_short { away.short_bursts + 1 } else { 0 };
    task.is_quick.store(is_short, Relaxed);
    let is_promoted = task.lane.as_ref().is_some_and(|lane| lane.promote(away.short_bursts));
    task.set_place(if is_promoted { HOME } else { IDLE });
}

fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}
