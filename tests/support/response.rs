//! Responses, parsed strictly: what the parser doesn't like is the server's fault.

use super::client::Framing;

/// Status line and headers.
#[derive(Clone, Debug)]
pub struct Head {
    /// `HTTP/1.1` or `HTTP/1.0`.
    pub version: String,
    /// Three digits.
    pub status: u16,
    /// What follows them, as native string.
    pub reason: String,
    /// Names as sent and values as native strings, in their order.
    pub headers: Vec<(String, String)>,
}

/// A response, as far as it came.
#[derive(Clone, Debug)]
pub struct Response {
    /// Status line and headers.
    pub head: Head,
    /// The body without its framing.
    pub body: Vec<u8>,
    /// The chunks of a chunked body.
    pub chunks: Vec<Vec<u8>>,
    /// Whether the body came to the end that its framing announced.
    pub complete: bool,
}

impl Head {
    /// Parses a head with its empty line.
    #[track_caller]
    pub fn parse(bytes: &[u8]) -> Head {
        let text: String = bytes.iter().copied().map(char::from).collect();
        let text = text.strip_suffix("\r\n\r\n").expect("a head ends with an empty line");
        let mut lines = text.split("\r\n");
        let line = lines.next().unwrap_or_default();
        let mut parts = line.splitn(3, ' ');
        let (version, status, reason) = (parts.next().unwrap(), parts.next().unwrap_or(""), parts.next());
        assert!(matches!(version, "HTTP/1.1" | "HTTP/1.0"), "status line {line:?}");
        assert!(status.len() == 3 && status.bytes().all(|byte| byte.is_ascii_digit()), "status line {line:?}");
        let reason = reason.expect("a space after the status").to_owned();
        let headers: Vec<_> = lines.map(header).collect();
        let head = Head { version: version.to_owned(), status: status.parse().unwrap(), reason, headers };
        head.check();
        head
    }

    /// What holds for every response.
    #[track_caller]
    fn check(&self) {
        let count = |name| self.all(name).count();
        let framed = count("content-length") + count("transfer-encoding");
        assert!(framed <= 1, "framed more than once: {:?}", self.headers);
        assert!(!self.headers.iter().any(|(_, value)| value.contains(['\r', '\n', '\0'])), "{:?}", self.headers);
        if self.status >= 200 {
            assert_eq!(count("server"), 1, "{:?}", self.headers);
        }
        if matches!(self.status, 204 | 304) || self.status < 200 {
            assert_eq!(count("transfer-encoding"), 0, "{:?}", self.headers);
        }
        if self.status == 204 || self.status < 200 {
            assert_eq!(count("content-length"), 0, "{:?}", self.headers);
        }
        assert!(self.version == "HTTP/1.1" || count("transfer-encoding") == 0, "chunked on HTTP/1.0");
    }

    /// The first header of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// All headers of this name.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let named = self.headers.iter().filter(move |(given, _)| given.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str())
    }

    /// Whether the server will close the connection after this response.
    pub fn closes(&self) -> bool {
        match self.get("connection") {
            Some(options) => options.eq_ignore_ascii_case("close"),
            None => self.version == "HTTP/1.0",
        }
    }

    /// How the body ends (RFC 9112 §6.3).
    #[track_caller]
    pub fn framing(&self, has_body: bool) -> Framing {
        if !has_body || self.status < 200 || matches!(self.status, 204 | 304) {
            return Framing::None;
        }
        match (self.get("transfer-encoding"), self.get("content-length")) {
            (Some(coding), _) => {
                assert_eq!(coding, "chunked");
                Framing::Chunked
            }
            (None, Some(length)) => Framing::Length(length.parse().unwrap()),
            (None, None) => {
                assert!(self.closes(), "nobody could find the end of this body: {self:?}");
                Framing::Close
            }
        }
    }
}

impl Response {
    /// The status.
    pub fn status(&self) -> u16 {
        self.head.status
    }

    /// The body as text.
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// Asserts a whole response with this status, and gives it back.
    #[track_caller]
    pub fn expect(self, status: u16) -> Response {
        let body = self.body[..self.body.len().min(200)].escape_ascii();
        assert_eq!(self.head.status, status, "{:?} {body}", self.head);
        assert!(self.complete, "the body was cut: {:?}", self.head);
        self
    }

    /// Asserts one of the host's own pages: fixed text, a request id, and nothing of the guest.
    #[track_caller]
    pub fn expect_page(self, status: u16) -> Response {
        let response = self.expect(status);
        let head = &response.head;
        assert_eq!(head.get("content-type"), Some("text/plain; charset=utf-8"), "{head:?}");
        let lines: Vec<&str> = response.text().lines().collect();
        assert_eq!(lines[0], format!("{status} {}", head.reason), "{lines:?}");
        let id = lines[1].strip_prefix("request ").expect("the request's id");
        assert!(id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id:?}");
        assert_eq!(lines.len(), 2, "{lines:?}");
        let ours = ["content-type", "content-length", "server", "date", "connection", "retry-after", "allow"];
        let foreign = head.headers.iter().find(|(name, _)| !ours.contains(&name.to_ascii_lowercase().as_str()));
        assert_eq!(foreign, None, "a header of somebody else's on the host's page");
        response
    }

    /// The request's id on the host's page.
    pub fn request_id(&self) -> &str {
        self.text().lines().nth(1).and_then(|line| line.strip_prefix("request ")).unwrap()
    }
}

#[track_caller]
fn header(line: &str) -> (String, String) {
    let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no header: {line:?}"));
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    assert!(!name.is_empty() && name.bytes().all(token), "header {line:?}");
    (name.to_owned(), value.trim_matches([' ', '\t']).to_owned())
}
