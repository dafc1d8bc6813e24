//! The response: from start_response to the last byte (PEP 3333, "The start_response() Callable",
//! "The write() Callable", "Buffering and Streaming").
//!
//! A head is only noted when it is set. It is *committed* by the first non-empty chunk, the first
//! write or the end, and from then on it can't change.

use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;

use super::{Exchange, Sent};
use crate::wsgi::head::{Head, Invalid};
use crate::wsgi::length::{Allowance, Budget, Length};

/// The response as it stands.
#[derive(Debug, Default)]
pub(super) struct Response {
    head: HeadState,
    end: End,
    /// Committed, and not yet picked up by the client's side.
    ready: Option<(Head, Length)>,
    chunk: Option<Bytes>,
    budget: Option<Budget>,
    /// Length of the chunk that the socket has not accepted yet, and of all it has.
    pending: u64,
    accepted: u64,
    /// The head went ahead of the first chunk, by an empty write.
    head_alone: bool,
    /// Something was handed over, and it is not known yet whether the socket took it.
    outstanding: bool,
    /// More came than was announced.
    overran: bool,
    /// The application broke it off itself, by exc_info after the headers.
    aborted: bool,
    status: Option<StatusCode>,
    first_byte: Option<Duration>,
}

#[derive(Debug, Default)]
enum HeadState {
    #[default]
    Unset,
    Set(Head),
    Committed(Length),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum End {
    #[default]
    Open,
    /// All bytes are there.
    Complete,
    /// Broken off, which the client must see.
    Cut,
}

/// A committed response.
#[derive(Debug)]
pub struct Ready {
    /// Status and headers.
    pub head: Head,
    /// The body's length on the wire.
    pub length: Length,
    /// The body, where all of it is there; else it comes by [`Exchange::poll_chunk`].
    pub whole: Option<Bytes>,
}

/// The response is broken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the response was cut")]
pub struct Cut;

/// Why start_response is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartError {
    /// The head is committed; the response is cut now.
    HeadersSent,
    /// A second call without exc_info.
    AlreadyCalled,
    /// What is wrong with status or headers. No head is set now.
    Invalid(Invalid),
}

/// Why write is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// start_response comes first.
    NotStarted,
    /// The client left, or the response was cut.
    Closed,
    /// The body was said to be complete.
    Finished,
}

/// Why no more of the body is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A chunk came before a valid start_response.
    #[error("there is a body but no valid call of start_response")]
    NotStarted,
    /// The body went beyond its Content-Length, and ended there.
    #[error("the body is longer than its Content-Length; the rest was dropped")]
    TooLong,
    /// The body ended before its Content-Length; the response was cut.
    #[error("the body is {0} bytes shorter than its Content-Length")]
    TooShort(u64),
    /// The client is gone, or the response was cut already.
    #[error("the client left")]
    Left,
    /// The request lived too long.
    #[error("the request lived longer than it may")]
    Life,
}

/// The guest's side.
impl Exchange {
    /// start_response: notes a head; with `replace` (exc_info was given) also in place of one.
    ///
    /// # Errors
    /// [`StartError`]; after `HeadersSent` the response is cut.
    pub fn start(&self, replace: bool, head: impl FnOnce() -> Result<Head, Invalid>) -> Result<(), StartError> {
        let mut response = self.response();
        match (&response.head, replace) {
            (HeadState::Committed(_), true) => {
                response.cut();
                response.aborted = true;
                return Err(StartError::HeadersSent);
            }
            (HeadState::Committed(_) | HeadState::Set(_), false) => return Err(StartError::AlreadyCalled),
            _ => {}
        }
        response.head = HeadState::Unset;
        response.head = HeadState::Set(head().map_err(StartError::Invalid)?);
        Ok(())
    }

    /// write(): sends bytes, even none, and waits until the socket has accepted them.
    ///
    /// # Errors
    /// [`WriteError`]; what is beyond the Content-Length was not sent then.
    pub async fn write(&self, bytes: Bytes) -> Result<(), WriteError> {
        {
            let mut response = self.response();
            match (&response.head, response.end) {
                (_, End::Cut) => return Err(WriteError::Closed),
                (HeadState::Unset, _) => return Err(WriteError::NotStarted),
                // A body that HEAD keeps back is complete for the client, not for the application.
                (HeadState::Committed(Length::Absent), _) => return Ok(()),
                (_, End::Complete) => return Err(WriteError::Finished),
                _ => {}
            }
            response.push(self, bytes, false).map_err(|_| WriteError::Closed)?;
        }
        self.meter.waiting(self.settle()).await.map_err(|_| WriteError::Closed)
    }

