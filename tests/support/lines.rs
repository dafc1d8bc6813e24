//! The lines that a process writes, as they come.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use super::PATIENCE;

/// Everything written so far.
#[derive(Clone, Default)]
pub struct Lines(Arc<(Mutex<Written>, Condvar)>);

#[derive(Default)]
struct Written {
    lines: Vec<String>,
    ended: bool,
}

impl Lines {
    /// Reads `from` to its end, on a thread of its own.
    pub fn of(from: impl Read + Send + 'static) -> Self {
        let lines = Self::default();
        let there = lines.clone();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(from);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
                let text = String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned();
                there.add(|written| written.lines.push(text));
                line.clear();
            }
            there.add(|written| written.ended = true);
        });
        lines
    }

    fn add(&self, what: impl FnOnce(&mut Written)) {
        what(&mut self.0.0.lock().unwrap_or_else(PoisonError::into_inner));
        self.0.1.notify_all();
    }

    /// All lines so far.
    pub fn all(&self) -> Vec<String> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).lines.clone()
    }

    /// How many there are: a place to go on from.
    pub fn count(&self) -> usize {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).lines.len()
    }

    /// The first line after the first `count` that begins with `prefix`; waits for it.
    #[track_caller]
    pub fn after(&self, count: usize, prefix: &str) -> String {
        self.find(count, prefix, |line| line.starts_with(prefix))
    }

    /// The first line that holds `text`; waits for it.
    #[track_caller]
    pub fn with(&self, text: &str) -> String {
        self.find(0, text, |line| line.contains(text))
    }

    #[track_caller]
    pub fn find(&self, count: usize, what: &str, fits: impl Fn(&str) -> bool) -> String {
        let start = Instant::now();
        let mut written = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(line) = written.lines.iter().skip(count).find(|line| fits(line)) {
                return line.clone();
            }
            let left = PATIENCE.saturating_sub(start.elapsed());
            assert!(!written.ended && !left.is_zero(), "no {what:?} after {count} in {:#?}", written.lines);
            written = self.0.1.wait_timeout(written, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// All lines, once the other side has closed.
    pub fn to_end(&self) -> Vec<String> {
        let mut written = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        while !written.ended {
            written = self.0.1.wait(written).unwrap_or_else(PoisonError::into_inner);
        }
        written.lines.clone()
    }
}
