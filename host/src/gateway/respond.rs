//! A request on its way through the connection's task.
//!
//! The whole request is one future, the *call*: it owns the instance from its creation to its
//! drop. No task is spawned for it and no channel lies between it and the client: whoever needs
//! the next piece of the response polls it. First that is [`Respond`], for the head; then
//! [`Body`], for the chunks; and once the client has everything, or has left, the call goes to
//! the connection's [`Tails`], where close and hooks run while the connection serves on.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONNECTION, SERVER};
use http::{HeaderValue, Response, Version};
use http_body::{Frame, SizeHint};
use hyper::ext::ReasonPhrase;

use crate::exchange::{Cut, Exchange, Ready};
use crate::scheduler::{Ask, Movable, Scheduler};
use crate::wsgi::environ::SOFTWARE;
use crate::wsgi::length::Length;

/// A request as a future: it ends after hooks and access log.
pub(super) type Call = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The calls of a connection whose responses are out of their hands.
#[derive(Clone, Default)]
pub struct Tails {
    calls: Arc<Mutex<Vec<Tail>>>,
    /// Where long ones go; without it they are polled here.
    scheduler: Option<Scheduler>,
}

enum Tail {
    Here(Call, Arc<Exchange>),
    /// A long one, which the connection's next requests don't wait for.
    Away(Movable),
}

impl Tails {
    /// None yet. Long ones go to `scheduler`.
    pub fn new(scheduler: Scheduler) -> Tails {
        Tails { calls: Arc::default(), scheduler: Some(scheduler) }
    }

    fn push(&self, call: Call, exchange: Arc<Exchange>) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(Tail::Here(call, exchange));
    }

    /// Polls them all; ready when there are none.
    pub fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        // The lock isn't held while they are polled, and their memory is used again.
        let mut calls = {
            let mut shared = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
            if shared.is_empty() {
                return Poll::Ready(());
            }
            std::mem::take(&mut *shared)
        };
        let left: Vec<_> = calls.drain(..).filter_map(|tail| self.poll_tail(tail, cx)).collect();
        calls.extend(left);
        let mut shared = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.append(&mut shared);
        *shared = calls;
        if shared.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// What is left of one.
    fn poll_tail(&self, tail: Tail, cx: &mut Context<'_>) -> Option<Tail> {
        let mut away = match tail {
            Tail::Here(mut call, exchange) => {
                if poll_call(&mut call, cx) != Ok(Poll::Pending) {
                    return None;
                }
                match (exchange.departure(), &self.scheduler) {
                    (Some(departure), Some(scheduler)) => scheduler.finish(call, &departure),
                    _ => return Some(Tail::Here(call, exchange)),
                }
            }
            Tail::Away(away) => away,
        };
        Pin::new(&mut away).poll(cx).is_pending().then_some(Tail::Away(away))
    }
}

/// A bug of the host, caught.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Panicked;

/// A panic in a call is a bug of the host; it must not take the connection's other requests along.
fn poll_call(call: &mut Call, cx: &mut Context<'_>) -> Result<Poll<()>, Panicked> {
    catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(cx))).map_err(|_| Panicked)
}

/// The call, and where it goes when it is not needed here any more.
struct Driver {
    call: Option<Call>,
    exchange: Arc<Exchange>,
    tails: Tails,
}

impl Driver {
    fn poll(&mut self, cx: &mut Context<'_>) {
        let Some(call) = &mut self.call else { return };
        let lane = self.exchange.client.lane();
        match lane.ask() {
            Ask::Go => {}
            Ask::GoAnew => self.exchange.turn_short(),
            Ask::Wait => return cx.waker().wake_by_ref(),
        }
        // Where it panicked, the panic hook has said what and where, and its `Answer` the rest.
        let before = self.exchange.meter.long_cpu();
        if poll_call(call, cx) != Ok(Poll::Pending) {
            self.call = None;
        } else if let Some(departure) = self.exchange.departure() {
            lane.spend(self.exchange.meter.long_cpu().saturating_sub(before));
            lane.leave(|| departure);
        }
    }

