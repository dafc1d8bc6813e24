//! Status and headers as an application gives them, checked before any of it reaches a client.

use std::fmt;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode};

use super::length::{Length, has_body};
use super::path;

/// Most headers that one response may have.
pub const MAX_HEADERS: usize = 256;
/// What the host may add to an application's headers: Content-Length, Server, Connection.
const OF_THE_HOST: usize = 3;
/// Most bytes that names and values of one response's headers may have together. Browsers and
/// proxies refuse heads far smaller than this.
pub const MAX_HEADER_BYTES: usize = 64 * 1024;

/// A response's valid status and headers.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// 200–599.
    pub status: StatusCode,
    /// The reason phrase, where it isn't the standard one.
    pub reason: Reason,
    /// Headers in the application's order; repeated ones are kept.
    pub headers: HeaderMap,
    /// The application's Content-Length.
    pub content_length: Option<u64>,
}

/// Why a status or a header is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// Not three digits, a space and a reason (PEP 3333, "The start_response() Callable").
    #[error("status {0:?} is not three digits, a space and a reason")]
    Status(String),
    /// An interim status, which can't end a response, or one that doesn't exist.
    #[error("status {0} is not a final status (200-599)")]
    NotFinal(u16),
    /// Not a token (RFC 9110 §5.1).
    #[error("header name {0:?} is not a token")]
    Name(String),
    /// A control character, or a code point above U+00FF (RFC 9110 §5.5).
    #[error("header {0}: the value holds {1:?}, which no header may")]
    Value(String, char),
    /// Hop-by-hop headers are the host's (PEP 3333, "Other HTTP Features").
    #[error("header {0} is hop-by-hop: it belongs to the connection, which is the host's")]
    HopByHop(String),
    /// Not one number.
    #[error("Content-Length {0:?} is not one whole number")]
    ContentLength(String),
    /// [`MAX_HEADERS`] or [`MAX_HEADER_BYTES`] is exceeded.
    #[error("there are more headers than the host sends: {MAX_HEADERS}, or {MAX_HEADER_BYTES} bytes")]
    TooLarge,
}

impl Head {
    /// Checks what an application passed to start_response.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn new<'a>(status: &str, headers: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Head, Invalid> {
        let (status, reason) = parse_status(status)?;
        let headers = headers.into_iter();
        let capacity = headers.size_hint().0.min(MAX_HEADERS) + OF_THE_HOST;
        let mut head = Head { status, reason, headers: HeaderMap::with_capacity(capacity), content_length: None };
        let (mut count, mut size) = (0, 0);
        for (name, value) in headers {
            count += 1;
            size += name.len() + value.len();
            if count > MAX_HEADERS || size > MAX_HEADER_BYTES {
                return Err(Invalid::TooLarge);
            }
            head.add(name, value)?;
        }
        Ok(head)
    }

    fn add(&mut self, name: &str, value: &str) -> Result<(), Invalid> {
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| Invalid::Name(shorten(name)))?;
        if is_hop_by_hop(&key) {
            return Err(Invalid::HopByHop(shorten(name)));
        }
        if key == CONTENT_LENGTH && self.content_length.replace(parse_length(value)?).is_some() {
            return Err(Invalid::ContentLength("given twice".to_owned()));
        }
        self.headers.append(key, header_value(name, value)?);
        Ok(())
    }

    /// The body's length on the wire. `whole` is the length of the body where all of it is known.
    pub fn length(&self, method: &Method, whole: Option<u64>) -> Length {
        if !has_body(method, self.status) {
            return Length::Absent;
        }
        match self.content_length.or(whole) {
            Some(total) => Length::Exactly(total),
            None => Length::Unknown,
        }
    }

    /// Makes the headers those that go out: 204 loses Content-Length (RFC 9110 §8.6), and the
    /// length that the body turned out to have is announced, to HEAD too. But an application may
    /// leave out the body for HEAD, and what it has for GET is not known then.
    pub fn announce(&mut self, method: &Method, whole: Option<u64>) {
        let whole = whole.filter(|total| *total > 0 || method != Method::HEAD);
        if self.status == StatusCode::NO_CONTENT {
            self.headers.remove(CONTENT_LENGTH);
        } else if let (None, Some(total), false) = (self.content_length, whole, self.status == StatusCode::NOT_MODIFIED)
        {
            self.headers.insert(CONTENT_LENGTH, HeaderValue::from(total));
        }
    }

    /// One of the host's own pages: fixed text and the request's id, nothing of the application.
    pub fn page(status: StatusCode, request_id: impl fmt::Display) -> (Head, String) {
        let text =
            format!("{} {}\nrequest {request_id}\n", status.as_u16(), status.canonical_reason().unwrap_or("Error"));
        let mut headers = HeaderMap::with_capacity(4);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        let head = Head { status, reason: None, headers, content_length: None };
        (head, text)
    }
}

