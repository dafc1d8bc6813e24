//! The deadlines of one connection, which hyper hasn't got: how long it may be silent, how long a head may take, how
//! long a client may take nothing of a response, or too little; and the look whether a client is still there.
//!
//! A busy connection reads no clock for them. It is looked at every [`LOOK`], and what was the same
//! at the last look has been so since then: so a deadline may come up to two looks late.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use super::transport::{Activity, Waiting, Wire};
use crate::config::Connections;
use crate::exchange::Client;

/// How long a connection that is silent when draining begins may still bring a request: one that is on its way, or
/// of a client that knows nothing of the end yet, such as a proxy's next.
const DRAIN_IDLE: Duration = Duration::from_millis(500);
/// How often a connection is looked at on which something happens, or whose client is owed a response.
const LOOK: Duration = Duration::from_millis(250);

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// A response is owed: is its client still there?
    Owed,
    /// The client has taken nothing for too long, or too little.
    Stalled,
    /// The head took too long.
    SlowHead,
    /// Nothing was asked for too long.
    Silent,
}

enum Found {
    Due(Look),
    /// Nothing is due before this time is over.
    Nothing(Duration),
}

/// When to look next, and what was seen at the last look.
pub(super) struct Deadlines {
    limits: Connections,
    alarm: Pin<Box<Sleep>>,
    /// Whether the alarm is a look away at most.
    near: bool,
    /// Polled once since it was set, so that it wakes the connection.
    registered: bool,
    seen: Activity,
    since: Instant,
    drains: bool,
    /// Since when a response has waited for its client, and what had been accepted by then.
    owed: Option<(Instant, u64)>,
}

impl Deadlines {
    pub(super) fn new(limits: Connections, wire: &Wire) -> Deadlines {
        let now = Instant::now();
        Deadlines {
            limits,
            alarm: Box::pin(tokio::time::sleep_until(now + LOOK)),
            near: true,
            registered: false,
            seen: wire.activity(),
            since: now,
            drains: false,
            owed: None,
        }
    }

    /// Ready with what a look found; to be asked after every poll of the connection.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, wire: &Wire) -> Poll<Look> {
        loop {
            let drains = wire.drains_since().is_some();
            let new = wire.activity() != self.seen || drains != self.drains;
            if !self.alarm.is_elapsed() && (self.near || !new) {
                if self.registered || self.alarm.as_mut().poll(cx).is_pending() {
                    self.registered = true;
                    return Poll::Pending;
                }
                continue;
            }
            let now = Instant::now();
            if new {
                (self.seen, self.since, self.drains) = (wire.activity(), now, drains);
            }
            let found = self.look(now, wire);
            // Where something has just happened, more will soon.
            let until = match found {
                Found::Nothing(until) if !new => until,
                _ => LOOK,
            };
            self.near = until <= LOOK;
            self.registered = false;
            self.alarm.as_mut().reset(now + until);
            if let Found::Due(look) = found {
                return Poll::Ready(look);
            }
        }
    }

    fn look(&mut self, now: Instant, wire: &Wire) -> Found {
        let so_far = now - self.since;
        let is_slow = self.is_slow(now, &wire.client);
        let (limit, due) = match wire.waiting() {
            Waiting::Message if wire.client.is_draining() && so_far >= wire.client.patience() => {
                return Found::Due(Look::Stalled);
            }
            Waiting::Message if is_slow => return Found::Due(Look::Stalled),
            Waiting::Message => return Found::Due(Look::Owed),
            Waiting::Head => (self.limits.head, Look::SlowHead),
            Waiting::Idle if wire.has_begun() => (self.limits.idle, Look::Silent),
            Waiting::Idle => (self.limits.first_byte, Look::Silent),
        };
        let mut left = limit.saturating_sub(so_far);
        if let (Look::Silent, Some(draining)) = (due, wire.drains_since()) {
            left = left.min(DRAIN_IDLE.saturating_sub(draining.elapsed()));
        }
        if left.is_zero() { Found::Due(due) } else { Found::Nothing(left) }
    }

    /// Whether the client takes what waits for it more slowly than it may.
    fn is_slow(&mut self, now: Instant, client: &Client) -> bool {
        if !client.is_draining() {
            self.owed = None;
            return false;
        }
        let (since, accepted) = *self.owed.get_or_insert_with(|| (now, client.accepted()));
        client.pace().patience(client.accepted() - accepted).is_some_and(|patience| now - since >= patience)
    }
}
