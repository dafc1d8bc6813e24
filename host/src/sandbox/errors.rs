//! `wsgi.errors`: an application's texts and errors, in its log.

use super::bindings::full::wasgi::gateway::gateway::ExcInfo;
use super::bindings::lean::wasgi::gateway::request::Piece;
use crate::log::AppLog;

/// Most bytes of one text that are logged.
const MAX_TEXT: usize = 64 * 1024;
/// Bytes of a full piece.
pub(super) const PIECE: usize = 112;

/// A text of which not all pieces are there yet.
#[derive(Default)]
pub(super) struct Text {
    bytes: Vec<u8>,
    /// How many came beyond what is logged.
    dropped: u64,
}

impl Text {
    /// Adds a piece; the text is logged with one that isn't full.
    pub(super) fn add(&mut self, piece: &Piece, log: &AppLog) {
        let mut words = [0; PIECE];
        let more = bytes(piece, &mut words);
        let (kept, dropped) = more.split_at(more.len().min(MAX_TEXT - self.bytes.len()));
        self.bytes.extend_from_slice(kept);
        self.dropped += dropped.len() as u64;
        if more.len() < PIECE {
            self.say(log);
        }
    }

    /// A text without its last piece counts too.
    pub(super) fn end(&mut self, log: &AppLog) {
        if !self.bytes.is_empty() {
            self.say(log);
        }
    }

    fn say(&mut self, log: &AppLog) {
        let Text { bytes, dropped } = std::mem::take(self);
        say_cut(log, &String::from_utf8_lossy(&bytes), dropped);
    }
}

/// What a piece holds, in the room for a full one.
pub(super) fn bytes<'a>(piece: &Piece, room: &'a mut [u8; PIECE]) -> &'a [u8] {
    let Piece { length, a, b, c, d, e, f, g, h, i, j, k, l, m, n } = *piece;
    for (to, word) in room.chunks_exact_mut(8).zip([a, b, c, d, e, f, g, h, i, j, k, l, m, n]) {
        to.copy_from_slice(&word.to_le_bytes());
    }
    &room[..usize::from(length).min(PIECE)]
}

/// An application's text.
pub(super) fn say(log: &AppLog, text: &str) {
    let end = text.floor_char_boundary(MAX_TEXT);
    say_cut(log, &text[..end], (text.len() - end) as u64);
}

/// What is left of a text of which so many bytes were dropped.
fn say_cut(log: &AppLog, text: &str, dropped: u64) {
    for line in text.trim_end_matches('\n').split('\n') {
        log.line("errors", line);
    }
    if dropped > 0 {
        log.line("host", &format!("{dropped} more bytes were dropped: one text was too long"));
    }
}

/// An application's error.
pub(super) fn log_exc_info(log: &AppLog, exc_info: &ExcInfo) {
    if !exc_info.trace.is_empty() {
        say(log, &exc_info.trace);
    }
    say(log, &format!("{}: {}", exc_info.kind, exc_info.message));
}
