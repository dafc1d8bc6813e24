//! One field line, and the values that decide where a request goes and where it ends.

use std::net::Ipv6Addr;

use memchr::memchr;

use super::Reject;

/// `http::HeaderName` takes no longer name.
const NAME: usize = 65_535;
/// hyper keeps the two numbers above for itself.
const LENGTH: u64 = u64::MAX - 2;

/// What may stand in a token, by [RFC 9110 §5.6.2](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2).
static TCHAR: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = matches!(byte as u8,
            b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~'
            | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z');
        byte += 1;
    }
    table
};

pub(super) fn is_tchar(byte: u8) -> bool {
    TCHAR[usize::from(byte)]
}

/// The length of the token that `bytes` begin with.
pub(super) fn token(bytes: &[u8]) -> usize {
    let end = bytes.iter().position(|&byte| !is_tchar(byte));
    end.unwrap_or(bytes.len())
}

pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// `bytes` without the optional whitespace around them; unlike `trim_ascii` it knows only SP and HT.
pub(super) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && is_space(*first)
    {
        bytes = rest;
    }
    while let [rest @ .., last] = bytes
        && is_space(*last)
    {
        bytes = rest;
    }
    bytes
}

/// The name and the value of a field line, which comes without its CRLF and without control bytes.
///
/// [RFC 9112 §5](https://www.rfc-editor.org/rfc/rfc9112#section-5) leaves a server no choice about a space before
/// the colon, and allows to refuse folded lines.
pub(super) fn split(line: &[u8]) -> Result<(&[u8], &[u8]), Reject> {
    let (name, rest) = line.split_at(token(line));
    let [b':', value @ ..] = rest else {
        return Err(Reject::bad(why_no_name(name, rest)));
    };
    if name.is_empty() {
        return Err(Reject::bad("empty header name"));
    }
    if name.len() > NAME {
        return Err(Reject::new(431, "header name too long"));
    }
    Ok((name, trim(value)))
}

fn why_no_name(name: &[u8], rest: &[u8]) -> &'static str {
    match rest.first() {
        None => "header line without a colon",
        Some(&byte) if is_space(byte) && name.is_empty() => "folded header line",
        Some(&byte) if is_space(byte) => "space in or after header name",
        Some(_) => "bad byte in header name",
    }
}

/// Whether `value` is a host with an optional port, as in `Host` or an authority without userinfo.
///
/// Of [RFC 3986 §3.2.2](https://www.rfc-editor.org/rfc/rfc3986#section-3.2.2) it takes IPv6 addresses in brackets,
/// and names of letters, digits and `-._~`. Percent-encoding would spell one name in two ways (and `http::Uri`
/// refuses it), and the delimiters that a registered name might hold stand in no name that can be resolved, only
/// in attacks on what applications build from the host.
pub fn is_host(value: &[u8]) -> bool {
    if let [b'[', rest @ ..] = value {
        let end = memchr(b']', rest);
        return end.is_some_and(|end| is_ipv6(&rest[..end]) && is_port(&rest[end + 1..]));
    }
    let (name, port) = value.split_at(memchr(b':', value).unwrap_or(value.len()));
    !name.is_empty() && name.iter().all(|&byte| is_name(byte)) && is_port(port)
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn is_ipv6(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

/// Nothing, or a colon and up to five digits; RFC 3986 allows none after the colon.
fn is_port(bytes: &[u8]) -> bool {
    match bytes {
        [] => true,
        [b':', digits @ ..] => digits.len() <= 5 && decimal(digits).is_some_and(|port| port <= 65_535),
        _ => false,
    }
}

/// The number that digits stand for, 0 for none.
fn decimal(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0u64, |number, &digit| match digit {
        b'0'..=b'9' => number.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    })
}

/// [RFC 9110 §8.6](https://www.rfc-editor.org/rfc/rfc9110#section-8.6) allows to take `5, 5` for `5`, or to refuse it.
pub(super) fn content_length(value: &[u8]) -> Option<u64> {
    let digits = Some(value).filter(|value| !value.is_empty())?;
    decimal(digits).filter(|&length| length <= LENGTH)
}

/// The `Transfer-Encoding` of a head, taken together from all its lines.
#[derive(Debug, Default)]
pub(super) struct Codings {
    any: bool,
    malformed: bool,
    unknown: bool,
    other: bool,
    chunked: bool,
    after_chunked: bool,
}

impl Codings {
    /// Takes one line's list. An empty element would be allowed, but only attacks send it.
    pub(super) fn add(&mut self, value: &[u8]) {
        self.any = true;
        for element in value.split(|&byte| byte == b',') {
            self.add_element(trim(element));
        }
    }

    fn add_element(&mut self, element: &[u8]) {
        let name = &element[..token(element)];
        let parameters = trim(&element[name.len()..]);
        self.after_chunked |= self.chunked;
        self.malformed |= name.is_empty() || !matches!(parameters, [] | [b';', ..]);
        if name.eq_ignore_ascii_case(b"chunked") {
            self.chunked = true;
            self.malformed |= !parameters.is_empty();
        } else if is_known(name) {
            self.other = true;
        } else {
            self.unknown = true;
        }
    }

    pub(super) fn is_any(&self) -> bool {
        self.any
    }

    /// Nothing but `chunked` once: [RFC 9112 §6.1](https://www.rfc-editor.org/rfc/rfc9112#section-6.1) wants it
    /// last and once, 501 for a coding that is not understood, and
    /// [§6.3](https://www.rfc-editor.org/rfc/rfc9112#section-6.3) 400 where the end can't be found.
    pub(super) fn check(&self) -> Result<(), Reject> {
        match self {
            Self { malformed: true, .. } => Err(Reject::bad("malformed transfer-encoding")),
            Self { unknown: true, .. } => Err(Reject::new(501, "unknown transfer coding")),
            Self { after_chunked: true, .. } | Self { chunked: false, .. } => {
                Err(Reject::bad("transfer-encoding does not end in one chunked"))
            }
            Self { other: true, .. } => Err(Reject::new(501, "transfer coding not supported")),
            _ => Ok(()),
        }
    }
}

/// The codings [registered](https://www.iana.org/assignments/http-parameters/http-parameters.xhtml#transfer-coding)
/// beside chunked, and the one that was withdrawn.
fn is_known(name: &[u8]) -> bool {
    let known: [&[u8]; 6] = [b"gzip", b"x-gzip", b"deflate", b"compress", b"x-compress", b"identity"];
    known.iter().any(|known| name.eq_ignore_ascii_case(known))
}
