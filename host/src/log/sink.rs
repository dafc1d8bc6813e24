//! Where lines go that nobody waits for: a buffer with a bound, and a thread that writes it.

use std::io::{self, Write};
use std::mem::take;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tracing_subscriber::fmt::MakeWriter;

use super::clock::Clock;

/// Where it is written to.
pub(super) type Out = Box<dyn Write + Send>;

/// The handle of lines that are written elsewhere. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Sink(Arc<Shared>);

struct Shared {
    started: AtomicBool,
    /// Most bytes that wait; lines beyond are dropped and counted.
    most: usize,
    /// How long lines gather before they are written.
    gather: Duration,
    /// Held while it is written, which may take as long as it likes.
    out: Mutex<Out>,
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    written: Condvar,
}

#[derive(Default)]
struct Waiting {
    lines: String,
    clock: Clock,
    dropped: u64,
    /// The thread has nothing to do.
    asleep: bool,
    /// The thread is at the lines before these.
    writing: bool,
    /// What is written to from now on.
    next: Option<Out>,
}

impl Sink {
    /// Lines for `out`. They wait until it is [started](Sink::start).
    pub(crate) fn new(out: Out, most: usize, gather: Duration) -> Sink {
        let (out, waiting) = (Mutex::new(out), Mutex::default());
        Sink(Arc::new(Shared {
            started: AtomicBool::new(false),
            most,
            gather,
            out,
            waiting,
            arrived: Condvar::new(),
            written: Condvar::new(),
        }))
    }

    /// Writes from now on what comes, on a thread of this name. Once is enough.
    ///
    /// # Errors
    /// Where there is no thread to be had.
    pub(crate) fn start(&self, name: &str) -> Result<()> {
        if self.0.started.swap(true, SeqCst) {
            return Ok(());
        }
        let shared = self.0.clone();
        let thread = thread::Builder::new().name(name.to_owned());
        thread.spawn(move || shared.write_for_ever()).with_context(|| format!("starting the thread {name}"))?;
        Ok(())
    }

    /// Adds what `line` writes, whole lines. Never waits for who reads them.
    pub(crate) fn push(&self, line: impl FnOnce(&mut String, &mut Clock)) {
        let mut waiting = lock(&self.0.waiting);
        if waiting.lines.len() >= self.0.most {
            waiting.dropped += 1;
            return;
        }
        let Waiting { lines, clock, .. } = &mut *waiting;
        line(lines, clock);
        if take(&mut waiting.asleep) {
            self.0.arrived.notify_one();
        }
    }

    /// From now on lines go to `out`, as soon as what is being written is.
    pub(crate) fn turn_to(&self, out: Out) {
        lock(&self.0.waiting).next = Some(out);
    }

    /// Waits until everything is written, but no longer than `most`. For the end of a process.
    pub(crate) fn flush(&self, most: Duration) {
        let waiting = lock(&self.0.waiting);
        let more = |waiting: &mut Waiting| waiting.writing || !waiting.lines.is_empty();
        drop(self.0.written.wait_timeout_while(waiting, most, more));
    }
}

impl Shared {
    fn write_for_ever(&self) {
        loop {
            let mut waiting = lock(&self.waiting);
            while waiting.lines.is_empty() {
                waiting.asleep = true;
                waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
            }
            let (mut lines, dropped, next) =
                (take(&mut waiting.lines), take(&mut waiting.dropped), waiting.next.take());
            waiting.writing = true;
            drop(waiting);
            let mut out = lock(&self.out);
            if let Some(next) = next {
                *out = next;
            }
            if dropped > 0 {
                let now = Clock::default().at(Instant::now()).to_owned();
                lines += &format!("{now} {dropped} lines were dropped here: the sink is too slow\n");
            }
            // A full disk must not stop the host; what is lost shows as a gap.
            let _ = out.write_all(lines.as_bytes()).and_then(|()| out.flush());
            drop(out);
            lock(&self.waiting).writing = false;
            self.written.notify_all();
            thread::sleep(self.gather);
        }
    }
}

/// For the host's own log, which writes each line at once.
impl<'a> MakeWriter<'a> for Sink {
    type Writer = Sink;

    fn make_writer(&'a self) -> Sink {
        self.clone()
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push(|lines, _| lines.push_str(&String::from_utf8_lossy(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
