//! An application's log, as its requests see it: a handle that never waits.
//!
//! A line goes into a buffer of its application's; one thread for all applications empties the buffers into the files.
//! Each buffer is bounded, so that a noisy application loses its own lines and never another's; how many were lost is
//! said in its log as soon as there is room.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use time::OffsetDateTime;

use super::{files, line};
use crate::apps::AppKey;
use crate::tenants::Account;

/// What one application may have waiting to be written: about a second of a fast disk's time for ten noisy ones.
const APP_BYTES: usize = 1 << 20;

/// What all applications together may have waiting.
const ALL_BYTES: usize = 64 << 20;

/// How often it is said how many lines were beyond what their tenant may log.
const COUNTING: Duration = Duration::from_secs(1);

/// The logs of all applications, and the thread that writes them. A process that ends
/// calls [`AppLogs::flush`] first.
#[derive(Clone)]
pub struct AppLogs {
    shared: Arc<Shared>,
}

/// The log of one application. Cheap to clone; all clones write to one file.
#[derive(Clone)]
pub struct AppLog {
    queue: Option<Arc<Queue>>,
}

struct Shared {
    wake: Sender<Job>,
    waiting: AtomicUsize,
    dir: Option<PathBuf>,
}

struct Queue {
    key: AppKey,
    account: Arc<Account>,
    shared: Arc<Shared>,
    lines: Mutex<Lines>,
}

#[derive(Default)]
struct Lines {
    text: String,
    /// Lines for which the writer was too slow.
    dropped: u64,
    /// Lines for which the tenant had no bytes left.
    beyond: u64,
    /// The writer knows that there is something to write.
    told: bool,
    /// The writer knows that there are lines beyond.
    counting: bool,
}

enum Job {
    Write(Arc<Queue>),
    Flush(Sender<()>),
}

/// Where lines go in the end.
enum Sink {
    Files(files::Files),
    One(Box<dyn Write + Send>),
}

impl AppLogs {
    /// Logs under `dir`, one file for each application: `dir/TENANT/NAME.log`.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub fn in_dir(dir: &Path) -> std::io::Result<Self> {
        Self::start(Sink::Files(files::Files::new(dir.to_owned())), Some(dir.to_owned()))
    }

    /// Every application's lines to one writer, such as standard error.
    ///
    /// # Errors
    /// Where no thread can be started.
    pub fn to(writer: impl Write + Send + 'static) -> std::io::Result<Self> {
        Self::start(Sink::One(Box::new(writer)), None)
    }

    fn start(sink: Sink, dir: Option<PathBuf>) -> std::io::Result<Self> {
        let (wake, jobs) = channel();
        let writer = Writer { sink, failing: false, beyond: Vec::new(), counted: Instant::now() };
        std::thread::Builder::new().name("app-logs".into()).spawn(move || writer.write_all(&jobs))?;
        Ok(Self { shared: Arc::new(Shared { wake, waiting: AtomicUsize::new(0), dir }) })
    }

    /// The log of one application. Its file is made with its first line.
    pub fn of(&self, key: &AppKey, account: Arc<Account>) -> AppLog {
        let (key, shared, lines) = (key.clone(), self.shared.clone(), Mutex::default());
        AppLog { queue: Some(Arc::new(Queue { key, account, shared, lines })) }
    }

    /// Where the log of `key` is written, if it is a file.
    pub fn path(&self, key: &AppKey) -> Option<PathBuf> {
        self.shared.dir.as_deref().map(|dir| files::path(dir, key))
    }

    /// Waits until everything said so far is written, at most `patience` (a disk may hang). Blocks.
    pub fn flush(&self, patience: Duration) {
        let (done, wait) = channel();
        if self.shared.wake.send(Job::Flush(done)).is_ok() {
            let _ = wait.recv_timeout(patience);
        }
    }
}

impl AppLog {
    /// A log that keeps nothing.
    pub fn none() -> Self {
        Self { queue: None }
    }