/// A reason phrase that isn't the standard one.
pub type Reason = Option<Box<[u8]>>;

fn parse_status(text: &str) -> Result<(StatusCode, Reason), Invalid> {
    let malformed = || Invalid::Status(shorten(text));
    let (code, reason) = match text.as_bytes() {
        [a, b, c, b' ', ..] if [a, b, c].iter().all(|digit| digit.is_ascii_digit()) => (&text[..3], &text[4..]),
        _ => return Err(malformed()),
    };
    let reason = path::bytes(reason).ok_or_else(malformed)?;
    if reason.trim_ascii().is_empty() || reason.iter().any(|byte| byte.is_ascii_control()) {
        return Err(malformed());
    }
    let code: u16 = code.parse().map_err(|_| malformed())?;
    if !(200..600).contains(&code) {
        return Err(Invalid::NotFinal(code));
    }
    let status = StatusCode::from_u16(code).map_err(|_| Invalid::NotFinal(code))?;
    let standard = status.canonical_reason().is_some_and(|usual| usual.as_bytes() == &*reason);
    Ok((status, (!standard).then(|| reason.into())))
}

fn header_value(name: &str, value: &str) -> Result<HeaderValue, Invalid> {
    let refused = |c: char| c.is_ascii_control() && c != '\t' || u32::from(c) > 0xFF;
    let wrong = || Invalid::Value(shorten(name), value.chars().find(|c| refused(*c)).unwrap_or('\0'));
    // Only what may stand around a value (RFC 9110 §5.5) is taken off; a line end stays to be refused.
    let bytes = path::bytes(value.trim_matches([' ', '\t'])).ok_or_else(wrong)?;
    HeaderValue::from_bytes(&bytes).map_err(|_| wrong())
}

/// RFC 9110 §8.6: `1*DIGIT`. Beyond u64 no body can be.
fn parse_length(value: &str) -> Result<u64, Invalid> {
    let digits = value.trim_ascii();
    let wrong = || Invalid::ContentLength(shorten(value));
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    digits.parse().map_err(|_| wrong())
}

