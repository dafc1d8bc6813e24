//! Request lines and sections of fields.

use std::ops::Range;

use memchr::memchr;

use super::field::{self, Codings};
use super::line::{self, Fault, Scan};
use super::{Form, Framing, HeadFacts, Limits, Reject};

/// Old clients send a CRLF after a body, which [RFC 9112 §2.2](https://www.rfc-editor.org/rfc/rfc9112#section-2.2)
/// asks to ignore.
const EMPTY_LINES: u8 = 2;
/// Longer than any registered method; [RFC 9112 §3](https://www.rfc-editor.org/rfc/rfc9112#section-3) asks for 501.
const METHOD: usize = 64;

const TOO_MANY_EMPTY: Reject = Reject::bad("empty lines before the request line");
const NO_METHOD: Reject = Reject::bad("malformed method");
const LONG_METHOD: Reject = Reject::new(501, "method too long");
const LONG_TARGET: Reject = Reject::new(414, "target too long");
const BAD_TARGET: Reject = Reject::bad("malformed target");
const LONG_HEAD: Reject = Reject::new(431, "head too long");
const MANY_FIELDS: Reject = Reject::new(431, "too many headers");

/// A head as far as it was received.
#[derive(Debug, Default)]
pub(super) struct Head {
    /// Where the line begins that is not complete.
    line: usize,
    /// Up to where in that line it was scanned.
    known: usize,
    empty_lines: u8,
    request_line: Option<RequestLine>,
    fields: Fields,
}

impl Head {
    /// Whether more than empty lines was seen.
    pub(super) fn has_begun(&self) -> bool {
        self.known > 0 || self.request_line.is_some()
    }

    /// Checks the lines that `bytes` complete; at the end of the head, gives its length and what was learnt.
    pub(super) fn check(&mut self, bytes: &[u8], limits: &Limits) -> Result<Option<(usize, HeadFacts)>, Reject> {
        loop {
            let rest = bytes.get(self.line..).unwrap_or_default();
            match line::scan(rest, self.known) {
                Scan::Line(length) => {
                    if let Some(facts) = self.line(&rest[..length], limits)? {
                        return Ok(Some((self.line, facts)));
                    }
                }
                Scan::Part(known) => {
                    self.known = known;
                    return self.early_fault(rest, None, limits).map_or(Ok(None), Err);
                }
                Scan::Fault(fault) => {
                    return Err(self.early_fault(rest, Some(fault), limits).unwrap_or(fault.1));
                }
            }
        }
    }

    fn line(&mut self, line: &[u8], limits: &Limits) -> Result<Option<HeadFacts>, Reject> {
        let taken = self.take(line, limits);
        let facts = taken.map_err(|fault| self.early_fault(line, None, limits).unwrap_or(fault))?;
        self.line += line.len();
        self.known = 0;
        Ok(facts)
    }

    /// The first fault of a line that can be seen before its end; `scanned` is what the scan of it found.
    #[cold]
    fn early_fault(&self, line: &[u8], scanned: Option<Fault>, limits: &Limits) -> Option<Reject> {
        let start = match self.request_line {
            None if line.first() == Some(&b'\r') => (self.empty_lines == EMPTY_LINES).then_some((0, TOO_MANY_EMPTY)),
            None => request_line_fault(line, limits),
            Some(_) => too_many(line, self.fields.count, limits),
        };
        let room = limits.head.saturating_sub(self.line);
        line::earliest([start, scanned, line::too_long(line, room, LONG_HEAD)])
    }

    fn take(&mut self, line: &[u8], limits: &Limits) -> Result<Option<HeadFacts>, Reject> {
        if self.line + line.len() > limits.head {
            return Err(LONG_HEAD);
        }
        let text = line::text(line);
        match &self.request_line {
            Some(start) if text.is_empty() => return self.fields.conclude(start).map(Some),
            Some(_) => self.fields.take(text, limits)?,
            None if text.is_empty() => self.take_empty()?,
            None => self.request_line = Some(RequestLine::parse(text, self.line, limits)?),
        }
        Ok(None)
    }

    fn take_empty(&mut self) -> Result<(), Reject> {
        if self.empty_lines == EMPTY_LINES {
            return Err(TOO_MANY_EMPTY);
        }
        self.empty_lines += 1;
        Ok(())
    }
}

