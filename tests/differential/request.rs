//! Requests, as bytes, and who sends them.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use crate::support::link::Link;

/// Headers that are a server's own.
const OWN: [&str; 4] = ["server", "date", "connection", "keep-alive"];

/// A request. In headers and body `{csrf}` stands for the value of Django's cookie, and `{etag}` for the last `ETag`.
#[derive(Clone)]
pub(crate) struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Body,
}

#[derive(Clone)]
enum Body {
    None,
    Whole(Vec<u8>),
    Chunked(Vec<Vec<u8>>),
}

/// A request without a body.
pub(crate) fn request(method: &str, target: &str) -> Request {
    Request { method: method.into(), target: target.into(), headers: Vec::new(), body: Body::None }
}

/// GET.
pub(crate) fn get(target: &str) -> Request {
    request("GET", target)
}

/// POST of a body of this type.
pub(crate) fn post(target: &str, kind: &str, body: impl AsRef<[u8]>) -> Request {
    request("POST", target).header("Content-Type", kind).body(body)
}

/// POST of a form.
pub(crate) fn form(target: &str, body: impl AsRef<[u8]>) -> Request {
    post(target, "application/x-www-form-urlencoded", body)
}

impl Request {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.body = Body::Whole(body.as_ref().to_vec());
        self
    }

    pub(crate) fn chunks(mut self, chunks: &[&[u8]]) -> Self {
        self.body = Body::Chunked(chunks.iter().map(|chunk| chunk.to_vec()).collect());
        self
    }

    pub(crate) fn alone(self) -> Vec<Self> {
        vec![self]
    }
}

/// What is compared of a response: all but [`OWN`].
#[derive(Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: String,
    /// Names in lower case: they are the same in any case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = &self.body[..self.body.len().min(400)];
        write!(f, "{} {:?} {} bytes: {}", self.status, self.headers, self.body.len(), body.escape_ascii())
    }
}

/// Somebody who keeps cookies.
pub(crate) struct Visitor {
    address: SocketAddr,
    cookies: BTreeMap<String, String>,
    etag: String,
    /// What the last request was answered with.
    answer: Option<Answer>,
}

impl Visitor {
    pub(crate) fn of(address: SocketAddr) -> Self {
        Self { address, cookies: BTreeMap::new(), etag: String::new(), answer: None }
    }

    /// Sends a request on a connection of its own and reads the response; gives what was sent.
    #[track_caller]
    pub(crate) fn sends(&mut self, request: &Request) -> Vec<u8> {
        let csrf = self.cookies.get("csrftoken").cloned().unwrap_or_default();
        let filled = |text: &str| text.replace("{csrf}", &csrf).replace("{etag}", &self.etag);
        let mut head = format!("{} {} HTTP/1.1\r\n", request.method, request.target);
        if !request.headers.iter().any(|(name, _)| name == "Host") {
            head += "Host: case.test\r\n";
        }
        for (name, value) in &request.headers {
            head += &format!("{name}: {}\r\n", filled(value));
        }
        if !self.cookies.is_empty() {
            let pairs: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            head += &format!("Cookie: {}\r\n", pairs.join("; "));
        }
        let body = match &request.body {
            Body::None => Vec::new(),
            Body::Whole(bytes) => {
                let bytes = std::str::from_utf8(bytes).map_or_else(|_| bytes.clone(), |text| filled(text).into_bytes());
                head += &format!("Content-Length: {}\r\n", bytes.len());
                bytes
            }
            Body::Chunked(chunks) => {
                head += "Transfer-Encoding: chunked\r\n";
                let mut bytes = Vec::new();
                for chunk in chunks {
                    bytes.extend(format!("{:x}\r\n", chunk.len()).bytes().chain(chunk.iter().copied()).chain(*b"\r\n"));
                }
                [bytes, b"0\r\n\r\n".to_vec()].concat()
            }
        };
        // Native strings: each code point is a byte.
        let head: Vec<u8> = head.chars().map(|char| u8::try_from(char).unwrap()).collect();
        let bytes = [head, b"\r\n".to_vec(), body].concat();
        self.answer = Some(self.ask(&bytes, request.method == "HEAD"));
        self.remember();
        bytes
    }

    /// What it was answered.
    pub(crate) fn gets(&self) -> Answer {
        self.answer.clone().unwrap()
    }

    #[track_caller]
    fn ask(&self, bytes: &[u8], is_head: bool) -> Answer {
        let mut link = Link::to(self.address).unwrap();
        // A server may answer and close before it has read everything.
        let _ = link.send(bytes);
        let (head, mut body) = (if is_head { link.head_alone() } else { link.head() }.unwrap(), Vec::new());
        while let Some(piece) = link.piece().unwrap() {
            body.extend(piece);
        }
        let headers = head.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone()));
        let headers = headers.filter(|(name, _)| !OWN.contains(&name.as_str())).collect();
        Answer { status: format!("{} {}", head.status, head.reason), headers, body }
    }

    fn remember(&mut self) {
        let Some(answer) = &self.answer else { return };
        for (_, set) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (pair, attributes) = set.split_once(';').unwrap_or((set, ""));
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.into(), value.into());
            }
        }
        if let Some(etag) = answer.header("etag") {
            self.etag = etag.into();
        }
    }
}
