//! Whatever a client sends: the checker's verdict does not depend on how the bytes arrive, and what it accepts the
//! parsers behind it accept and understand in the same way.

use std::ops::Range;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Uri};
use wasgi::wsgi::wire::{Checker, Form, Framing, HeadFacts, Limits, Reject, is_host};

/// So low that short inputs reach them.
pub(crate) const LOW: Limits = Limits { target: 24, head: 160, headers: 5 };

/// What a connection came to. Ranges are positions in the stream.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Outcome {
    /// The heads released, and what was learnt about them.
    pub(crate) heads: Vec<(Range<usize>, HeadFacts)>,
    /// The whole messages released.
    pub(crate) messages: Vec<Range<usize>>,
    /// All the bytes released.
    pub(crate) released: usize,
    /// Why the rest is not.
    pub(crate) refused: Option<Reject>,
}

/// Shows `stream` to a checker in pieces of these sizes, the last of which is repeated.
pub(crate) fn feed(stream: &[u8], pieces: &[usize], limits: Limits) -> Outcome {
    let mut checker = Checker::new(limits);
    let mut outcome = Outcome::default();
    let mut pieces = pieces.iter().copied();
    let (mut read, mut piece, mut start) = (0, 1, 0);
    loop {
        let verdict = match checker.check(&stream[outcome.released..read]) {
            Ok(verdict) => verdict,
            Err(reject) => {
                outcome.refused = Some(reject);
                return outcome;
            }
        };
        let end = outcome.released + verdict.release;
        assert!(end <= read, "bytes released that were never shown");
        if let Some(facts) = verdict.head {
            assert_eq!(outcome.released, start, "a head starts a message");
            assert!(verdict.ends || facts.framing.has_body());
            outcome.heads.push((outcome.released..end, facts));
        }
        if verdict.ends {
            outcome.messages.push(start..end);
            start = end;
        }
        outcome.released = end;
        if verdict.release == 0 {
            assert!(!verdict.ends, "a message ends with bytes");
            if read == stream.len() {
                return outcome;
            }
            piece = pieces.next().unwrap_or(piece).max(1);
            read = stream.len().min(read + piece);
        }
    }
}

/// The fuzz target.
pub(crate) fn run(data: &[u8]) {
    for limits in [Limits::default(), LOW] {
        let whole = feed(data, &[data.len()], limits);
        assert_eq!(feed(data, &[1], limits), whole, "byte by byte");
        let pieces: Vec<usize> = data.iter().map(|byte| usize::from(byte % 31)).collect();
        assert_eq!(feed(data, &pieces, limits), whole, "in pieces of {pieces:?}");
        agree(data, &whole);
    }
}

/// Compares with what the parsers behind make of the accepted bytes.
pub(crate) fn agree(stream: &[u8], outcome: &Outcome) {
    for (range, facts) in &outcome.heads {
        head_agrees(&stream[range.clone()], facts);
    }
    for message in &outcome.messages {
        let (head, facts) = head_of(outcome, message.start);
        let body = &stream[head.end..message.end];
        match facts.framing {
            Framing::None => assert_eq!(body.len(), 0),
            Framing::Length(length) => assert_eq!(body.len() as u64, length),
            Framing::Chunked => assert_eq!(after_chunks(body), Some(0), "{}", body.escape_ascii()),
        }
    }
}

fn head_of(outcome: &Outcome, start: usize) -> &(Range<usize>, HeadFacts) {
    let head = outcome.heads.iter().find(|(range, _)| range.start == start);
    head.expect("every message has a head")
}

fn head_agrees(head: &[u8], facts: &HeadFacts) {
    let mut fields = [httparse::EMPTY_HEADER; 100];
    let mut request = httparse::Request::new(&mut fields);
    let parsed = request.parse(head).expect("httparse accepts the head");
    assert_eq!(parsed, httparse::Status::Complete(head.len()));

    let method = &head[facts.method.clone()];
    assert_eq!(request.method.map(str::as_bytes), Some(method));
    assert!(Method::from_bytes(method).is_ok());
    assert_eq!(request.version, Some(u8::from(facts.version_11)));
    let target = &head[facts.target.clone()];
    assert_eq!(request.path.map(str::as_bytes), Some(target));
    target_agrees(target, facts.form);
    for field in request.headers.iter() {
        assert!(HeaderName::from_bytes(field.name.as_bytes()).is_ok());
        assert!(HeaderValue::from_bytes(field.value).is_ok());
    }
    framing_agrees(request.headers, facts);
}

fn target_agrees(target: &[u8], form: Form) {
    let uri = Uri::from_maybe_shared(Bytes::copy_from_slice(target)).expect("http accepts it");
    let authority = uri.authority().map(|authority| authority.as_str());
    match form {
        Form::Origin => assert_eq!(uri.to_string().as_bytes(), target),
        Form::Asterisk => assert_eq!(uri.path(), "*"),
        Form::Absolute => assert!(authority.is_some_and(|host| is_host(host.as_bytes()))),
    }
    assert_eq!(authority.is_some(), form == Form::Absolute);
}

fn framing_agrees(fields: &[httparse::Header<'_>], facts: &HeadFacts) {
    let values = |name: &str| -> Vec<&[u8]> {
        let named = fields.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
        named.map(|field| field.value).collect()
    };
    let lengths = values("content-length");
    let codings = values("transfer-encoding");
    match facts.framing {
        Framing::None => assert!(lengths.is_empty() && codings.is_empty()),
        Framing::Length(length) => {
            let text = std::str::from_utf8(lengths[0]).expect("digits");
            assert_eq!((text.parse(), lengths.len(), codings.len()), (Ok(length), 1, 0));
        }
        Framing::Chunked => {
            assert!(codings.len() == 1 && codings[0].eq_ignore_ascii_case(b"chunked"));
            assert!(lengths.is_empty() && facts.version_11);
        }
    }
    let hosts = values("host");
    assert!(hosts.len() == 1 || hosts.is_empty() && !facts.version_11);
    assert!(hosts.iter().all(|host| is_host(host)));
}

/// How many bytes follow the chunked body that `body` starts with, by the other parser.
fn after_chunks(mut body: &[u8]) -> Option<usize> {
    loop {
        let httparse::Status::Complete((line, size)) = httparse::parse_chunk_size(body).ok()? else {
            return None;
        };
        body = &body[line..];
        if size == 0 {
            break;
        }
        let data = usize::try_from(size).ok()?;
        body = body.get(data..)?.strip_prefix(b"\r\n")?;
    }
    let mut fields = [httparse::EMPTY_HEADER; 100];
    match httparse::parse_headers(body, &mut fields).ok()? {
        httparse::Status::Complete((length, _)) => Some(body.len() - length),
        httparse::Status::Partial => None,
    }
}