/// The faults of a request line that show before its end: of a client that speaks another protocol, or too long.
fn request_line_fault(line: &[u8], limits: &Limits) -> Option<Fault> {
    if !field::is_tchar(*line.first()?) {
        return Some((0, NO_METHOD));
    }
    let Some(space) = memchr(b' ', &line[..line.len().min(METHOD + 1)]) else {
        return line::too_long(line, METHOD, LONG_METHOD);
    };
    let longest = space + 1 + limits.target;
    let target = line.get(space + 1..=longest)?;
    memchr(b' ', target).is_none().then_some((longest, LONG_TARGET))
}

#[derive(Debug)]
struct RequestLine {
    method: Range<usize>,
    target: Range<usize>,
    form: Form,
    version_11: bool,
}

impl RequestLine {
    /// [RFC 9112 §3](https://www.rfc-editor.org/rfc/rfc9112#section-3), with exactly one SP between the three parts.
    fn parse(line: &[u8], offset: usize, limits: &Limits) -> Result<Self, Reject> {
        let (method, rest) = line.split_at(field::token(line));
        let [b' ', rest @ ..] = rest else {
            return Err(NO_METHOD);
        };
        if method.is_empty() {
            return Err(NO_METHOD);
        }
        if method.len() > METHOD {
            return Err(LONG_METHOD);
        }
        let space = memchr(b' ', rest).ok_or(Reject::bad("request line without a version"))?;
        let (target, version) = (&rest[..space], &rest[space + 1..]);
        if target.len() > limits.target {
            return Err(LONG_TARGET);
        }
        let start = offset + method.len() + 1;
        Ok(Self {
            version_11: version_11(version)?,
            form: form(method, target)?,
            method: offset..offset + method.len(),
            target: start..start + target.len(),
        })
    }
}

fn version_11(version: &[u8]) -> Result<bool, Reject> {
    match version {
        b"HTTP/1.1" => Ok(true),
        b"HTTP/1.0" => Ok(false),
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
            Err(Reject::new(505, "version not supported"))
        }
        _ => Err(Reject::bad("malformed version")),
    }
}

fn form(method: &[u8], target: &[u8]) -> Result<Form, Reject> {
    match target {
        _ if method == b"CONNECT" => Err(Reject::new(501, "CONNECT is not supported")),
        [b'/', ..] if is_path_and_query(target) => Ok(Form::Origin),
        b"*" if method == b"OPTIONS" => Ok(Form::Asterisk),
        _ if is_absolute(target) => Ok(Form::Absolute),
        _ => Err(BAD_TARGET),
    }
}

fn is_absolute(target: &[u8]) -> bool {
    let Some(rest) = strip_scheme(target) else {
        return false;
    };
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?'));
    let (authority, path) = rest.split_at(end.unwrap_or(rest.len()));
    field::is_host(authority) && is_path_and_query(path)
}

fn strip_scheme(target: &[u8]) -> Option<&[u8]> {
    let schemes: [&[u8]; 2] = [b"http://", b"https://"];
    schemes.iter().find_map(|scheme| {
        let (start, rest) = target.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    })
}

const PATH: u8 = 1;
const QUERY: u8 = 2;

/// Which bytes `http::Uri` takes in a path and in a query. It is wider than RFC 3986, as clients are, except for
/// `#`, which ends both there: a fragment is never sent.
static TARGET: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0x21;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b'#' | b'<' | b'>' | 0x7F => 0,
            b'`' | b'?' => QUERY,
            b'"' => PATH,
            _ => PATH | QUERY,
        };
        byte += 1;
    }
    table
};

fn is_path_and_query(bytes: &[u8]) -> bool {
    let (path, query) = bytes.split_at(memchr(b'?', bytes).unwrap_or(bytes.len()));
    let all = |bytes: &[u8], class| bytes.iter().all(|&byte| TARGET[usize::from(byte)] & class != 0);
    all(path, PATH) && all(query, QUERY) && (bytes.is_ascii() || std::str::from_utf8(bytes).is_ok())
}

/// The fields of a head, as far as they decide about its message.
#[derive(Debug, Default)]
struct Fields {
    count: usize,
    host: bool,
    length: Option<u64>,
    codings: Codings,
    expect_continue: bool,
    expect_other: bool,
}

