//! How long a response's body is, and what that means for its framing (RFC 9110 §8.6, RFC 9112 §6).

use http::{Method, StatusCode};

/// What the client gets of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// No body at all, whatever the application yields: HEAD, 204, 304.
    Absent,
    /// Exactly this many bytes: the application's Content-Length, or one inferred.
    Exactly(u64),
    /// Until the end: chunked on HTTP/1.1, until the connection closes on HTTP/1.0.
    Unknown,
}

/// Whether a response to `method` with `status` has a body on the wire.
pub fn has_body(method: &Method, status: StatusCode) -> bool {
    method != Method::HEAD && status != StatusCode::NO_CONTENT && status != StatusCode::NOT_MODIFIED
}

/// How the bytes that an application yields measure up to the length that was announced.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    length: Length,
    taken: u64,
}

/// What may be sent of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// All of it.
    Whole,
    /// Only this many bytes: the rest is beyond the Content-Length, and the body ends here.
    Cut(usize),
    /// None of it, and that is as it should be: this response has no body.
    Nothing,
}

impl Budget {
    /// A budget of which nothing has been used.
    pub fn new(length: Length) -> Budget {
        Budget { length, taken: 0 }
    }

    /// Takes a chunk of `len` bytes.
    pub fn take(&mut self, len: usize) -> Allowance {
        match self.length {
            Length::Absent => Allowance::Nothing,
            Length::Unknown => Allowance::Whole,
            Length::Exactly(total) => {
                let left = total - self.taken;
                match usize::try_from(left) {
                    Ok(left) if left < len => {
                        self.taken = total;
                        Allowance::Cut(left)
                    }
                    _ => {
                        self.taken += len as u64;
                        Allowance::Whole
                    }
                }
            }
        }
    }

    /// How many announced bytes are missing.
    pub fn missing(&self) -> u64 {
        match self.length {
            Length::Exactly(total) => total - self.taken,
            Length::Absent | Length::Unknown => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn never_more_than_announced(total in 0u64..200, chunks: Vec<u8>) {
            let mut budget = Budget::new(Length::Exactly(total));
            let mut sent = 0u64;
            for chunk in &chunks {
                match budget.take(usize::from(*chunk)) {
                    Allowance::Whole => sent += u64::from(*chunk),
                    Allowance::Cut(n) => { sent += n as u64; prop_assert_eq!(sent, total); break }
                    Allowance::Nothing => prop_assert!(false),
                }
            }
            prop_assert!(sent <= total);
            prop_assert_eq!(budget.missing(), total - sent);
        }
    }
}
