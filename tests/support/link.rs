//! A client that gives errors instead of panicking, over anything that is read and written: for load, TLS and other
//! sockets than TCP's.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::PATIENCE;
use super::client::Framing;
use super::response::{Head, Response};

/// A connection.
pub struct Link<S> {
    stream: BufReader<S>,
    /// What is left of the response's body.
    left: Framing,
}

impl Link<TcpStream> {
    /// A new connection, which waits no longer than the suites' patience.
    pub fn to(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self::over(stream))
    }
}

impl<S: Read + Write> Link<S> {
    pub fn over(stream: S) -> Self {
        Self { stream: BufReader::new(stream), left: Framing::None }
    }

    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)?;
        self.stream.get_mut().flush()
    }

    /// A GET, and all of its answer.
    pub fn get(&mut self, target: &str) -> io::Result<Response> {
        self.get_of("localhost", target)
    }

    pub fn get_of(&mut self, host: &str, target: &str) -> io::Result<Response> {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes())?;
        self.response()
    }

    /// A POST with a body that is there at once.
    pub fn post(&mut self, target: &str, body: &[u8]) -> io::Result<Response> {
        let head = format!("POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.len());
        self.send(&[head.as_bytes(), body].concat())?;
        self.response()
    }

    /// A whole response to anything but HEAD. One that is cut is an error.
    pub fn response(&mut self) -> io::Result<Response> {
        let (head, mut chunks) = (self.head()?, Vec::new());
        while let Some(piece) = self.piece()? {
            chunks.push(piece);
        }
        Ok(Response { head, body: chunks.concat(), chunks, complete: true })
    }

    /// A response's head; its body is read by [`Link::piece`].
    pub fn head(&mut self) -> io::Result<Head> {
        let head = self.head_alone()?;
        self.left = head.framing(true);
        Ok(head)
    }

    /// The head of a response that has no body, whatever it says: that to HEAD.
    pub fn head_alone(&mut self) -> io::Result<Head> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if self.stream.read_until(b'\n', &mut head)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(Head::parse(&head))
    }

    /// The next piece of the body, a chunk where it comes in chunks; none after its end.
    pub fn piece(&mut self) -> io::Result<Option<Vec<u8>>> {
        match self.left {
            Framing::None | Framing::Length(0) => Ok(None),
            Framing::Length(left) => {
                let there = self.stream.fill_buf()?;
                if there.is_empty() {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                let piece = there[..there.len().min(left)].to_vec();
                self.stream.consume(piece.len());
                self.left = Framing::Length(left - piece.len());
                Ok(Some(piece))
            }
            Framing::Chunked => {
                let size = self.line()?;
                let size = usize::from_str_radix(&size, 16).map_err(|_| bad(&size))?;
                let mut piece = vec![0; size];
                self.stream.read_exact(&mut piece)?;
                let end = self.line()?;
                if !end.is_empty() {
                    return Err(bad(&end));
                }
                if size == 0 {
                    self.left = Framing::None;
                    return Ok(None);
                }
                Ok(Some(piece))
            }
            Framing::Close => {
                let mut rest = Vec::new();
                self.stream.read_to_end(&mut rest)?;
                self.left = Framing::None;
                Ok(Some(rest).filter(|rest| !rest.is_empty()))
            }
        }
    }

    /// Whether the other side has closed the connection and sent nothing before; waits for either.
    pub fn is_closed(&mut self) -> io::Result<bool> {
        Ok(self.stream.fill_buf()?.is_empty())
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        match line.strip_suffix("\r\n") {
            Some(line) => Ok(line.to_owned()),
            None if line.is_empty() => Err(io::ErrorKind::UnexpectedEof.into()),
            None => Err(bad(&line)),
        }
    }
}

fn bad(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("unexpected: {text:?}"))
}
