//! A connection's bytes, on their way to and from hyper.
//!
//! Inwards, every byte is checked before hyper sees it (`wsgi::wire`), and a request's head is
//! held back until the response before it has left: so that requests follow one another, and
//! hyper never takes the next request for a reason to hurry. Outwards, it is known what the
//! socket has accepted, which is what a response waits for before its next chunk is made.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::{Buf, BytesMut};
use memchr::memmem;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::exchange::{Client, Pace};
use crate::wsgi::wire::{Checker, Limits, Reject, Stage};

/// Bytes of later requests that are taken from the socket while one is answered: enough to see
/// that a client has left.
const MAX_HELD: usize = 64 * 1024;

/// What the connection's driver and its transport share.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) client: Arc<Client>,
    rejected: OnceLock<Reject>,
    stage: AtomicU8,
    /// Counts the stages that began, and what went out.
    events: AtomicU32,
    ended: AtomicBool,
    /// Since when this is to be the connection's last request.
    draining: OnceLock<Instant>,
}

const IDLE: u8 = 0;
const HEAD: u8 = 1;
const MESSAGE: u8 = 2;

/// What was going on: where it is the same as before, nothing happened in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Activity {
    events: u32,
    waiting: Waiting,
    draining: bool,
}

/// What the connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    /// The first byte of a request; or nothing, between two.
    Idle,
    /// The rest of a request's head.
    Head,
    /// Its body, its application, or its client's reading.
    Message,
}

impl Wire {
    /// The wire of a client that may be no slower than `pace`.
    pub(super) fn new(pace: Pace) -> Arc<Wire> {
        Arc::new(Wire {
            client: Arc::new(Client::new(pace)),
            rejected: OnceLock::new(),
            stage: AtomicU8::new(IDLE),
            events: AtomicU32::new(0),
            ended: AtomicBool::new(false),
            draining: OnceLock::new(),
        })
    }

    /// What is waited for.
    pub(super) fn waiting(&self) -> Waiting {
        match self.stage.load(Relaxed) {
            _ if self.client.is_in_flight() || self.client.is_draining() => Waiting::Message,
            HEAD => Waiting::Head,
            MESSAGE => Waiting::Message,
            _ => Waiting::Idle,
        }
    }

    /// Whether anything has come yet.
    pub(super) fn has_begun(&self) -> bool {
        self.events.load(Relaxed) > 0
    }

    /// hyper sees the connection's end.
    pub(super) fn end(&self) {
        self.ended.store(true, Relaxed);
    }

    /// What is going on.
    pub(super) fn activity(&self) -> Activity {
        let draining = self.client.is_draining();
        Activity { events: self.events.load(Relaxed), waiting: self.waiting(), draining }
    }

    /// The server drains from now on: the next response is the connection's last, and says so.
    pub(super) fn drain(&self) {
        let _ = self.draining.set(Instant::now());
        self.client.close_after();
    }

    /// Since when the server has been draining, if it does.
    pub(super) fn drains_since(&self) -> Option<Instant> {
        self.draining.get().copied()
    }

    /// Refuses what comes; hyper sees the connection's end.
    pub(super) fn reject(&self, reject: Reject) {
        let _ = self.rejected.set(reject);
        self.ended.store(true, Relaxed);
    }

    /// Why the client's bytes were refused, if they were.
    pub(super) fn rejected(&self) -> Option<Reject> {
        self.rejected.get().copied()
    }

    /// Something went out, or a stage began. Only the connection's own task says so.
    fn touch(&self) {
        self.events.store(self.events.load(Relaxed).wrapping_add(1), Relaxed);
    }

    fn enter(&self, stage: u8) {
        if self.stage.load(Relaxed) != stage {
            self.stage.store(stage, Relaxed);
            self.touch();
        }
    }
}

