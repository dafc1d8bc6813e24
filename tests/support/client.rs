//! A client that writes and reads bytes, with a deadline on every read.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::PATIENCE;
use super::host::Host;
use super::response::{Head, Response};

/// One connection.
pub struct Client {
    stream: TcpStream,
    /// Read, and not looked at yet.
    buffer: Vec<u8>,
    /// The host that is asked; it runs as long as somebody holds it.
    _host: Arc<Host>,
}

impl Client {
    /// Connects.
    #[track_caller]
    pub fn connect(host: Arc<Host>) -> Client {
        Client::over(TcpStream::connect(host.address()).unwrap(), host)
    }

    /// A connection whose receive buffer is as small as the system allows: what it doesn't read
    /// soon fills the sender's buffers.
    #[track_caller]
    pub fn narrow(host: Arc<Host>) -> Client {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.connect(&host.address().into()).unwrap();
        Client::over(socket.into(), host)
    }

    fn over(stream: TcpStream, host: Arc<Host>) -> Client {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Client { stream, buffer: Vec::new(), _host: host }
    }

    /// This end's address.
    pub fn local(&self) -> SocketAddr {
        self.stream.local_addr().unwrap()
    }

    /// Sends bytes.
    #[track_caller]
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Client {
        self.stream.write_all(bytes.as_ref()).unwrap();
        self
    }

    /// Sends bytes to a server that may have stopped listening.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// Closes the sending side.
    pub fn finish(&mut self) -> &mut Client {
        self.stream.shutdown(Shutdown::Write).unwrap();
        self
    }

