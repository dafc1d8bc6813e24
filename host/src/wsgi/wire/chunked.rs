//! Chunked bodies, [RFC 9112 §7.1](https://www.rfc-editor.org/rfc/rfc9112#section-7.1).

use super::field;
use super::head::Trailers;
use super::line::{self, Fault, Scan};
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
    /// Up to where the trailer line that comes next was scanned.
    known: usize,
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
        Ok(Verdict { release, head: None, ends: matches!(self.next, Next::Nothing) })
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
        match line::scan(window, 0) {
            Scan::Line(length) => self.take(&window[..length]).map(|()| length),
            Scan::Part(_) => size_line_fault(window, None).map_or(Ok(0), Err),
            Scan::Fault(fault) => Err(size_line_fault(window, Some(fault)).unwrap_or(fault.1)),
        }
    }

    fn take(&mut self, line: &[u8]) -> Result<(), Reject> {
        let parsed = self.parse(line);
        let (size, extensions) = parsed.map_err(|fault| size_line_fault(line, None).unwrap_or(fault))?;
        self.extensions += extensions;
        self.next = match size {
            0 => Next::Trailer,
            _ => Next::Data(size),
        };
        Ok(())
    }

    /// The size that a line gives, and how many bytes of it are extensions.
    fn parse(&self, line: &[u8]) -> Result<(u64, usize), Reject> {
        if line.len() > LINE {
            return Err(LONG_LINE);
        }
        let text = line::text(line);
        let digits = text.iter().take_while(|byte| byte.is_ascii_hexdigit());
        let (digits, extensions) = text.split_at(digits.count());
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
        let trailers = &mut self.trailers;
        match line::scan(bytes, self.known) {
            Scan::Line(length) => {
                if trailers.take(&bytes[..length], limits)? {
                    self.next = Next::Nothing;
                }
                self.known = 0;
                Ok(length)
            }
            Scan::Part(known) => {
                trailers.early_fault(bytes, None, limits).map_or(Ok(()), Err)?;
                self.known = known;
                Ok(0)
            }
            Scan::Fault(fault) => Err(trailers.early_fault(bytes, Some(fault), limits).unwrap_or(fault.1)),
        }
    }
}

/// The first fault of a chunk's line that can be seen before its end; `scanned` is what the scan of it found.
#[cold]
fn size_line_fault(line: &[u8], scanned: Option<Fault>) -> Option<Reject> {
    let start = line.first().filter(|byte| !byte.is_ascii_hexdigit());
    line::earliest([start.map(|_| (0, BAD_SIZE)), scanned, line::too_long(line, LINE, LONG_LINE)])
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
            [] | [b'\\'] => return None,
            [b'\\', _, rest @ ..] | [_, rest @ ..] => rest,
        }
    }
}

fn skip_space(bytes: &[u8]) -> &[u8] {
    let spaces = bytes.iter().take_while(|byte| field::is_space(**byte)).count();
    &bytes[spaces..]
}
