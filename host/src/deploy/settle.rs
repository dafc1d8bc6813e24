//! When a file counts: only once nobody is writing it any more. Pure; the clock is given.
//!
//! An application is settled when its files were renamed in, or closed by their writer, and both have then been quiet for
//! [`QUIET`]. Where no event told, two looks [`APART`] apart have to agree. A file that somebody has written to without
//! closing it is not settled, however long the writer pauses, until it has been left alone for [`ABANDONED`].

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::scan::Part;
use crate::apps::AppKey;
use crate::state::records::{Identity, Kind, Pair};

/// How long both files have to be quiet after one was complete.
pub(super) const QUIET: Duration = Duration::from_millis(50);

/// The time between two looks that have to agree where no event told.
pub(super) const APART: Duration = Duration::from_millis(250);

/// After this time a file that was written but never closed is taken as it is: its last event must have been lost.
pub(super) const ABANDONED: Duration = Duration::from_secs(10);

/// What an event said about a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Signal {
    /// Something is different; nobody told what.
    Changed,
    /// Somebody is writing.
    Written,
    /// Renamed in or out, closed by its writer, or deleted.
    Complete,
}

/// The applications that have changed and are not settled yet.
#[derive(Debug, Default)]
pub(super) struct Settling {
    waiting: HashMap<AppKey, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    /// When the change was noticed.
    noticed: Instant,
    /// The last look and when it was first so.
    look: Option<(Pair, Instant)>,
    /// When the last event came that told of writing.
    event: Instant,
    /// What was last told of each file.
    component: Option<Signal>,
    manifest: Option<Signal>,
}

/// An application whose files are whole.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Settled {
    pub(super) key: AppKey,
    pub(super) pair: Pair,
    /// When the change was noticed.
    pub(super) noticed: Instant,
}

impl Settling {
    /// Something is different about an application, as a scan found.
    pub(super) fn changed(&mut self, key: &AppKey, now: Instant) {
        self.waiting(key, now);
    }

    /// Takes note of an event.
    pub(super) fn event(&mut self, key: &AppKey, part: Part, signal: Signal, now: Instant) {
        let waiting = self.waiting(key, now);
        let last = match part {
            Part::Component => &mut waiting.component,
            Part::Manifest => &mut waiting.manifest,
        };
        if signal == Signal::Changed {
            last.get_or_insert(signal);
            return;
        }
        *last = Some(signal);
        waiting.event = now;
        if signal == Signal::Complete {
            // What was seen before its writer closed it says nothing: it is looked at anew, at once.
            waiting.look = None;
        }
    }

    fn waiting(&mut self, key: &AppKey, now: Instant) -> &mut Waiting {
        let first = Waiting { noticed: now, look: None, event: now, component: None, manifest: None };
        self.waiting.entry(key.clone()).or_insert(first)
    }

    /// The applications to look at now.
    pub(super) fn due(&self, now: Instant) -> Vec<AppKey> {
        let due = self.waiting.iter().filter(|(_, waiting)| waiting.next_look() <= now);
        due.map(|(key, _)| key.clone()).collect()
    }