    /// Ends the connection by a reset instead of an orderly close.
    pub fn reset(self) {
        socket2::SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// A second handle of the connection, for sending while this one reads.
    pub fn sender(&self) -> TcpStream {
        self.stream.try_clone().unwrap()
    }

    /// The response to a request that was not HEAD.
    #[track_caller]
    pub fn response(&mut self) -> Response {
        let head = self.head();
        self.body_of(head, true)
    }

    /// The response to HEAD.
    #[track_caller]
    pub fn response_to_head(&mut self) -> Response {
        let head = self.head();
        self.body_of(head, false)
    }

    /// A response's head, interim ones included.
    #[track_caller]
    pub fn head(&mut self) -> Head {
        let end = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                break end + 4;
            }
            assert!(self.fill(), "the connection ends in a head: {}", self.buffer.escape_ascii());
        };
        let bytes: Vec<u8> = self.buffer.drain(..end).collect();
        Head::parse(&bytes)
    }

    /// What follows `head`; `has_body` unless the request was HEAD.
    #[track_caller]
    pub fn body_of(&mut self, head: Head, has_body: bool) -> Response {
        let (mut body, mut chunks) = (Vec::new(), Vec::new());
        let mut complete = true;
        match head.framing(has_body) {
            Framing::None => {}
            Framing::Length(length) => {
                while self.buffer.len() < length && self.fill() {}
                complete = self.buffer.len() >= length;
                body = self.buffer.drain(..length.min(self.buffer.len())).collect();
            }
            Framing::Chunked => loop {
                match self.chunk() {
                    Some(chunk) if chunk.is_empty() => break,
                    Some(chunk) => {
                        body.extend_from_slice(&chunk);
                        chunks.push(chunk);
                    }
                    None => {
                        complete = false;
                        break;
                    }
                }
            },
            Framing::Close => {
                while self.fill() {}
                body = std::mem::take(&mut self.buffer);
            }
        }
        Response { head, body, chunks, complete }
    }

    /// The next chunk of a chunked body; empty for the last one, which ends it; none where the
    /// connection ends before.
    #[track_caller]
    pub fn chunk(&mut self) -> Option<Vec<u8>> {
        let line = loop {
            if let Some(end) = find(&self.buffer, b"\r\n") {
                break end;
            }
            if !self.fill() {
                return None;
            }
        };
        let digits = std::str::from_utf8(&self.buffer[..line]).unwrap();
        assert!(digits.bytes().all(|byte| byte.is_ascii_hexdigit()) && !digits.is_empty(), "chunk size {digits:?}");
        let size = usize::from_str_radix(digits, 16).unwrap();
        let whole = line + 2 + size + 2;
        while self.buffer.len() < whole {
            if !self.fill() {
                return None;
            }
        }
        let bytes: Vec<u8> = self.buffer.drain(..whole).collect();
        assert!(bytes.ends_with(b"\r\n"), "a chunk without its CRLF (or trailers)");
        Some(bytes[line + 2..line + 2 + size].to_vec())
    }

    /// The next response, or none where the server has closed the connection.
    #[track_caller]
    pub fn first_or_end(&mut self) -> Option<Response> {
        (!self.buffer.is_empty() || self.fill()).then(|| self.response())
    }

    /// Reads as many bytes, and asserts that they are these.
    #[track_caller]
    pub fn read_exactly(&mut self, expected: &[u8]) {
        while self.buffer.len() < expected.len() && self.fill() {}
        let read: Vec<u8> = self.buffer.drain(..expected.len().min(self.buffer.len())).collect();
        assert_eq!(read, expected, "{}", read.escape_ascii());
    }

    /// Everything up to the connection's end.
    #[track_caller]
    pub fn rest(&mut self) -> Vec<u8> {
        while self.fill() {}
        std::mem::take(&mut self.buffer)
    }

    /// Asserts that the server closes the connection and sends nothing more.
    #[track_caller]
    pub fn expect_end(&mut self) {
        let rest = self.rest();
        assert!(rest.is_empty(), "more than expected: {}", rest.escape_ascii());
    }

    /// Everything up to the connection's end, and whether that is a reset.
    #[track_caller]
    pub fn rest_and_reset(&mut self) -> (Vec<u8>, bool) {
        let mut rest = std::mem::take(&mut self.buffer);
        match self.stream.read_to_end(&mut rest) {
            Ok(_) => (rest, false),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => (rest, true),
            Err(error) => panic!("{error}; so far: {}", rest.escape_ascii()),
        }
    }

    /// Whether there is something to be read now.
    pub fn has_come(&mut self) -> bool {
        self.stream.set_nonblocking(true).unwrap();
        let peeked = self.stream.peek(&mut [0; 1]);
        self.stream.set_nonblocking(false).unwrap();
        !self.buffer.is_empty() || peeked.is_ok()
    }

    /// Asserts that nothing is there to be read now.
    #[track_caller]
    pub fn expect_nothing_yet(&mut self) {
        self.stream.set_nonblocking(true).unwrap();
        let read = self.stream.read(&mut [0; 1]);
        self.stream.set_nonblocking(false).unwrap();
        let nothing = matches!(&read, Err(error) if error.kind() == ErrorKind::WouldBlock);
        assert!(nothing && self.buffer.is_empty(), "bytes before their time: {read:?}");
    }

    /// Reads about `count` bytes and forgets them; how many there were until the connection's end.
    pub fn skim(&mut self, count: usize) -> usize {
        let mut skimmed = 0;
        while skimmed < count {
            skimmed += std::mem::take(&mut self.buffer).len();
            if !self.fill() {
                break;
            }
        }
        skimmed
    }

    /// Reads more; false at the connection's end, be it a reset.
    #[track_caller]
    fn fill(&mut self) -> bool {
        let began = Instant::now();
        let mut bytes = [0; 64 * 1024];
        match self.stream.read(&mut bytes) {
            Ok(0) => false,
            Ok(read) => {
                self.buffer.extend_from_slice(&bytes[..read]);
                true
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            // The process was stopped for a while.
            Err(error) if error.kind() == ErrorKind::Interrupted => self.fill(),
            Err(error) => panic!(
                "nothing came for {:?}: {error}; so far: {}",
                began.elapsed(),
                self.buffer[..self.buffer.len().min(500)].escape_ascii()
            ),
        }
    }
}

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    None,
    /// After so many bytes.
    Length(usize),
    /// With the chunk of length 0.
    Chunked,
    /// With the connection.
    Close,
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
