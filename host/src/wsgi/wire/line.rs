//! Where a line ends, and the faults that it shows before.
//!
//! A client that sends garbage is answered when its garbage is there, not when its time is up. So that an answer does
//! not depend on how the network cut the bytes into pieces, every such fault has the position of the byte that
//! shows it, and of several the first one counts, also when the whole line arrived at once.

use super::Reject;

/// A fault, and the position in its line of the byte that shows it.
pub(super) type Fault = (usize, Reject);

/// What the bytes from the start of a line on hold.
pub(super) enum Scan {
    /// A line of this length with its CRLF. No other control byte but HT is in it.
    Line(usize),
    /// A part of one; the bytes before this position need not be scanned again.
    Part(usize),
    /// A control byte that has no place in any line, or half a line end.
    Fault(Fault),
}

/// Looks for the end of the line that `bytes` start with; the ones before `known` were scanned already.
///
/// Lines end with CRLF only: [RFC 9112 §2.2](https://www.rfc-editor.org/rfc/rfc9112#section-2.2) would allow to take a
/// bare LF for one, but two readers that decide differently is what a smuggler looks for.
pub(super) fn scan(bytes: &[u8], known: usize) -> Scan {
    let unknown = bytes.get(known..).unwrap_or_default();
    let Some(at) = first_control(unknown).map(|at| known + at) else {
        return Scan::Part(bytes.len());
    };
    match (bytes[at], bytes.get(at + 1)) {
        (b'\r', Some(b'\n')) => Scan::Line(at + 2),
        (b'\r', None) => Scan::Part(at),
        (b'\r', Some(_)) => Scan::Fault((at + 1, Reject::bad("bare CR"))),
        (b'\n', _) => Scan::Fault((at, Reject::bad("bare LF"))),
        (0, _) => Scan::Fault((at, Reject::bad("NUL byte"))),
        _ => Scan::Fault((at, Reject::bad("control byte"))),
    }
}

/// A line without its end.
pub(super) fn text(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r\n").unwrap_or(line)
}

pub(super) fn earliest<const N: usize>(faults: [Option<Fault>; N]) -> Option<Reject> {
    let (_, reject) = faults.into_iter().flatten().min_by_key(|fault| fault.0)?;
    Some(reject)
}

/// A line, with its end as far as that was received, that is longer than `room`.
pub(super) fn too_long(line: &[u8], room: usize, reject: Reject) -> Option<Fault> {
    (line.len() > room).then_some((room, reject))
}

/// The position of the first control byte other than HT.
///
/// It looks at eight bytes at a time: this is the one pass over all the bytes of a head, and a vector search costs more
/// to begin than most lines are long.
fn first_control(bytes: &[u8]) -> Option<usize> {
    let (words, rest) = bytes.as_chunks();
    for (index, word) in words.iter().enumerate() {
        if let Some(at) = first_control_of_eight(*word) {
            return Some(index * 8 + at);
        }
    }
    let at = rest.iter().position(|&byte| is_control(byte))?;
    Some(words.len() * 8 + at)
}

const fn is_control(byte: u8) -> bool {
    (byte < b' ' && byte != b'\t') || byte == 0x7F
}

/// Finds bytes below 0x20 or equal to 0x7F by [two tricks] of arithmetic; the lowest byte that they mark is one.
///
/// [two tricks]: https://graphics.stanford.edu/~seander/bithacks.html#HasLessInWord
fn first_control_of_eight(bytes: [u8; 8]) -> Option<usize> {
    const EACH: u64 = u64::from_ne_bytes([1; 8]);
    let word = u64::from_le_bytes(bytes);
    let del = word ^ (EACH * 0x7F);
    let below = word.wrapping_sub(EACH * 0x20) & !word;
    let equal = del.wrapping_sub(EACH) & !del;
    let marks = (below | equal) & (EACH * 0x80);
    if marks == 0 {
        return None;
    }
    match marks.trailing_zeros() as usize / 8 {
        at if bytes[at] == b'\t' => bytes.iter().position(|&byte| is_control(byte)),
        at => Some(at),
    }
}
