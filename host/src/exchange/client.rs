//! The client's end of a connection: what its socket has accepted, and whether it is still there.
//!
//! Requests on an HTTP/1 connection follow one another, so one [`Client`] serves them all.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::Pace;
use crate::scheduler::Lane;

/// The client has left, or its connection is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left;

/// The last chunk has been accepted by the socket, or there was none.
const NOWHERE: u8 = 0;
/// The guest gave it, and the client's side has not picked it up.
const OFFERED: u8 = 1;
/// It belongs to the transport, which hasn't written all of it yet.
const TAKEN: u8 = 2;

/// What a connection's transport tells the requests on it, and the other way round.
#[derive(Debug, Default)]
pub struct Client {
    /// Bytes that the socket accepted since the connection began, framing included.
    accepted: AtomicU64,
    /// Where the last chunk is: [`NOWHERE`], [`OFFERED`] or [`TAKEN`].
    chunk_is: AtomicU8,
    /// Before the bytes that were handed over stand a head's: how many isn't known yet.
    head_ahead: AtomicBool,
    /// Where in `accepted` the last chunk's payload begins, and how long it is.
    chunk_at: AtomicU64,
    chunk_len: AtomicU64,
    patience_ms: AtomicU64,
    left: AtomicBool,
    closing: AtomicBool,
    unframed: AtomicBool,
    in_flight: AtomicBool,
    /// Somebody waits for the socket; and it has taken everything since.
    is_awaited: AtomicBool,
    progress: AtomicBool,
    serves: AtomicU32,
    pace: Pace,
    lane: Arc<Lane>,
    fault: OnceLock<&'static str>,
    waiting: Mutex<Option<Waker>>,
}

impl Client {
    /// One that may be no slower than `pace`.
    pub fn new(pace: Pace) -> Client {
        Client { pace, ..Client::default() }
    }

    /// How slow it may be.
    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// Where the connection's task is polled.
    pub fn lane(&self) -> &Arc<Lane> {
        &self.lane
    }

    /// The guest's side: a chunk waits to be picked up.
    pub fn offer(&self) {
        self.chunk_is.store(OFFERED, Relaxed);
    }

    /// The client's side: a chunk of `len` bytes with `framing` bytes before it, and before those
    /// a head where there is one, now belongs to the transport.
    pub fn take(&self, head: bool, framing: usize, len: usize) {
        self.chunk_at.store(self.accepted.load(Relaxed) + framing as u64, Relaxed);
        self.chunk_len.store(len as u64, Relaxed);
        self.head_ahead.store(head, Relaxed);
        self.chunk_is.store(TAKEN, Relaxed);
    }

    /// The transport: a write of `offered` bytes was accepted up to `accepted`. `head_len` finds
    /// the end of a head in what was offered; it is asked only after a short write.
    pub fn accept(&self, accepted: usize, offered: usize, head_len: impl FnOnce() -> usize) {
        if self.head_ahead.load(Relaxed) && accepted > 0 {
            self.head_ahead.store(false, Relaxed);
            if accepted < offered {
                self.chunk_at.fetch_add(head_len() as u64, Relaxed);
            }
        }
        self.accepted.fetch_add(accepted as u64, Relaxed);
    }

    /// The transport: everything that was handed over has been accepted. It wakes nobody, as it is
    /// called on the task that polls the request; see [`Client::has_progress`].
    pub fn flushed(&self) {
        if self.chunk_is.load(Relaxed) == TAKEN {
            self.chunk_is.store(NOWHERE, Relaxed);
            self.progress.store(self.is_awaited.load(Relaxed), Relaxed);
        }
    }

    /// Whether somebody waited for the socket in vain since, and should be polled; said once.
    pub fn has_progress(&self) -> bool {
        self.progress.load(Relaxed) && self.progress.swap(false, Relaxed)
    }

    /// The transport, or whoever gives up on it: the client is gone.
    pub fn leave(&self) {
        self.left.store(true, Relaxed);
        self.wake();
    }

    /// Whether the client is gone.
    pub fn has_left(&self) -> bool {
        self.left.load(Relaxed)
    }

