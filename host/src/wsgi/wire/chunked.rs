//! Chunked bodies, [RFC 9112 §7.1](https://www.rfc-editor.org/rfc/rfc9112#section-7.1).

use memchr::memchr;

use super::field;
use super::head::Trailers;
use super::line::{self, BARE_LF};
use super::{Limits, Reject, Verdict};

/// Bytes of a chunk's first line with its CRLF.
const LINE: usize = 256;
/// Hexadecimal digits that a `u64` holds.
const DIGITS: usize = 16;
/// Bytes of extensions in one message: nobody reads them, and nobody else counts them. hyper's limit is 16 KiB.
const EXTENSIONS: usize = 8 * 1024;

const LONG_LINE: Reject = Reject::bad("chunk line too long");
const BAD_SIZE: Reject = Reject::bad("malformed chunk size");
const BAD_EXTENSION: Reject = Reject::bad("malformed chunk extension");
const BAD_END: Reject = Reject::bad("chunk data without CRLF");

/// A chunked body as far as it was released.
#[derive(Debug, Default)]
pub(super) struct Chunked {
    next: Next,
    /// Up to where the trailer line that comes next holds no line end.
    scanned: usize,
    /// Bytes of extensions so far.
    extensions: usize,
    trailers: Trailers,
}

#[derive(Clone, Copy, Debug, Default)]
enum Next {
    #[default]
    Size,
    Data(u64),
    DataEnd,
    Trailer,
    Nothing,
}

impl Chunked {
    /// Releases whole lines, and of data as much as there is.
    pub(super) fn check(&mut self, bytes: &[u8], limits: &Limits) -> Result<Verdict, Reject> {
        let mut release = 0;
        loop {
            match self.step(&bytes[release..], limits) {
                Ok(0) => break,
                Ok(length) => release += length,
                Err(reject) if release == 0 => return Err(reject),
                Err(_) => break, // what is good goes first; the next call meets the fault again
            }
        }
        Ok(Verdict {
            release,
            head: None,
            ends: matches!(self.next, Next::Nothing),
        })
    }

    /// Checks what comes next and gives its length, 0 if more has to be read. A fault changes nothing.
    fn step(&mut self, bytes: &[u8], limits: &Limits) -> Result<usize, Reject> {
        match self.next {
            Next::Size => self.size_line(bytes),
            Next::Data(left) => Ok(self.data(bytes, left)),
            Next::DataEnd => self.data_end(bytes),
            Next::Trailer => self.trailer(bytes, limits),
            Next::Nothing => Ok(0),
        }
    }

    fn size_line(&mut self, bytes: &[u8]) -> Result<usize, Reject> {
        let window = &bytes[..bytes.len().min(LINE + 1)];
        let Some(end) = memchr(b'\n', window) else {
            return size_line_fault(window).map_or(Ok(0), Err);
        };
        let line = &window[..=end];
        let (size, extensions) = self
            .parse(line)
            .map_err(|fault| size_line_fault(line).unwrap_or(fault))?;
        self.extensions += extensions;
        self.next = match size {
            0 => Next::Trailer,
            _ => Next::Data(size),
        };
        Ok(line.len())
    }

    /// The size that a line gives, and how many bytes of it are extensions.
    fn parse(&self, line: &[u8]) -> Result<(u64, usize), Reject> {
        if line.len() > LINE {
            return Err(LONG_LINE);
        }
        let text = line.strip_suffix(b"\r\n").ok_or(BARE_LF)?;
        let digits = text
            .iter()
            .take_while(|byte| byte.is_ascii_hexdigit())
            .count();
        let (digits, extensions) = text.split_at(digits);
        let size = hexadecimal(digits).ok_or(BAD_SIZE)?;
        if !are_extensions(extensions) {
            return Err(BAD_EXTENSION);
        }
        if self.extensions + extensions.len() > EXTENSIONS {
            return Err(Reject::bad("too many chunk extensions"));
        }
        Ok((size, extensions.len()))
    }

    fn data(&mut self, bytes: &[u8], left: u64) -> usize {
        let length = usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()));
        self.next = match left - length as u64 {
            0 => Next::DataEnd,
            left => Next::Data(left),
        };
        length
    }

    fn data_end(&mut self, bytes: &[u8]) -> Result<usize, Reject> {
        match bytes {
            [] | [b'\r'] => Ok(0),
            [b'\r', b'\n', ..] => {
                self.next = Next::Size;
                Ok(2)
            }
            _ => Err(BAD_END),
        }
    }

    fn trailer(&mut self, bytes: &[u8], limits: &Limits) -> Result<usize, Reject> {
        let Some(end) = memchr(b'\n', bytes.get(self.scanned..).unwrap_or_default()) else {
            let known = std::mem::replace(&mut self.scanned, bytes.len());
            return self
                .trailers
                .early_fault(bytes, known, limits)
                .map_or(Ok(0), Err);
        };
        let line = &bytes[..=self.scanned + end];
        if self.trailers.complete(line, limits)? {
            self.next = Next::Nothing;
        }
        self.scanned = 0;
        Ok(line.len())
    }
}

/// The first fault of a chunk's line that can be seen before its end.
#[cold]
fn size_line_fault(line: &[u8]) -> Option<Reject> {
    let start = line.first().filter(|byte| !byte.is_ascii_hexdigit());
    line::earliest([
        start.map(|_| (0, BAD_SIZE)),
        line::control(line, 0),
        line::too_long(line, LINE, LONG_LINE),
    ])
}

/// As many digits as can't overflow, leading zeros included: nobody pads a size to more than sixteen.
fn hexadecimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > DIGITS {
        return None;
    }
    digits.iter().try_fold(0u64, |size, &digit| {
        let digit = char::from(digit).to_digit(16)?;
        Some((size << 4) | u64::from(digit))
    })
}

/// [RFC 9112 §7.1.1](https://www.rfc-editor.org/rfc/rfc9112#section-7.1.1), with its bad whitespace; what parses them
/// loosely is open to [smuggling](https://www.rfc-editor.org/rfc/rfc9112#section-11.2) by a line end within.
fn are_extensions(mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        let Some(rest) = after_extension(bytes) else {
            return false;
        };
        bytes = rest;
    }
    true
}

fn after_extension(bytes: &[u8]) -> Option<&[u8]> {
    let name = skip_space(skip_space(bytes).strip_prefix(b";")?);
    let rest = after_token(name)?;
    match skip_space(rest).strip_prefix(b"=") {
        Some(value) => after_value(skip_space(value)),
        None => Some(rest),
    }
}

fn after_value(bytes: &[u8]) -> Option<&[u8]> {
    match bytes {
        [b'"', rest @ ..] => after_quoted(rest),
        _ => after_token(bytes),
    }
}

fn after_token(bytes: &[u8]) -> Option<&[u8]> {
    let (token, rest) = bytes.split_at(field::token(bytes));
    (!token.is_empty()).then_some(rest)
}

/// [RFC 9110 §5.6.4](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.4), after the opening quote.
fn after_quoted(mut bytes: &[u8]) -> Option<&[u8]> {
    loop {
        bytes = match bytes {
            [b'"', rest @ ..] => return Some(rest),
            [b'\\', escaped, rest @ ..] if !line::is_control(*escaped) => rest,
            [b'\\', ..] => return None,
            [byte, rest @ ..] if !line::is_control(*byte) => rest,
            _ => return None,
        }
    }
}

fn skip_space(bytes: &[u8]) -> &[u8] {
    let spaces = bytes
        .iter()
        .take_while(|byte| field::is_space(**byte))
        .count();
    &bytes[spaces..]
}
