//! One request in flight, as its two sides share it.
//!
//! The guest's side sets a head and hands over chunks; the client's side takes them as its socket
//! drains. Neither knows the other: the guest's side names no HTTP server, the client's no wasm.

mod client;
mod input;
mod meter;
mod pace;
mod response;

pub use client::{Client, Left};
pub use input::{Input, InputError};
pub use meter::{Clocks, Ended, Meter, Reading, TICK};
pub use pace::Pace;
pub use response::{Cut, Fault, Ready, StartError, WriteError};

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::Method;

use response::Response;

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
        Arc::new(Exchange { method, chunks, began, client, meter, response: Mutex::default() })
    }

    /// `request` with its CPU metered. Guests are called within one only.
    pub fn metered<F: Future>(self: &Arc<Self>, request: F) -> Metered<F> {
        Metered { exchange: self.clone(), request }
    }

    /// A panic elsewhere must not become a second one here.
    fn response(&self) -> MutexGuard<'_, Response> {
        self.response.lock().unwrap_or_else(PoisonError::into_inner)
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