    fn release(&mut self) {
        if let Some(call) = self.call.take() {
            self.tails.push(call, self.exchange.clone());
        }
    }
}

/// The connection has no more use for the response: it has all of it, or its client has left.
impl Drop for Driver {
    fn drop(&mut self) {
        if !self.exchange.is_satisfied() {
            self.exchange.client.leave();
        }
        self.exchange.client.set_in_flight(false);
        self.exchange.client.lane().come_home();
        self.release();
    }
}

/// The response's head, in the future.
pub struct Respond(Option<Driver>);

impl Respond {
    pub(super) fn new(call: Call, exchange: Arc<Exchange>, tails: Tails) -> Respond {
        exchange.client.set_in_flight(true);
        Respond(Some(Driver { call: Some(call), exchange, tails }))
    }
}

impl Future for Respond {
    /// hyper closes the connection without a word on an error, as it should for a client that left.
    type Output = Result<Response<Body>, Cut>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(driver) = &mut self.0 else { return Poll::Ready(Err(Cut)) };
        driver.poll(cx);
        let Poll::Ready(ready) = driver.exchange.poll_ready() else {
            let gone = driver.exchange.client.has_left() || driver.call.is_none();
            return if gone { Poll::Ready(Err(Cut)) } else { Poll::Pending };
        };
        let closing = driver.exchange.client.is_closing();
        let driver = self.0.take();
        Poll::Ready(Ok(response(ready, driver, closing)))
    }
}

fn response(ready: Ready, driver: Option<Driver>, closing: bool) -> Response<Body> {
    let Ready { head, length, whole } = ready;
    // HTTP/1.0 has no other end for such a body, even where the client asked to keep the connection.
    let unchunked = driver.as_ref().filter(|driver| length == Length::Unknown && !driver.exchange.chunks);
    let ends_with_connection = unchunked.inspect(|driver| driver.exchange.client.set_unframed()).is_some();
    let mut response = Response::new(Body(match whole {
        Some(bytes) => Source::Whole(bytes),
        None => Source::Stream { driver, length },
    }));
    *response.status_mut() = head.status;
    *response.headers_mut() = head.headers;
    if ends_with_connection {
        // hyper keeps the connection of what it takes for an answer of HTTP/1.1.
        *response.version_mut() = Version::HTTP_10;
    }
    if closing {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response.headers_mut().entry(SERVER).or_insert(HeaderValue::from_static(SOFTWARE));
    if let Some(reason) = head.reason.and_then(|reason| ReasonPhrase::try_from(&*reason).ok()) {
        response.extensions_mut().insert(reason);
    }
    response
}

/// The response's body.
pub struct Body(Source);

enum Source {
    /// All of it was there with the head.
    Whole(Bytes),
    /// It comes as the application makes it.
    Stream { driver: Option<Driver>, length: Length },
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        let driver = match &mut self.0 {
            Source::Whole(bytes) if bytes.is_empty() => return Poll::Ready(None),
            Source::Whole(bytes) => return Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Source::Stream { driver, .. } => driver,
        };
        let Some(running) = driver else { return Poll::Ready(None) };
        let mut chunk = running.exchange.poll_chunk();
        if chunk.is_pending() {
            running.poll(cx);
            chunk = running.exchange.poll_chunk();
        }
        match chunk {
            Poll::Ready(Some(Ok(bytes))) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            Poll::Ready(Some(Err(Cut))) => {
                *driver = None;
                Poll::Ready(Some(Err(Cut)))
            }
            Poll::Ready(None) => {
                *driver = None;
                Poll::Ready(None)
            }
            Poll::Pending if running.exchange.client.has_left() || running.call.is_none() => {
                Poll::Ready(Some(Err(Cut)))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Source::Whole(bytes) => bytes.is_empty(),
            Source::Stream { driver, .. } => driver.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Source::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Source::Stream { length: Length::Exactly(total), .. } => SizeHint::with_exact(*total),
            Source::Stream { .. } => SizeHint::default(),
        }
    }
}
