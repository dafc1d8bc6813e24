//! One request in flight, as its two sides share it.
//!
//! The guest's side sets a head and hands over chunks; the client's side takes them as its socket
//! drains. Neither knows the other: the guest's side names no HTTP server, the client's no wasm.

mod client;
mod input;
mod length;
mod limited;
mod meter;
mod pace;
mod response;

pub use client::{Client, Left};
pub use input::{Input, InputError};
pub use meter::{Clocks, Ended, Found, Meter, Reading, TICK};
pub use pace::Pace;
pub use response::{Cut, Fault, Ready, StartError, WriteError};

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::Method;

use response::Response;

use crate::scheduler::Departure;
use crate::tenants::Spender;

/// Short bursts in a row that make a long call a short one again: twice as many each time it becomes long, up to
/// 2,048, so that a guest gains nothing by turns.
const PATIENCE: u32 = 2;
const PATIENCE_DOUBLES: u32 = 10;

/// One request: what both sides see of its response, its client and its clocks.
#[derive(Debug)]
pub struct Exchange {
    /// The request's method, which decides whether there is a body.
    pub method: Method,
    /// Whether a body of unknown length goes out in HTTP/1.1's chunks.
    pub chunks: bool,
    /// When the request's head was complete.
    pub began: Instant,
    /// The client's end of the connection.
    pub client: Arc<Client>,
    /// CPU and time that the guest used.
    pub meter: Meter,
    response: Mutex<Response>,
    /// Whose CPU the guest uses; known before there is one.
    spender: OnceLock<Arc<Spender>>,
    /// The call counts among its long ones.
    counts: AtomicBool,
}

/// What went to the client in the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// The status that was sent; none if the client left before.
    pub status: Option<u16>,
    /// Body bytes that the client's socket accepted, without framing.
    pub bytes: u64,
    /// Whether that was the whole response.
    pub complete: bool,
    /// From the request's head to the response's first byte.
    pub first_byte: Option<Duration>,
}

impl Exchange {
    /// A request that begins now.
    pub fn new(method: Method, chunks: bool, client: Arc<Client>, clocks: Clocks) -> Arc<Exchange> {
        let began = Instant::now();
        client.set_patience(clocks.stall);
        let meter = Meter::new(clocks, began);
        let (response, spender) = (Mutex::default(), OnceLock::new());
        Arc::new(Exchange { method, chunks, began, client, meter, response, spender, counts: AtomicBool::new(false) })
    }

    /// `request` with its CPU metered. Guests are called within one only.
    pub fn metered<F: Future>(self: &Arc<Self>, request: F) -> Metered<F> {
        Metered { exchange: self.clone(), request }
    }

    /// The guest uses CPU of this application.
    pub fn bill(&self, spender: &Arc<Spender>) {
        self.spender.get_or_init(|| spender.clone());
    }

    /// Gives way, and goes on among long calls. For a call of which it is known that it will be one.
    pub async fn begin_long(&self) {
        self.meter.begin_long();
        tokio::task::yield_now().await;
    }

    /// With whom a call that has become long leaves, if it has.
    pub fn departure(&self) -> Option<Departure> {
        let spender = self.spender.get().filter(|_| self.meter.is_long())?;
        if !self.counts.swap(true, Relaxed) {
            spender.begin_long();
        }
        let account = spender.account().clone();
        let is_fresh = !self.meter.has_computed();
        Some(Departure { account, is_fresh, patience: PATIENCE << self.meter.times_long().min(PATIENCE_DOUBLES) })
    }

    /// A call that was long is short again.
    pub fn turn_short(&self) {
        self.meter.turn_short();
        self.end_long();
    }

    fn end_long(&self) {
        if let Some(spender) = self.spender.get().filter(|_| self.counts.swap(false, Relaxed)) {
            spender.end_long();
        }
    }

    /// A panic elsewhere must not become a second one here.
    fn response(&self) -> MutexGuard<'_, Response> {
        self.response.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.end_long();
    }
}

pin_project_lite::pin_project! {
    /// A request's future, whose polls are metered.
    pub struct Metered<F> {
        exchange: Arc<Exchange>,
        #[pin]
        request: F,
    }
}

impl<F: Future> Future for Metered<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        this.exchange.meter.poll(|| this.request.poll(cx))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_counts_among_long_ones_once_and_while_it_is_one() {
        let second = Duration::from_secs(1);
        let clocks = Clocks { cpu: second, wall: second, life: None, stall: second };
        let spender = Spender::new(crate::tenants::Account::unlimited());
        let begin = || {
            let exchange = Exchange::new(Method::GET, true, Arc::default(), clocks);
            exchange.bill(&spender);
            let mut begun = Box::pin(exchange.begin_long());
            // It gives way, for its task to leave.
            assert!(begun.as_mut().poll(&mut Context::from_waker(std::task::Waker::noop())).is_pending());
            drop(begun);
            assert!(exchange.departure().is_some_and(|departure| departure.is_fresh));
            exchange
        };
        let (one, other) = (begin(), begin());
        assert!(one.departure().is_some());
        assert_eq!((spender.long(), spender.long_of_tenant()), (2, 2));
        one.turn_short();
        assert!(one.departure().is_none());
        assert_eq!(spender.long(), 1);
        drop((one, other));
        assert_eq!((spender.long(), spender.long_of_tenant()), (0, 0));
    }
}
