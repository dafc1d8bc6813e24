//! What a connection's task and the request on it tell each other about where it is polled. Pure.
//!
//! Written by whichever thread polls the task, so by one at a time.

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::SLICE;
use crate::tenants::Account;
use crate::units::nanos;

/// Whoever polls it polls it, and nobody else.
const FIXED: u8 = 0;
/// Polled where it was spawned.
const HOME: u8 = 1;
/// It is to be polled by the threads for long calls from its next poll on.
const LEAVING: u8 = 2;
/// Polled there, in a turn that is not over.
const TURN: u8 = 3;
/// The call has computed in this turn for as long as it may.
const SPENT: u8 = 4;
/// The call is over, or out of the connection's hands: the task goes home after this turn.
const RETURNING: u8 = 5;
/// It has come home, since its call had become short again.
const PROMOTED: u8 = 6;

/// Where a connection's task is polled, and why; where no scheduler has it, at one place for ever.
#[derive(Debug, Default)]
pub struct Lane {
    state: AtomicU8,
    leaving: Mutex<Option<Departure>>,
    /// CPU that the call used in this turn, in nanoseconds.
    used: AtomicU64,
    /// Short bursts in a row that bring it home.
    patience: AtomicU32,
}

/// A task on its way to the threads for long calls.
#[derive(Clone, Debug)]
pub struct Departure {
    /// Whose CPU it uses.
    pub account: Arc<Account>,
    /// Its call has not computed yet, and goes before those that have.
    pub is_fresh: bool,
    /// Short bursts in a row that make the call a short one again.
    pub patience: u32,
}

/// Whether a call may be polled now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// It may.
    Go,
    /// It may, and is a short call again.
    GoAnew,
    /// Not in this turn: the task must be woken, and give way.
    Wait,
}

impl Lane {
    /// A scheduler has the task.
    pub(super) fn open(&self) {
        self.state.store(HOME, Relaxed);
    }

    /// To be asked before each poll of a call.
    pub fn ask(&self) -> Ask {
        match self.state.load(Relaxed) {
            HOME | FIXED | TURN => Ask::Go,
            PROMOTED => {
                self.state.store(HOME, Relaxed);
                Ask::GoAnew
            }
            _ => Ask::Wait,
        }
    }

    /// The call has used so much CPU in a poll, which ends its turn where that is enough.
    pub fn spend(&self, used: Duration) {
        if self.state.load(Relaxed) == TURN {
            let used = self.used.load(Relaxed) + nanos(used);
            self.used.store(used, Relaxed);
            if Duration::from_nanos(used) > SLICE {
                self.state.store(SPENT, Relaxed);
            }
        }
    }

    /// A call is long: its task leaves, unless it has already.
    pub fn leave(&self, departure: impl FnOnce() -> Departure) {
        if self.state.load(Relaxed) == HOME {
            *self.leaving.lock().unwrap_or_else(PoisonError::into_inner) = Some(departure());
            self.state.store(LEAVING, Relaxed);
        }
    }

    /// The connection has no call any more: its next one begins at home.
    pub fn come_home(&self) {
        match self.state.load(Relaxed) {
            HOME | FIXED => {}
            LEAVING | PROMOTED => self.state.store(HOME, Relaxed),
            _ => self.state.store(RETURNING, Relaxed),
        }
    }

    /// Whether the task is to be taken to the threads for long calls.
    pub(super) fn departs(&self) -> Option<Departure> {
        if self.state.load(Relaxed) != LEAVING {
            return None;
        }
        let departure = self.leaving.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        self.patience.store(departure.patience, Relaxed);
        Some(departure)
    }

    /// There is nowhere to go to.
    pub(super) fn stay(&self) {
        self.state.store(PROMOTED, Relaxed);
    }

    pub(super) fn begin_turn(&self) {
        self.used.store(0, Relaxed);
        self.state.store(TURN, Relaxed);
    }

    pub(super) fn returns(&self) -> bool {
        self.state.load(Relaxed) == RETURNING
    }

    pub(super) fn has_returned(&self) {
        self.state.store(HOME, Relaxed);
    }

    /// Whether so many short bursts in a row bring the task home; then it is.
    pub(super) fn promote(&self, bursts: u32) -> bool {
        let enough = bursts >= self.patience.load(Relaxed);
        if enough {
            self.state.store(PROMOTED, Relaxed);
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open() -> Lane {
        let lane = Lane::default();
        lane.open();
        lane
    }

    fn departure() -> Departure {
        Departure { account: Account::unlimited(), is_fresh: false, patience: 4 }
    }

    #[test]
    fn a_call_is_polled_at_home_until_it_leaves_and_for_a_slice_a_turn_then() {
        let lane = open();
        assert_eq!((lane.ask(), lane.ask()), (Ask::Go, Ask::Go));
        assert!(lane.departs().is_none());
        lane.leave(departure);
        assert_eq!(lane.ask(), Ask::Wait);
        assert_eq!(lane.departs().unwrap().patience, 4);
        for _ in 0..2 {
            lane.begin_turn();
            lane.spend(SLICE / 2);
            assert_eq!((lane.ask(), lane.ask()), (Ask::Go, Ask::Go));
            lane.spend(SLICE);
            assert_eq!((lane.ask(), lane.ask()), (Ask::Wait, Ask::Wait));
            lane.leave(|| panic!("it has left"));
            assert!(!lane.returns() && lane.departs().is_none());
        }
    }

    #[test]
    fn what_no_scheduler_has_never_leaves() {
        let lane = Lane::default();
        lane.leave(|| panic!("there is nowhere to go to"));
        lane.come_home();
        assert_eq!((lane.ask(), lane.departs().is_none()), (Ask::Go, true));
    }

    #[test]
    fn the_next_call_begins_at_home() {
        let lane = open();
        lane.come_home();
        lane.leave(departure);
        lane.come_home();
        assert_eq!(lane.ask(), Ask::Go);
        lane.leave(departure);
        assert!(lane.departs().is_some());
        lane.begin_turn();
        lane.ask();
        lane.come_home();
        // Another one on the connection waits until the task is there.
        assert_eq!((lane.returns(), lane.ask()), (true, Ask::Wait));
        lane.has_returned();
        assert_eq!(lane.ask(), Ask::Go);
    }

    #[test]
    fn enough_short_bursts_make_it_short_again() {
        let lane = open();
        lane.leave(departure);
        assert!(lane.departs().is_some());
        lane.begin_turn();
        assert!(!lane.promote(3) && lane.promote(4));
        assert_eq!((lane.ask(), lane.ask()), (Ask::GoAnew, Ask::Go));
    }
}