/// The transport under hyper.
pub(super) struct Transport<S> {
    stream: S,
    wire: Arc<Wire>,
    checker: Checker,
    /// Read, and not released yet: an incomplete head, or what follows a request in flight.
    held: BytesMut,
    /// How many of the held bytes the checker has let pass: hyper had no room for them.
    passed: usize,
    /// What was checked last is part of a body.
    in_body: bool,
    /// A read found that it has to wait for the response in flight.
    gated: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Transport<S> {
    pub(super) fn new(stream: S, wire: Arc<Wire>, limits: Limits) -> Transport<S> {
        Transport {
            stream,
            wire,
            checker: Checker::new(limits),
            held: BytesMut::new(),
            passed: 0,
            in_body: false,
            gated: false,
        }
    }

    /// The stream alone again.
    pub(super) fn into_stream(self) -> S {
        self.stream
    }

    /// Whether the next head has to wait.
    fn must_wait(&self) -> bool {
        let between = matches!(self.checker.stage(), Stage::Idle | Stage::Head);
        between && (self.wire.client.is_in_flight() || self.wire.client.is_draining())
    }

    /// How many leading bytes may go to hyper: up to a message's end, or the end of the good ones.
    fn check(&mut self, bytes: &[u8]) -> Result<usize, Reject> {
        let mut released = 0;
        while !self.must_wait() {
            // A fault that good bytes stood before was found by the check before this one.
            if self.checker.stage() != Stage::Rejected {
                self.in_body = self.checker.stage() == Stage::Body;
            }
            let verdict = match self.checker.check(&bytes[released..]) {
                Ok(verdict) => verdict,
                Err(_) if released > 0 => break,
                Err(reject) => return Err(reject),
            };
            released += verdict.release;
            if verdict.head.is_some() {
                self.wire.client.set_in_flight(true);
            }
            if verdict.release == 0 || released == bytes.len() {
                break;
            }
        }
        self.wire.enter(match self.checker.stage() {
            Stage::Idle => IDLE,
            Stage::Head => HEAD,
            Stage::Body | Stage::Rejected => MESSAGE,
        });
        Ok(released)
    }

    /// hyper sees the end of a connection whose next head is refused, and an error in a body.
    fn refuse(&mut self, reject: Reject) -> Poll<io::Result<()>> {
        if self.wire.client.is_in_flight() {
            self.wire.client.malform(reject.reason);
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, reject)));
        }
        // A body whose request was answered already gets no second answer.
        if self.in_body {
            self.wire.ended.store(true, Relaxed);
        } else {
            self.wire.reject(reject);
        }
        Poll::Ready(Ok(()))
    }

    /// Gives hyper what it may have of the held bytes; false where that is nothing.
    fn release_held(&mut self, out: &mut ReadBuf<'_>) -> Result<bool, Reject> {
        if self.passed == 0 && !self.held.is_empty() && !self.must_wait() {
            let held = std::mem::take(&mut self.held);
            let checked = self.check(&held);
            self.held = held;
            self.passed = checked?;
        }
        let now = self.passed.min(out.remaining());
        out.put_slice(&self.held[..now]);
        self.held.advance(now);
        self.passed -= now;
        Ok(now > 0)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Transport<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if this.wire.ended.load(Relaxed) {
                return Poll::Ready(Ok(()));
            }
            match this.release_held(out) {
                Ok(true) => return Poll::Ready(Ok(())),
                Ok(false) => {}
                Err(reject) => return this.refuse(reject),
            }
            this.gated = this.must_wait();
            if this.gated && this.held.len() >= MAX_HELD {
                return Poll::Pending;
            }
            let before = out.filled().len();
            ready!(Pin::new(&mut this.stream).poll_read(cx, out))?;
            let read = out.filled().len() - before;
            if read == 0 {
                this.wire.ended.store(true, Relaxed);
                // A body that ends too early is for its reader to see, and is answered.
                if this.wire.client.is_in_flight() && this.checker.stage() != Stage::Body {
                    this.wire.client.leave();
                }
                return Poll::Ready(Ok(()));
            }
            if this.gated || !this.held.is_empty() {
                this.held.extend_from_slice(&out.filled()[before..]);
                out.set_filled(before);
                continue;
            }
            let released = match this.check(&out.filled()[before..]) {
                Ok(released) => released,
                Err(reject) => {
                    out.set_filled(before);
                    return this.refuse(reject);
                }
            };
            this.held.extend_from_slice(&out.filled()[before + released..]);
            out.set_filled(before + released);
            if released > 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Transport<S> {
    fn accepted(&self, written: usize, offered: &[IoSlice<'_>]) {
        self.wire.touch();
        let total = offered.iter().map(|slice| slice.len()).sum();
        self.wire.client.accept(written, total, || head_len(offered));
    }

    /// A client that left takes nothing any more, and hyper should not wait for it.
    fn broken(&self) -> Option<io::Error> {
        self.wire.client.has_left().then(|| io::ErrorKind::BrokenPipe.into())
    }
}

/// Where a head ends in what was offered to the socket: it is in one piece, at the beginning.
fn head_len(offered: &[IoSlice<'_>]) -> usize {
    let first: &[u8] = offered.first().map_or(&[], |slice| slice);
    memmem::find(first, b"\r\n\r\n").map_or(first.len(), |end| end + 4)
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Transport<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(error) = self.broken() {
            return Poll::Ready(Err(error));
        }
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.accepted(written, &[IoSlice::new(bytes)]);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(error) = self.broken() {
            return Poll::Ready(Err(error));
        }
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, bytes))?;
        self.accepted(written, bytes);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// hyper flushes when it has written all it has.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.wire.client.flushed();
        if self.gated && !self.must_wait() {
            self.gated = false;
            // What is still to come, the socket wakes for.
            if !self.held.is_empty() {
                cx.waker().wake_by_ref();
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_ends_at_the_empty_line() {
        let offered = [IoSlice::new(b"HTTP/1.1 200 OK\r\na: b\r\n\r\nbody"), IoSlice::new(b"more")];
        assert_eq!(head_len(&offered), 25);
    }
}
