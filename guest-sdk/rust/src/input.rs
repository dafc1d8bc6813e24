//! `wsgi.input`: the request's body, as Rust reads anything.

use std::io::{self, BufRead, Read};
use std::iter;
use std::mem;
use std::rc::Rc;

use crate::bindings::wasgi::gateway::gateway::InputError;
use crate::request::Request;

/// What is asked of the host at once.
const BUFFER_BYTES: u32 = 64 * 1024;

/// The request's body. It is buffered (64 KiB) and ends where the body ends, so that lines,
/// [`std::io::copy`] and the rest of [`BufRead`] work as on a file.
///
/// A body that can't be read to its end is an error, never a silent end. The error's kind says
/// which one: [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) if the client stopped sending,
/// [`InvalidData`](io::ErrorKind::InvalidData) if it sent what isn't HTTP,
/// [`FileTooLarge`](io::ErrorKind::FileTooLarge) if it sent more than the application's limit,
/// [`TimedOut`](io::ErrorKind::TimedOut) if it sent nothing for too long.
///
/// ```
/// use std::io::BufRead;
/// use wasgi_guest::{Environ, Error};
///
/// fn count_lines(environ: &mut Environ) -> Result<usize, Error> {
///     let mut count = 0;
///     for line in environ.input().lines() {
///         line?;
///         count += 1;
///     }
///     Ok(count)
/// }
/// ```
pub struct Input {
    request: Rc<Request>,
    buffer: Vec<u8>,
    read: usize,
}

impl Input {
    pub(crate) fn new(request: Rc<Request>) -> Input {
        Input { request, buffer: Vec::new(), read: 0 }
    }

    /// The body in the pieces that the host hands over, none larger than 64 KiB: what a response
    /// that passes its request on is made of. No byte is copied.
    ///
    /// ```
    /// use wasgi_guest::{Body, Environ, Error, IntoBody, StartResponse};
    ///
    /// fn echo(environ: Environ, start_response: StartResponse) -> Result<Body, Error> {
    ///     start_response.call("200 OK", &[("Content-Type", "application/octet-stream")])?;
    ///     Ok(environ.into_input().into_chunks().into_body())
    /// }
    /// ```
    pub fn into_chunks(mut self) -> impl Iterator<Item = io::Result<Vec<u8>>> {
        iter::from_fn(move || match self.fill_buf() {
            Ok([]) => None,
            Ok(_) => Some(Ok(self.take_buffer())),
            Err(error) => Some(Err(error)),
        })
    }

    /// What is buffered and unread.
    fn take_buffer(&mut self) -> Vec<u8> {
        let mut chunk = mem::take(&mut self.buffer);
        chunk.drain(..mem::take(&mut self.read));
        chunk
    }
}

impl BufRead for Input {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.read == self.buffer.len() {
            // The old buffer goes first, so that the next one can lie in its place.
            (self.buffer, self.read) = (Vec::new(), 0);
            self.buffer = self.request.host.input(BUFFER_BYTES).map_err(describe)?;
        }
        Ok(&self.buffer[self.read..])
    }

    fn consume(&mut self, bytes: usize) {
        self.read = self.buffer.len().min(self.read + bytes);
    }
}

impl Read for Input {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let bytes = self.fill_buf()?.read(into)?;
        self.consume(bytes);
        Ok(bytes)
    }
}

fn describe(error: InputError) -> io::Error {
    match error {
        InputError::Truncated => {
            io::Error::new(io::ErrorKind::UnexpectedEof, "the client stopped sending the request's body")
        }
        InputError::Malformed(found) => {
            io::Error::new(io::ErrorKind::InvalidData, format!("the request's body is malformed: {found}"))
        }
        InputError::TooLarge => {
            io::Error::new(io::ErrorKind::FileTooLarge, "the request's body is longer than allowed")
        }
        InputError::TimedOut => {
            io::Error::new(io::ErrorKind::TimedOut, "the client paused too long in the request's body")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_its_kind() {
        let kind = |error| describe(error).kind();
        assert_eq!(kind(InputError::Truncated), io::ErrorKind::UnexpectedEof);
        assert_eq!(kind(InputError::TooLarge), io::ErrorKind::FileTooLarge);
        assert_eq!(kind(InputError::TimedOut), io::ErrorKind::TimedOut);
        let malformed = describe(InputError::Malformed("a chunk size of `x`".into()));
        assert_eq!(malformed.to_string(), "the request's body is malformed: a chunk size of `x`");
    }
}
