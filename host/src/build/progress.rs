//! What a build tells its user while it works: lines on stderr, and on a terminal a moving one.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Whether a build says what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Steps and the compiler's own progress.
    Shown,
    /// Errors and the compiler's warnings only.
    Quiet,
}

impl Progress {
    /// Says one line.
    pub(super) fn say(self, line: &str) {
        if self == Self::Shown {
            eprintln!("{line}");
        }
    }

    /// Begins a step that takes a while. It says its line at once where nothing can move.
    pub(super) fn step(self, line: &str) -> Step {
        if self == Self::Quiet {
            return Step(ProgressBar::hidden());
        }
        let bar = ProgressBar::new_spinner().with_message(line.to_owned());
        if bar.is_hidden() {
            eprintln!("{line}");
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        Step(bar)
    }
}

/// A step under way; its moving line goes when it is dropped.
pub(super) struct Step(ProgressBar);

impl Step {
    /// Says how far a download has come.
    pub(super) fn bytes(&self, done: u64) {
        if self.0.position() == 0 && done > 0 {
            let style = ProgressStyle::with_template("{spinner} {msg}  {bytes} ({bytes_per_sec})");
            if let Ok(style) = style {
                self.0.set_style(style);
            }
        }
        self.0.set_position(done);
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