    /// Adds `text`, one line or more. `source` tells who speaks: `stdout`, `stderr`, `errors` or `host`.
    ///
    /// Control characters are shown escaped and a line is cut at 8 KiB. Never blocks on the disk; where too much waits
    /// for it already, or the tenant has logged as much as it may, the lines are dropped and counted.
    pub fn line(&self, source: &str, text: &str) {
        let Some(queue) = &self.queue else { return };
        let mut lines = queue.lines();
        if lines.text.len() >= APP_BYTES || queue.shared.waiting.load(Ordering::Relaxed) >= ALL_BYTES {
            lines.dropped += 1;
        } else {
            let now = OffsetDateTime::now_utc();
            let before = lines.text.len();
            if let dropped @ 1.. = std::mem::take(&mut lines.dropped) {
                line::write(&mut lines.text, now, "host", &dropped_lines(dropped), APP_BYTES);
            }
            let own = lines.text.len();
            line::write(&mut lines.text, now, source, text, APP_BYTES);
            if !queue.account.logs(lines.text.len() - own) {
                lines.text.truncate(own);
                lines.beyond += 1;
                if lines.counting && own == before {
                    return;
                }
            }
            queue.shared.waiting.fetch_add(lines.text.len() - before, Ordering::Relaxed);
        }
        // Whoever finds the writer untold tells it, so that each application is in its list once at most.
        if !std::mem::replace(&mut lines.told, true) && queue.shared.wake.send(Job::Write(queue.clone())).is_err() {
            lines.text.clear();
        }
    }
}

fn dropped_lines(number: u64) -> String {
    format!("{number} lines were dropped here: they came faster than they could be written")
}

fn lines_beyond(number: u64) -> String {
    format!("{number} lines were dropped before this one: the tenant may not log so many bytes a second")
}

impl Queue {
    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What waits to be written; and whether lines were dropped that are to be counted later.
    fn take(&self) -> (String, bool) {
        let mut lines = self.lines();
        lines.told = false;
        let mut text = std::mem::take(&mut lines.text);
        self.shared.waiting.fetch_sub(text.len(), Ordering::Relaxed);
        if let dropped @ 1.. = std::mem::take(&mut lines.dropped) {
            line::write(&mut text, OffsetDateTime::now_utc(), "host", &dropped_lines(dropped), APP_BYTES);
        }
        let counts = lines.beyond > 0 && !lines.counting;
        lines.counting |= counts;
        (text, counts)
    }

    /// A line that says how many were dropped for the tenant's limit since the last one.
    fn count_beyond(&self) -> String {
        let mut lines = self.lines();
        lines.counting = false;
        let (mut text, beyond) = (String::new(), std::mem::take(&mut lines.beyond));
        line::write(&mut text, OffsetDateTime::now_utc(), "host", &lines_beyond(beyond), APP_BYTES);
        text
    }
}

/// The thread that writes.
struct Writer {
    sink: Sink,
    failing: bool,
    /// Queues whose dropped lines are to be counted, since `counted` once a second: so that what is said of lines is
    /// never more than the lines.
    beyond: Vec<Arc<Queue>>,
    counted: Instant,
}