    /// A chunk after which more may come: sends it and waits until the socket has accepted it.
    /// An empty one does nothing.
    ///
    /// # Errors
    /// A [`Fault`], after which no more chunks are wanted.
    pub async fn chunk(&self, bytes: Bytes) -> Result<(), Fault> {
        if bytes.is_empty() {
            return Ok(());
        }
        let pushed = self.response().push(self, bytes, false);
        self.settle().await?;
        pushed
    }

    /// The end of the body, with its last chunk. Doesn't wait for the socket: see [`Exchange::settle`].
    ///
    /// # Errors
    /// A [`Fault`] if that is not the body that was announced.
    pub fn finish(&self, last: Bytes) -> Result<(), Fault> {
        self.response().push(self, last, true)
    }

    /// Answers with one of the host's own pages if nothing was committed, else cuts the response.
    pub fn fail(&self, head: Head, page: String) {
        let mut response = self.response();
        match response.head {
            HeadState::Committed(_) => response.cut(),
            _ => {
                response.head = HeadState::Set(head);
                // A page always fits its own length.
                let _ = response.push(self, page.into(), true);
            }
        }
    }

    /// Whether more came than was announced, by write() too.
    pub fn has_overrun(&self) -> bool {
        self.response().overran
    }

    /// Whether the application broke it off itself; its client is gone then, too.
    pub fn was_aborted(&self) -> bool {
        self.response().aborted
    }

    /// Whether the head is out of the application's hands.
    pub fn is_committed(&self) -> bool {
        matches!(self.response().head, HeadState::Committed(_))
    }

    /// Whether the client has, or will get, all there is: nothing more needs to be made.
    pub fn is_complete(&self) -> bool {
        self.response().end == End::Complete
    }

    /// Whether the client's side has been given all that was announced, even if the application
    /// has not said yet that it is done.
    pub fn is_satisfied(&self) -> bool {
        let response = self.response();
        let announced = matches!(response.head, HeadState::Committed(Length::Exactly(_)));
        response.end == End::Complete
            || announced && response.chunk.is_none() && response.budget.is_some_and(|budget| budget.missing() == 0)
    }

    /// Waits until the socket has accepted everything, and counts what it has.
    ///
    /// # Errors
    /// [`Fault::Left`] where it never will; [`Fault::Life`] where it takes too long.
    pub async fn settle(&self) -> Result<(), Fault> {
        let drained = self.drained().await;
        let mut response = self.response();
        response.outstanding = false;
        let pending = std::mem::take(&mut response.pending);
        response.accepted += if drained.is_ok() { pending } else { self.client.accepted_of_chunk().min(pending) };
        if drained.is_err() {
            response.cut();
        }
        drained
    }

    async fn drained(&self) -> Result<(), Fault> {
        // What drains may be the next response on the connection by now.
        if !self.response().outstanding || !self.client.is_draining() {
            return Ok(());
        }
        let drained = self.client.drained();
        match self.meter.deadline() {
            None => drained.await.map_err(|_| Fault::Left),
            Some(life) => match tokio::time::timeout_at(life.into(), drained).await {
                Ok(drained) => drained.map_err(|_| Fault::Left),
                Err(_) => Err(Fault::Life),
            },
        }
    }

    /// What the client got so far. Final once [`Exchange::settle`] has returned, or the connection has ended.
    pub fn sent(&self) -> Sent {
        let response = self.response();
        let on_its_way = if response.outstanding { self.client.accepted_of_chunk().min(response.pending) } else { 0 };
        Sent {
            status: response.status.map(|status| status.as_u16()),
            bytes: response.accepted + on_its_way,
            complete: response.end == End::Complete && response.pending == 0,
            first_byte: response.first_byte,
        }
    }
}

