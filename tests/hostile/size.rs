//! How much of everything: a hundredth, or with `WASGI_HOSTILE=full` all of it.

use std::time::Duration;

/// Whether the suite runs in its full size.
pub fn is_full() -> bool {
    std::env::var_os("WASGI_HOSTILE").is_some_and(|size| size == "full")
}

/// `full`, or a hundredth of it, and at least 1.
pub fn of(full: usize) -> usize {
    if is_full() { full } else { (full / 100).max(1) }
}

/// How long one attack lasts.
pub fn time() -> Duration {
    if is_full() { Duration::from_secs(10) } else { Duration::from_millis(400) }
}