impl Writer {
    /// Ends when the last handle is gone.
    fn write_all(mut self, jobs: &Receiver<Job>) {
        loop {
            let job = if self.beyond.is_empty() {
                jobs.recv().map_err(RecvTimeoutError::from)
            } else {
                jobs.recv_timeout(COUNTING.saturating_sub(self.counted.elapsed()))
            };
            match job {
                Ok(Job::Write(queue)) => {
                    let (text, counts) = queue.take();
                    self.write(&queue, &text);
                    self.beyond.extend(counts.then_some(queue));
                }
                Ok(Job::Flush(done)) => {
                    self.count_beyond();
                    let _ = done.send(());
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if self.counted.elapsed() >= COUNTING {
                self.count_beyond();
            }
        }
    }

    fn count_beyond(&mut self) {
        for queue in std::mem::take(&mut self.beyond) {
            self.write(&queue, &queue.count_beyond());
        }
        self.counted = Instant::now();
    }

    fn write(&mut self, queue: &Queue, text: &str) {
        let result = self.sink.write(queue, text.as_bytes());
        if let (Err(error), false) = (&result, self.failing) {
            tracing::warn!(app = %queue.key, %error, "application logs can't be written and are lost");
        }
        self.failing = result.is_err();
    }
}

impl Sink {
    fn write(&mut self, queue: &Queue, lines: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Files(files) => files.append(&queue.key, queue.account.applications(), lines),
            Self::One(writer) => writer.write_all(lines).and_then(|()| writer.flush()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tenants::{Pool, Quota};

    fn key(name: &str) -> AppKey {
        name.parse().unwrap()
    }

    fn free() -> Arc<Account> {
        Account::unlimited()
    }

    #[test]
    fn lines_reach_the_applications_own_file() {
        let dir = tempfile::tempdir().unwrap();
        let logs = AppLogs::in_dir(dir.path()).unwrap();
        let (a, b) = (logs.of(&key("a"), free()), logs.of(&key("b"), free()));
        a.line("stderr", "one\ntwo\n");
        b.line("errors", "other");
        a.clone().line("stdout", "three");
        logs.flush(Duration::from_secs(5));
        let said = |name: &str| {
            let text = std::fs::read_to_string(logs.path(&key(name)).unwrap()).unwrap();
            text.lines().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(said("a"), ["stderr one", "stderr two", "stdout three"]);
        assert_eq!(said("b"), ["errors other"]);
    }

    /// How many lines a line of the log says were dropped.
    fn dropped(line: &str) -> Option<u64> {
        line.split_once(" host ")?.1.split_once(" lines were dropped")?.0.parse().ok()
    }

    /// A sink that hangs until it is let go.
    struct Stuck(Receiver<()>, Sender<Vec<u8>>);
    impl Write for Stuck {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let _ = self.0.recv();
            let _ = self.1.send(bytes.to_vec());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_stuck_sink_loses_the_noisy_ones_lines_and_says_how_many() {
        let (go, wait) = channel();
        let (tell, told) = channel();
        let logs = AppLogs::to(Stuck(wait, tell)).unwrap();
        let (noisy, quiet) = (logs.of(&key("noisy"), free()), logs.of(&key("quiet"), free()));
        for _ in 0..5_000 {
            noisy.line("stderr", &"x".repeat(1000));
        }
        quiet.line("stderr", "still heard");
        drop(go);
        logs.flush(Duration::from_secs(5));
        let all = String::from_utf8(told.try_iter().flatten().collect()).unwrap();
        let kept = all.lines().filter(|line| line.contains("xxx")).count() as u64;
        // Said twice where the writer took the buffer while it was full and stuck only then.
        let lost = all.lines().filter_map(dropped).sum::<u64>();
        assert!(lost > 0);
        assert_eq!(kept + lost, 5_000);
        assert!(all.contains("still heard") && all.len() < 3 * APP_BYTES);
    }

    #[test]
    fn lines_beyond_the_tenants_bytes_are_dropped_and_counted_in_one_line() {
        let dir = tempfile::tempdir().unwrap();
        let logs = AppLogs::in_dir(dir.path()).unwrap();
        let quota = Quota { log_bytes: Some(10_000), ..Quota::default() };
        let account = Account::new(&quota, Pool::of_host(None));
        let (noisy, other) = (logs.of(&key("acme/noisy"), account.clone()), logs.of(&key("b"), free()));
        let began = Instant::now();
        for _ in 0..5_000 {
            noisy.line("stderr", &"x".repeat(100));
        }
        // What comes in a second may be written at once, and then as it comes: a line has more than 100 bytes.
        let most = 100 * (2 + began.elapsed().as_secs());
        other.line("stderr", "still heard");
        logs.flush(Duration::from_secs(5));
        let said = |name: &str| std::fs::read_to_string(logs.path(&key(name)).unwrap()).unwrap();
        let text = said("acme/noisy");
        let kept = text.lines().filter(|line| line.contains("xxx")).count() as u64;
        let counted: Vec<_> = text.lines().filter_map(dropped).collect();
        assert_eq!(kept + counted.iter().sum::<u64>(), 5_000);
        assert!((70..most).contains(&kept) && counted.len() as u64 <= most / 100 + 2, "{kept}, {counted:?}");
        assert_eq!(account.usage().dropped, 5_000 - kept);
        assert!(said("b").contains("still heard"));
    }
}