/// The headers of RFC 2616 §13.5.1, which PEP 3333 names, and Proxy-Connection, which is one too.
fn is_hop_by_hop(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// Quotes of an application's bytes in errors are short: they go to a log.
fn shorten(text: &str) -> String {
    text.chars().take(60).collect()
}

/// The same rules as a guest has them.
#[cfg(test)]
#[path = "../../../guest-sdk/rust/src/form/rules.rs"]
mod rules;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn status(text: &str) -> Result<Head, Invalid> {
        Head::new(text, [])
    }

    fn header(name: &str, value: &str) -> Result<Head, Invalid> {
        Head::new("200 OK", [(name, value)])
    }

    #[test]
    fn statuses() {
        assert_eq!(status("200 OK").unwrap().reason, None);
        assert_eq!(status("200 Fine").unwrap().reason.as_deref(), Some(&b"Fine"[..]));
        assert_eq!(status("599 Caf\u{e9}").unwrap().reason.as_deref(), Some(&b"Caf\xe9"[..]));
        for wrong in [
            "",
            "200",
            "200 ",
            "200  ",
            "20 OK",
            "2000 OK",
            "abc OK",
            "200\tOK",
            "200 O\rK",
            "200 O\nK",
            "200 \u{20ac}",
            "99 Low",
            "-20 OK",
            "٢٠٠ OK",
        ] {
            assert!(matches!(status(wrong), Err(Invalid::Status(_))), "{wrong:?}");
        }
        for interim in
            ["000 Zero", "099 Low", "100 Continue", "101 Switching Protocols", "199 Odd", "600 High", "999 Max"]
        {
            assert!(matches!(status(interim), Err(Invalid::NotFinal(_))), "{interim:?}");
        }
    }

    #[test]
    fn headers() {
        for name in ["", "a b", "a:b", "a\r\nb", "caf\u{e9}", "a\0", "(a)"] {
            assert!(matches!(header(name, "x"), Err(Invalid::Name(_))), "{name:?}");
        }
        for value in ["a\r\nSet-Cookie: b", "\r\n\r\na", "a\n", "\r", "a\nb", "a\0b", "a\rb", "\u{20ac}", "a\u{7f}"] {
            assert!(matches!(header("X-A", value), Err(Invalid::Value(..))), "{value:?}");
        }
        for name in ["Connection", "keep-alive", "Transfer-Encoding", "UPGRADE", "te", "Trailer"] {
            assert!(matches!(header(name, "x"), Err(Invalid::HopByHop(_))), "{name:?}");
        }
        for length in ["", "-1", "+1", "1,1", "0x1", "1 1", "99999999999999999999999"] {
            assert!(matches!(header("Content-Length", length), Err(Invalid::ContentLength(_))), "{length:?}");
        }
        assert!(Head::new("200 OK", [("Content-Length", "1"), ("content-length", "1")]).is_err());
        assert_eq!(header("X-A", "caf\u{e9}").unwrap().headers["x-a"].as_bytes(), b"caf\xe9");
        let cookies = Head::new("200 OK", [("Set-Cookie", "a=1"), ("X", "y"), ("set-cookie", "b=2")]).unwrap();
        let kept: Vec<_> = cookies.headers.get_all("set-cookie").iter().collect();
        assert_eq!(kept, ["a=1", "b=2"]);
    }

    #[test]
    fn no_more_than_is_sensible() {
        let many = vec![("x", "y"); MAX_HEADERS + 1];
        assert_eq!(Head::new("200 OK", many), Err(Invalid::TooLarge));
        let long = "y".repeat(MAX_HEADER_BYTES);
        assert_eq!(header("x", &long), Err(Invalid::TooLarge));
    }

    /// What a guest in the lean form is told at once, and what the host then finds.
    fn both_say_the_same(status: &str, headers: &[(&str, &str)]) {
        let found = Head::new(status, headers.iter().copied()).map_err(|invalid| invalid.to_string());
        assert_eq!(rules::check(status, headers).err(), found.err(), "{status:?} {headers:?}");
    }

    #[test]
    fn the_guests_rules_have_the_same_bounds() {
        for (name, value) in [(1, MAX_HEADER_BYTES - 1), (1, MAX_HEADER_BYTES), (MAX_HEADER_BYTES, 0), (65_535, 1)] {
            both_say_the_same("200 OK", &[(&"x".repeat(name), &"y".repeat(value))]);
        }
        for count in [MAX_HEADERS, MAX_HEADERS + 1] {
            both_say_the_same("200 OK", &vec![("x", "y"); count]);
        }
        both_say_the_same("200 OK", &[("Content-Length", "1"), ("CONTENT-length", "1")]);
    }

    proptest! {
        #[test]
        fn the_guests_rules_are_these(
            status in "[0-7]{2,4}[ \t]?[ -~\n\u{a0}-\u{120}]{0,8}",
            headers in prop::collection::vec((
                prop_oneof![
                    "[a-zA-Z!_-]{0,9}", "[ -~\u{e0}-\u{110}]{0,4}", Just("Content-Length".to_owned()),
                    "(?i)(te|connection|keep-alive|upgrade|trailer|transfer-encoding|proxy-connection|proxy-authenticate|proxy-authorization)",
                ],
                prop_oneof!["[ \t]?[0-9]{0,21}[ \t]?", "[\0-\u{ff}]{0,6}", "[ -~\u{80}-\u{120}]{0,6}"],
            ), 0..4),
        ) {
            let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            both_say_the_same(&status, &headers);
        }

        #[test]
        fn nothing_that_is_accepted_can_split_a_response(status: String, name: String, value: String) {
            if let Ok(head) = Head::new(&status, [(name.as_str(), value.as_str())]) {
                let reason = head.reason.unwrap_or_default();
                prop_assert!(!reason.iter().any(|b| b"\r\n\0".contains(b)));
                for (_, value) in &head.headers {
                    prop_assert!(!value.as_bytes().iter().any(|b| b"\r\n\0".contains(b)));
                }
            }
        }
    }
}
