//! What an HTTP/1 client sent, checked byte by byte before the parser that makes the request sees it.
//!
//! hyper is the only parser that makes a request, but it makes the same request of bytes that mean two things to two
//! readers: it takes a bare LF for a line end, drops a `Content-Length` beside a `Transfer-Encoding`, folds equal
//! lengths into one, and takes a missing or repeated `Host`. Such bytes are how requests are smuggled past a proxy
//! ([RFC 9112 §11.2]). A [`Checker`] is therefore shown every byte read from a connection first. It follows the
//! messages' boundaries, says how many bytes may be passed on, and refuses the rest with the status to answer. It
//! rewrites nothing, holds no bytes and does no I/O: who reads the socket keeps the bytes of a head that is not
//! complete.
//!
//! `head` checks request lines and sections of fields, `field` one field line and the values that decide about
//! routing and framing, `chunked` the chunk lines, and `line` the faults that a line shows before it is complete.
//!
//! # What hyper could still refuse
//!
//! Nothing, as long as its own limits are not below the ones given here. Each way in which hyper 1.12 ends a request
//! by itself (`proto/h1/role.rs`, `Server::parse` and `on_error`; an empty page with status 400, 414 or 431), and why
//! no accepted byte leads there:
//!
//! - httparse `Token`, `Version`, `NewLine`, `HeaderName`, `HeaderValue`: a subset of its byte classes is accepted
//!   here, and only CRLF ends a line. A target has to be UTF-8, as httparse hands it on as `str`.
//! - httparse `TooManyHeaders`: [`Limits::headers`]; hyper's default is the same 100, another number has to be given
//!   to its builder's `max_headers` as well (fields of trailers are held to it too).
//! - `Method::from_bytes`: a token of any length is one.
//! - `Uri::from_maybe_shared`: paths and queries are held to its two byte classes (a query takes no `"`, a path no
//!   `` ` ``, neither takes `<` or `>`), an authority to fewer bytes than its own.
//! - `UriTooLong` above 65,534 bytes and a field name above 65,535: [`Checker::new`] and `field` cap both.
//! - `TooLarge`: `max_header_size` is left unset, or above [`Limits::head`]; so is `max_buf_size` (417,792 by
//!   default). A `Content-Length` above `u64::MAX - 2` is refused here.
//! - `Content-Length` and `Transfer-Encoding` that it calls invalid or unexpected: a superset is refused here.
//! - A `HeaderMap` of more than 24,576 fields panics: [`Checker::new`] caps their number.
//! - Bodies: hyper reports a malformed chunk to the reader of the body and answers nothing. Its limits for chunk
//!   extensions and trailers, 16 KiB each for a message, are above those in `chunked`.
//!
//! [RFC 9112 §11.2]: https://www.rfc-editor.org/rfc/rfc9112#section-11.2

mod chunked;
mod field;
mod head;
mod line;
#[cfg(test)]
mod tests;

use std::ops::Range;

use chunked::Chunked;
pub use field::is_host;
use head::Head;

/// hyper refuses longer targets (`MAX_URI_LEN`).
const HYPER_TARGET: usize = 65_534;
/// `HeaderMap` holds 24,576 fields; well below it no growth of it can fail.
const HYPER_FIELDS: usize = 16_384;

/// How long the parts of a request's head may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the request target, 8 KiB by default; a longer one is answered 414.
    pub target: usize,
    /// Bytes of the whole head with its empty line, 64 KiB by default; a longer one is answered 431.
    pub head: usize,
    /// Field lines of the head, and again of the trailers, 100 by default; more are answered 431.
    pub headers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { target: 8 * 1024, head: 64 * 1024, headers: 100 }
    }
}

/// Why a connection's bytes are refused.
///
/// Nothing that follows can be told apart into messages any more: answer, and close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reject {
    /// The status to answer with: 400, 414, 417, 431, 501 or 505.
    pub status: u16,
    /// For the log, such as `bare CR`. It quotes nothing that was received.
    pub reason: &'static str,
}

impl Reject {
    const fn new(status: u16, reason: &'static str) -> Self {
        Self { status, reason }
    }

    const fn bad(reason: &'static str) -> Self {
        Self::new(400, reason)
    }
}

impl std::fmt::Display for Reject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.reason, self.status)
    }
}

impl std::error::Error for Reject {}

/// Where a message ends, [RFC 9112 §6.3](https://www.rfc-editor.org/rfc/rfc9112#section-6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// With its head: neither `Content-Length` nor `Transfer-Encoding` was sent.
    None,
    /// After that many bytes, as `Content-Length` says; 0 is possible.
    Length(u64),
    /// After the last chunk and its trailers.
    Chunked,
}

impl Framing {
    /// Whether the message goes on after its head.
    pub fn has_body(self) -> bool {
        !matches!(self, Self::None | Self::Length(0))
    }
}

/// The forms of a request target that are served, [RFC 9112 §3.2](https://www.rfc-editor.org/rfc/rfc9112#section-3.2).
///
/// The fourth, an authority alone, is only for CONNECT, which is answered 501.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `/path?query`
    Origin,
    /// `http://host:port/path?query`, or `https`
    Absolute,
    /// `*`, with OPTIONS
    Asterisk,
}