    /// Bytes that the socket accepted since the connection began: moves while the client reads.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Relaxed)
    }

    /// Whether something handed over still waits for the socket.
    pub fn is_draining(&self) -> bool {
        self.chunk_is.load(Relaxed) != NOWHERE
    }

    /// Waits until the socket has accepted what was handed over.
    ///
    /// # Errors
    /// [`Left`] if it never will.
    pub async fn drained(&self) -> Result<(), Left> {
        poll_fn(|cx| self.poll_drained(cx)).await
    }

    fn poll_drained(&self, cx: &Context<'_>) -> Poll<Result<(), Left>> {
        if self.is_draining() && !self.has_left() {
            self.is_awaited.store(true, Relaxed);
            self.wait(cx);
            return Poll::Pending;
        }
        self.is_awaited.store(false, Relaxed);
        self.progress.store(false, Relaxed);
        Poll::Ready(if self.is_draining() { Err(Left) } else { Ok(()) })
    }

    /// Completes when the client is gone.
    pub fn poll_left(&self, cx: &Context<'_>) -> Poll<()> {
        if self.has_left() {
            return Poll::Ready(());
        }
        self.wait(cx);
        Poll::Pending
    }

    /// How many of the last chunk's bytes the socket accepted before the client left.
    pub fn accepted_of_chunk(&self) -> u64 {
        if self.chunk_is.load(Relaxed) == OFFERED || self.head_ahead.load(Relaxed) {
            return 0;
        }
        let past = self.accepted.load(Relaxed).saturating_sub(self.chunk_at.load(Relaxed));
        past.min(self.chunk_len.load(Relaxed))
    }

    /// How long the request in flight waits for its client to take something.
    pub fn set_patience(&self, patience: Duration) {
        self.patience_ms.store(u64::try_from(patience.as_millis()).unwrap_or(u64::MAX), Relaxed);
    }

    /// What [`Client::set_patience`] said.
    pub fn patience(&self) -> Duration {
        Duration::from_millis(self.patience_ms.load(Relaxed))
    }

    /// Asks for the connection to be closed after this response.
    pub fn close_after(&self) {
        self.closing.store(true, Relaxed);
    }

    /// Whether [`Client::close_after`] was called.
    pub fn is_closing(&self) -> bool {
        self.closing.load(Relaxed)
    }

    /// The response has no end of its own: it ends with the connection, which must not end in order where it is cut.
    pub fn set_unframed(&self) {
        self.unframed.store(true, Relaxed);
    }

    /// Whether [`Client::set_unframed`] was called.
    pub fn is_unframed(&self) -> bool {
        self.unframed.load(Relaxed)
    }

    /// A request begins, or its response has gone out: while one is in flight the transport holds
    /// back the next one's head.
    pub fn set_in_flight(&self, in_flight: bool) {
        self.in_flight.store(in_flight, Relaxed);
    }

    /// Whether a request is being answered.
    pub fn is_in_flight(&self) -> bool {
        self.in_flight.load(Relaxed)
    }

    /// A request on the connection is for this tenant, by number.
    pub fn serve_for(&self, tenant: u32) {
        self.serves.store(tenant, Relaxed);
    }

    /// Whom the connection's last request was for; 0 while there was none that was for anybody.
    pub fn serves(&self) -> u32 {
        self.serves.load(Relaxed)
    }

    /// The transport: the request body's framing is broken, as `reason` says.
    pub fn malform(&self, reason: &'static str) {
        let _ = self.fault.set(reason);
    }

    /// What is wrong with the request body's framing, if anything.
    pub fn fault(&self) -> Option<&'static str> {
        self.fault.get().copied()
    }

    fn wait(&self, cx: &Context<'_>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *waiting {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }

    fn wake(&self) {
        let waker = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_chunk_counts_what_was_accepted() {
        let client = Client::default();
        client.take(true, 3, 100);
        assert_eq!(client.accepted_of_chunk(), 0);
        client.accept(60, 153, || 50);
        assert_eq!(client.accepted_of_chunk(), 7);
        client.accept(93, 93, || 0);
        assert_eq!(client.accepted_of_chunk(), 100);
        client.flushed();
        client.take(false, 4, 10);
        client.accept(2, 16, || 0);
        assert_eq!(client.accepted_of_chunk(), 0);
        client.accept(5, 14, || 0);
        assert_eq!(client.accepted_of_chunk(), 3);
    }
}