impl Fields {
    fn take(&mut self, line: &[u8], limits: &Limits) -> Result<(), Reject> {
        if self.count >= limits.headers {
            return Err(MANY_FIELDS);
        }
        self.count += 1;
        let (name, value) = field::split(line)?;
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.take_host(value),
            6 if name.eq_ignore_ascii_case(b"expect") => self.take_expect(value),
            14 if name.eq_ignore_ascii_case(b"content-length") => self.take_length(value),
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                self.codings.add(value);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn take_host(&mut self, value: &[u8]) -> Result<(), Reject> {
        if std::mem::replace(&mut self.host, true) {
            return Err(Reject::bad("repeated host"));
        }
        if !field::is_host(value) {
            return Err(Reject::bad("malformed host"));
        }
        Ok(())
    }

    fn take_length(&mut self, value: &[u8]) -> Result<(), Reject> {
        let length = field::content_length(value).ok_or(Reject::bad("malformed content-length"))?;
        match self.length.replace(length) {
            Some(_) => Err(Reject::bad("repeated content-length")),
            None => Ok(()),
        }
    }

    fn take_expect(&mut self, value: &[u8]) -> Result<(), Reject> {
        let known = value.eq_ignore_ascii_case(b"100-continue");
        self.expect_continue |= known;
        self.expect_other |= !known;
        Ok(())
    }

    fn conclude(&self, request_line: &RequestLine) -> Result<HeadFacts, Reject> {
        let version_11 = request_line.version_11;
        if version_11 && !self.host {
            return Err(Reject::bad("no host"));
        }
        let framing = self.framing(version_11)?;
        if self.expect_other {
            return Err(Reject::new(417, "unknown expectation"));
        }
        Ok(HeadFacts {
            framing,
            version_11,
            expect_continue: self.expect_continue && version_11 && framing.has_body(),
            method: request_line.method.clone(),
            target: request_line.target.clone(),
            form: request_line.form,
        })
    }

    /// [RFC 9112 §6.1](https://www.rfc-editor.org/rfc/rfc9112#section-6.1) allows to refuse a length beside a
    /// coding, and calls a coding on HTTP/1.0 faulty.
    fn framing(&self, version_11: bool) -> Result<Framing, Reject> {
        match (self.codings.is_any(), self.length) {
            (false, None) => Ok(Framing::None),
            (false, Some(length)) => Ok(Framing::Length(length)),
            (true, Some(_)) => Err(Reject::bad("content-length beside transfer-encoding")),
            (true, None) if !version_11 => Err(Reject::bad("transfer-encoding on HTTP/1.0")),
            (true, None) => self.codings.check().map(|()| Framing::Chunked),
        }
    }
}

/// A field line that begins after as many as are allowed.
fn too_many(line: &[u8], count: usize, limits: &Limits) -> Option<Fault> {
    let is_field = line.first().is_some_and(|&byte| byte != b'\r');
    (is_field && count >= limits.headers).then_some((0, MANY_FIELDS))
}

/// The trailers of a chunked body, [RFC 9110 §6.5](https://www.rfc-editor.org/rfc/rfc9110#section-6.5).
#[derive(Debug, Default)]
pub(super) struct Trailers {
    count: usize,
    bytes: usize,
}

impl Trailers {
    /// Bytes of a message's trailers with their empty line; hyper's own limit is 16 KiB.
    const BYTES: usize = 8 * 1024;
    const TOO_LONG: Reject = Reject::new(431, "trailers too long");

    /// Takes a complete line; true if it is the empty one that ends the message. A fault changes nothing.
    pub(super) fn take(&mut self, line: &[u8], limits: &Limits) -> Result<bool, Reject> {
        let checked = self.check(line, limits);
        let last = checked.map_err(|fault| self.early_fault(line, None, limits).unwrap_or(fault))?;
        self.bytes += line.len();
        self.count += 1;
        Ok(last)
    }

    /// The first fault of a line that can be seen before its end; `scanned` is what the scan of it found.
    #[cold]
    pub(super) fn early_fault(&self, line: &[u8], scanned: Option<Fault>, limits: &Limits) -> Option<Reject> {
        let room = Self::BYTES - self.bytes;
        line::earliest([too_many(line, self.count, limits), scanned, line::too_long(line, room, Self::TOO_LONG)])
    }

    fn check(&self, line: &[u8], limits: &Limits) -> Result<bool, Reject> {
        if self.bytes + line.len() > Self::BYTES {
            return Err(Self::TOO_LONG);
        }
        let text = line::text(line);
        if text.is_empty() {
            return Ok(true);
        }
        if self.count >= limits.headers {
            return Err(MANY_FIELDS);
        }
        let (name, _) = field::split(text)?;
        let forbidden: [&[u8]; 3] = [b"content-length", b"transfer-encoding", b"host"];
        if forbidden.iter().any(|field| name.eq_ignore_ascii_case(field)) {
            return Err(Reject::bad("framing or routing field in trailers"));
        }
        Ok(false)
    }
}
