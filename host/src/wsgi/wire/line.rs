//! The faults that a line shows before it is complete.
//!
//! A client that sends garbage is answered when its garbage is there, not when its time is up. So that an answer does
//! not depend on how the network cut the bytes into pieces, every such fault has the position of the byte that
//! shows it, and of several the first one counts, also when the whole line arrived at once.

use super::Reject;

pub(super) const BARE_CR: Reject = Reject::bad("bare CR");
pub(super) const BARE_LF: Reject = Reject::bad("bare LF");
const NUL: Reject = Reject::bad("NUL byte");
const CONTROL: Reject = Reject::bad("control byte");

/// A fault, and the position in its line of the byte that shows it.
pub(super) type Fault = (usize, Reject);

pub(super) fn earliest<const N: usize>(faults: [Option<Fault>; N]) -> Option<Reject> {
    let (_, reject) = faults.into_iter().flatten().min_by_key(|fault| fault.0)?;
    Some(reject)
}

/// A line, with its end as far as that was received, that is longer than `room`.
pub(super) fn too_long(line: &[u8], room: usize, reject: Reject) -> Option<Fault> {
    (line.len() > room).then_some((room, reject))
}

/// A control byte that has no place in any line, or half a line end; bytes before `from` are known to be good.
pub(super) fn control(line: &[u8], from: usize) -> Option<Fault> {
    let from = from.saturating_sub(1); // a CR may have been the last byte known
    let bytes = line.iter().enumerate().skip(from);
    bytes.into_iter().find_map(|(at, &byte)| match byte {
        b'\r' => match line.get(at + 1) {
            None | Some(b'\n') => None,
            Some(_) => Some((at + 1, BARE_CR)),
        },
        b'\n' => (!line[..at].ends_with(b"\r")).then_some((at, BARE_LF)),
        0 => Some((at, NUL)),
        _ => is_control(byte).then_some((at, CONTROL)),
    })
}

/// Whether a byte is a control byte other than HT, which is the only one that may stand in a field's value.
pub(super) const fn is_control(byte: u8) -> bool {
    (byte < b' ' && byte != b'\t') || byte == 0x7F
}

/// Without branches, so that it is compiled to vector instructions.
pub(super) fn has_control(bytes: &[u8]) -> bool {
    bytes.iter().fold(false, |found, &byte| {
        found | ((byte < b' ') & (byte != b'\t')) | (byte == 0x7F)
    })
}