    /// When the next application is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.waiting.values().map(Waiting::next_look).min()
    }

    /// Takes note of a look; tells if it settles the application, which is then forgotten here.
    pub(super) fn looked(&mut self, key: &AppKey, pair: Pair, now: Instant) -> Option<Settled> {
        let waiting = self.waiting.get_mut(key)?;
        match waiting.look {
            Some((before, _)) if before == pair => {}
            _ => waiting.look = Some((pair, now)),
        }
        if waiting.next_look() > now {
            return None;
        }
        let noticed = self.waiting.remove(key)?.noticed;
        Some(Settled { key: key.clone(), pair, noticed })
    }

    /// An application can't be looked at: whoever can again begins anew.
    pub(super) fn forget(&mut self, key: &AppKey) {
        self.waiting.remove(key);
    }

    /// Events were lost: nothing that they said is certain any more.
    pub(super) fn forget_events(&mut self) {
        self.waiting.values_mut().for_each(|waiting| (waiting.component, waiting.manifest) = (None, None));
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

impl Waiting {
    /// When a look that agrees with the last one settles it, and so is worth while.
    fn next_look(&self) -> Instant {
        let Some((pair, since)) = self.look else {
            return self.noticed;
        };
        let signals = [self.component, self.manifest];
        if signals.contains(&Some(Signal::Written)) || self.begun(&pair) {
            self.event.max(since) + ABANDONED
        } else if signals.contains(&Some(Signal::Complete)) {
            self.event.max(since) + QUIET
        } else {
            since + APART
        }
    }

    /// An empty file that was made and not closed is one that is about to be written.
    fn begun(&self, pair: &Pair) -> bool {
        let begun = |file: Option<Identity>, last| {
            last == Some(Signal::Changed) && file.is_some_and(|file| file.kind == Kind::File && file.size == 0)
        };
        begun(pair.component, self.component) || begun(pair.manifest, self.manifest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pair(size: u64) -> Pair {
        let identity = Identity { kind: Kind::File, size, mtime: 0, ctime: 0, inode: 1 };
        Pair { component: Some(identity), manifest: None }
    }

    fn key() -> AppKey {
        "a".parse().unwrap()
    }

    /// Drives it as the deployer does, with `size(ms)` as the file, until it settles; gives the milliseconds it took.
    fn settles(events: &[(u64, Signal)], size: impl Fn(u64) -> u64) -> Option<(u64, u64)> {
        let start = Instant::now();
        let mut settling = Settling::default();
        for ms in 0..30_000 {
            let now = start + Duration::from_millis(ms);
            for (_, signal) in events.iter().filter(|(at, _)| *at == ms) {
                settling.event(&key(), Part::Component, *signal, now);
            }
            for key in settling.due(now) {
                if let Some(settled) = settling.looked(&key, pair(size(ms)), now) {
                    assert!(settling.is_empty());
                    return Some((ms, settled.pair.component.unwrap().size));
                }
            }
        }
        None
    }

    #[test]
    fn a_file_that_was_renamed_in_settles_after_being_quiet() {
        assert_eq!(settles(&[(0, Signal::Complete)], |_| 1), Some((50, 1)));
        assert_eq!(settles(&[(0, Signal::Complete), (30, Signal::Complete)], |_| 1), Some((80, 1)));
    }

    #[test]
    fn without_an_event_two_looks_have_to_agree() {
        assert_eq!(settles(&[(0, Signal::Changed)], |_| 1), Some((250, 1)));
        assert_eq!(settles(&[(0, Signal::Changed)], |ms| 1 + ms.min(600) / 200), Some((1_000, 4)));
    }

    #[test]
    fn a_slow_writer_is_waited_for() {
        let events = [(0, Signal::Changed), (5, Signal::Written), (3_000, Signal::Written), (6_000, Signal::Complete)];
        assert_eq!(settles(&events, |ms| 1 + ms.min(3_000) / 3_000), Some((6_050, 2)));
        let made_only = [(0, Signal::Changed), (5_000, Signal::Written), (5_001, Signal::Complete)];
        assert_eq!(settles(&made_only, |ms| u64::from(ms >= 5_000)), Some((5_051, 1)));
    }

    #[test]
    fn an_abandoned_file_is_taken_as_it_is() {
        assert_eq!(settles(&[(0, Signal::Written)], |_| 7), Some((10_000, 7)));
        assert_eq!(settles(&[(0, Signal::Changed)], |_| 0), Some((10_000, 0)));
    }

    #[test]
    fn a_change_that_no_event_told_of_starts_the_wait_anew() {
        assert_eq!(settles(&[(0, Signal::Complete)], |ms| 1 + u64::from(ms >= 20)), Some((100, 2)));
    }

    #[test]
    fn a_whole_manifest_does_not_settle_a_component_that_is_being_written() {
        let start = Instant::now();
        let mut settling = Settling::default();
        settling.event(&key(), Part::Component, Signal::Written, start);
        settling.event(&key(), Part::Manifest, Signal::Complete, start);
        assert_eq!(settling.looked(&key(), pair(1), start), None);
        assert_eq!(settling.looked(&key(), pair(1), start + Duration::from_secs(1)), None);
        let closed = start + Duration::from_secs(1);
        settling.event(&key(), Part::Component, Signal::Complete, closed);
        assert_eq!(settling.looked(&key(), pair(1), closed), None);
        assert!(settling.looked(&key(), pair(1), closed + QUIET).is_some());
    }

    proptest! {
        #[test]
        fn what_settles_was_the_same_for_the_quiet_time(
            changes in proptest::collection::vec((0_u64..2_000, any::<bool>()), 0..8),
        ) {
            let mut events = vec![(0, Signal::Changed)];
            events.extend(changes.iter().map(|(at, complete)| (*at, if *complete { Signal::Complete } else { Signal::Written })));
            let size = |ms: u64| 1 + changes.iter().filter(|(at, _)| *at <= ms).count() as u64;
            let (ms, settled) = settles(&events, size).unwrap();
            prop_assert_eq!(settled, size(ms));
            prop_assert!(changes.iter().all(|(at, _)| *at > ms || at + 50 <= ms));
        }
    }
}
