//! Texts in pieces of words, as the lean form takes them: a list in an import would cost every instance two modules more.

use crate::bindings::lean::wasgi::gateway::request::{self, Piece};

/// Bytes of a full piece.
const SIZE: usize = 112;

/// Writes a text to the application's log: a piece that isn't full ends it.
pub(super) fn log(text: &str) {
    let full = text.as_bytes().chunks_exact(SIZE);
    let rest = full.remainder();
    full.for_each(|bytes| request::log(piece(bytes)));
    request::log(piece(rest));
}

/// Writes bytes to one of the standard streams.
#[cfg(target_os = "wasi")]
pub(super) fn print(to: request::Output, bytes: &[u8]) {
    bytes.chunks(SIZE).for_each(|bytes| request::print(to, piece(bytes)));
}

fn piece(bytes: &[u8]) -> Piece {
    let mut words = [0; SIZE / 8];
    for (to, bytes) in words.iter_mut().zip(bytes.chunks(8)) {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        *to = u64::from_le_bytes(word);
    }
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n] = words;
    Piece { length: bytes.len() as u8, a, b, c, d, e, f, g, h, i, j, k, l, m, n }
}
