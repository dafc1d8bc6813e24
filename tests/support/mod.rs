//! What black-box suites share: guests built once, the real binary on a free port, and a client
//! that speaks bytes and believes nothing.
//!
//! Nothing here sleeps to synchronise: whatever has to happen is waited for, by a condition, up
//! to [`PATIENCE`].

#![allow(dead_code, unreachable_pub, reason = "each suite uses a part of it")]

pub mod client;
pub mod component;
pub mod guests;
pub mod host;
pub mod lines;
pub mod link;
pub mod python;
pub mod reference;
pub mod response;
pub mod site;
pub mod version;

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// How long anything may take that should happen at once: long enough for a machine that builds something else
/// meanwhile, and for a component with an interpreter in it to be compiled there.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// How often a condition is looked at that nothing announces.
const LOOK: Duration = Duration::from_millis(5);

/// A word that no other test of this process uses, to find one's own lines in a log.
pub fn unique() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("t{:04}", COUNT.fetch_add(1, Relaxed))
}

/// Waits until `look` finds something.
#[track_caller]
pub fn wait_for<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    wait_within(PATIENCE, what, look)
}

/// The same with another patience: for what has to build things first.
#[track_caller]
pub fn wait_within<T>(patience: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < patience, "not within {patience:?}: {what}");
        std::thread::sleep(LOOK);
    }
}

/// Waits until `look` has said the same for `quiet`: for what stops without a word.
#[track_caller]
pub fn wait_until_still<T: PartialEq>(what: &str, quiet: Duration, mut look: impl FnMut() -> T) -> T {
    let (mut last, mut since) = (look(), Instant::now());
    let began = Instant::now();
    while since.elapsed() < quiet {
        assert!(began.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(LOOK);
        let now = look();
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
    last
}