/// The client's side. It polls the request itself, and looks here after each poll: so nothing here
/// needs to wake it.
impl Exchange {
    /// The committed head, once.
    pub fn poll_ready(&self) -> Poll<Ready> {
        let mut response = self.response();
        let Some((head, length)) = response.ready.take() else { return Poll::Pending };
        let whole = match response.end {
            End::Complete => Some(response.chunk.take().unwrap_or_default()),
            End::Open | End::Cut => None,
        };
        // A chunk that is there already is picked up next, and the head goes with it.
        response.head_alone = whole.is_none() && response.chunk.is_none();
        if let Some(len) = whole.as_ref().map(Bytes::len).or(response.head_alone.then_some(0)) {
            self.client.take(true, 0, len);
        }
        Poll::Ready(Ready { head, length, whole })
    }

    /// The next chunk; none at the end.
    pub fn poll_chunk(&self) -> Poll<Option<Result<Bytes, Cut>>> {
        let mut response = self.response();
        if let Some(chunk) = response.chunk.take() {
            let first = response.accepted == 0 && !response.head_alone;
            self.client.take(first, self.framing(&response, chunk.len()), chunk.len());
            return Poll::Ready(Some(Ok(chunk)));
        }
        match response.end {
            End::Complete => Poll::Ready(None),
            End::Cut => Poll::Ready(Some(Err(Cut))),
            End::Open => Poll::Pending,
        }
    }

    /// Bytes that HTTP/1.1 puts before a chunk's payload: its length in hex, and CRLF.
    fn framing(&self, response: &Response, len: usize) -> usize {
        match response.head {
            HeadState::Committed(Length::Unknown) if self.chunks => len.checked_ilog(16).unwrap_or(0) as usize + 3,
            _ => 0,
        }
    }

    /// Whether nothing can be had before the socket has taken what it has.
    pub fn is_waiting_for_socket(&self) -> bool {
        let response = self.response();
        response.chunk.is_none() && response.end == End::Open && self.client.is_draining()
    }
}

impl Response {
    fn push(&mut self, exchange: &Exchange, mut bytes: Bytes, last: bool) -> Result<(), Fault> {
        match self.end {
            End::Cut => return Err(Fault::Left),
            End::Complete => return Ok(()),
            End::Open => {}
        }
        let whole = last.then_some(bytes.len() as u64);
        self.check_whole(exchange, whole)?;
        self.commit(exchange, whole)?;
        let budget = self.budget.get_or_insert(Budget::new(Length::Absent));
        let allowance = if bytes.is_empty() { Allowance::Nothing } else { budget.take(bytes.len()) };
        match allowance {
            Allowance::Whole => {}
            Allowance::Cut(n) => bytes.truncate(n),
            Allowance::Nothing => bytes.clear(),
        }
        let missing = budget.missing();
        if !bytes.is_empty() {
            self.pending += bytes.len() as u64;
            self.chunk = Some(bytes);
        }
        let bodiless = matches!(self.head, HeadState::Committed(Length::Absent));
        let too_long = matches!(allowance, Allowance::Cut(_));
        if last && missing > 0 {
            self.cut();
            return Err(Fault::TooShort(missing));
        }
        if last || bodiless || too_long {
            self.end = End::Complete;
        }
        if self.chunk.is_some() || self.ready.is_some() {
            exchange.client.offer();
            self.outstanding = true;
        }
        if too_long {
            self.overran = true;
            exchange.client.close_after();
            return Err(Fault::TooLong);
        }
        Ok(())
    }

    /// A whole body that is too short is found before anything went out: it can be answered.
    fn check_whole(&self, exchange: &Exchange, whole: Option<u64>) -> Result<(), Fault> {
        let (HeadState::Set(head), Some(whole)) = (&self.head, whole) else { return Ok(()) };
        match head.length(&exchange.method, Some(whole)) {
            Length::Exactly(total) if total > whole => Err(Fault::TooShort(total - whole)),
            _ => Ok(()),
        }
    }

    fn commit(&mut self, exchange: &Exchange, whole: Option<u64>) -> Result<(), Fault> {
        if let HeadState::Committed(_) = self.head {
            return Ok(());
        }
        let HeadState::Set(mut head) = std::mem::take(&mut self.head) else { return Err(Fault::NotStarted) };
        let length = head.length(&exchange.method, whole);
        head.announce(&exchange.method, whole);
        self.status = Some(head.status);
        self.first_byte = Some(exchange.meter.elapsed());
        self.budget = Some(Budget::new(length));
        self.head = HeadState::Committed(length);
        self.ready = Some((head, length));
        Ok(())
    }

    fn cut(&mut self) {
        if self.end == End::Open {
            self.end = End::Cut;
        }
    }
}