/// What was learnt about an accepted head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadFacts {
    /// Where the message ends.
    pub framing: Framing,
    /// HTTP/1.1 if true, else HTTP/1.0.
    pub version_11: bool,
    /// Whether the client waits for a 100: it asked, on HTTP/1.1, and has a body to send.
    pub expect_continue: bool,
    /// Where the method stands in the released bytes.
    pub method: Range<usize>,
    /// Where the target stands in the released bytes, as it was sent.
    pub target: Range<usize>,
    /// The form of the target.
    pub form: Form,
}

/// What may be passed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The number of leading bytes that are good. They never reach past the end of a message.
    pub release: usize,
    /// Set if the released bytes are a head, and exactly that (with the empty lines before it).
    pub head: Option<HeadFacts>,
    /// Whether the released bytes end their message; true at once for a head without a body.
    pub ends: bool,
}

impl Verdict {
    /// No more can be said before more was read.
    const WAIT: Self = Self { release: 0, head: None, ends: false };
}

/// Where in a message a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Between messages; nothing but empty lines of a next one was seen.
    Idle,
    /// A head has begun and is not complete: an end of file truncates it, a deadline is a 408.
    Head,
    /// A body is being received: an end of file truncates it.
    Body,
    /// Refused; every further call gives the same [`Reject`].
    Rejected,
}

/// Follows the messages of one HTTP/1 connection.
///
/// ```
/// use wasgi::wsgi::wire::{Checker, Framing, Limits};
///
/// let mut checker = Checker::new(Limits::default());
/// let mut unreleased = b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi".to_vec();
///
/// let verdict = checker.check(&unreleased)?;
/// let head: Vec<u8> = unreleased.drain(..verdict.release).collect();
/// let facts = verdict.head.expect("the head is complete");
/// assert_eq!(&head[facts.target], b"/a");
/// assert_eq!(facts.framing, Framing::Length(2));
///
/// let verdict = checker.check(&unreleased)?;
/// assert_eq!((verdict.release, verdict.ends), (2, true));
/// # Ok::<(), wasgi::wsgi::wire::Reject>(())
/// ```
#[derive(Debug)]
pub struct Checker {
    limits: Limits,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Head(Head),
    Length(u64),
    Chunked(Chunked),
    Rejected(Reject),
}

impl Checker {
    /// A checker for a connection on which nothing was read yet.
    ///
    /// The limits are lowered to what hyper can take: 65,534 bytes of target, 16,384 headers.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits: Limits {
                target: limits.target.min(HYPER_TARGET),
                head: limits.head,
                headers: limits.headers.min(HYPER_FIELDS),
            },
            phase: Phase::Head(Head::default()),
        }
    }

    /// Where in a message the connection is, as of the last [`check`](Self::check).
    pub fn stage(&self) -> Stage {
        match &self.phase {
            Phase::Head(head) if head.has_begun() => Stage::Head,
            Phase::Head(_) => Stage::Idle,
            Phase::Length(_) | Phase::Chunked(_) => Stage::Body,
            Phase::Rejected(_) => Stage::Rejected,
        }
    }

    /// Checks the bytes that were read and not released yet.
    ///
    /// One call goes no further than the end of a head or of a message; call again for what follows, until a verdict
    /// releases nothing: then read more. `unreleased` starts with the first byte that no verdict has released, and so
    /// grows at its end only, while a verdict releases nothing.
    ///
    /// # Errors
    ///
    /// [`Reject`] as soon as the bytes cannot become an acceptable message, which may be before the head is
    /// complete. Good bytes before the bad ones have been released by then.
    pub fn check(&mut self, unreleased: &[u8]) -> Result<Verdict, Reject> {
        let verdict = match &mut self.phase {
            Phase::Head(head) => {
                head.check(unreleased, &self.limits).map(|complete| complete.map_or(Verdict::WAIT, Verdict::from))
            }
            Phase::Length(left) => Ok(count(left, unreleased)),
            Phase::Chunked(chunked) => chunked.check(unreleased, &self.limits),
            Phase::Rejected(reject) => Err(*reject),
        };
        match &verdict {
            Ok(verdict) => self.follow(verdict),
            Err(reject) => self.phase = Phase::Rejected(*reject),
        }
        verdict
    }

    fn follow(&mut self, verdict: &Verdict) {
        let framing = verdict.head.as_ref().map(|head| head.framing);
        self.phase = match framing {
            _ if verdict.ends => Phase::Head(Head::default()),
            Some(Framing::Length(bytes)) => Phase::Length(bytes),
            Some(Framing::Chunked) => Phase::Chunked(Chunked::default()),
            Some(Framing::None) | None => return,
        };
    }
}

impl From<(usize, HeadFacts)> for Verdict {
    fn from((release, facts): (usize, HeadFacts)) -> Self {
        Self { release, ends: !facts.framing.has_body(), head: Some(facts) }
    }
}

fn count(left: &mut u64, bytes: &[u8]) -> Verdict {
    let release = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
    *left -= release as u64;
    Verdict { release, head: None, ends: *left == 0 }
}
