//! Breaks the rules of the lean form, straight on the contract: a `?what=` of more, split, late, pieces, unended.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use wasgi_guest::bindings::lean::exports::wasgi::gateway::lean::{Guest, Head, Report, Step, Turn};
use wasgi_guest::bindings::lean::wasgi::gateway::request::{self, Piece};

struct Component;

/// A full piece of `byte`, which says that it is of `length` bytes.
fn piece(length: u8, byte: u8) -> Piece {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n] = [u64::from_le_bytes([byte; 8]); 14];
    Piece { length, a, b, c, d, e, f, g, h, i, j, k, l, m, n }
}

fn last(text: &str) -> Turn {
    turn("first", Step::Last(text.as_bytes().to_vec()))
}

fn turn(value: &str, step: Step) -> Turn {
    let headers = vec![("X-Value".to_owned(), value.to_owned())];
    Turn { head: Some(Head { status: "200 OK".to_owned(), headers }), step: Ok(step) }
}

impl Guest for Component {
    fn handle(environ: String) -> (Turn, bool) {
        let query = environ.split('\0').skip_while(|part| *part != "QUERY_STRING").nth(1).unwrap_or_default();
        match query {
            "what=more" => (turn("first", Step::More(b"text".to_vec())), false),
            "what=split" => (turn("a\r\nSet-Cookie: b", Step::Last(b"text".to_vec())), false),
            "what=pieces" => {
                // No more than there can be in one; then a text beyond what is logged.
                request::log(piece(255, b'x'));
                request::log(piece(3, b'y'));
                (0..1000).for_each(|_| request::log(piece(112, b'z')));
                request::log(piece(0, b'-'));
                request::print(request::Output::Stderr, piece(200, b'p'));
                request::print(request::Output::Stderr, piece(1, b'\n'));
                (last(&format!("{} {}", request::variables(u32::MAX), request::variables(0))), false)
            }
            "what=unended" => {
                request::log(piece(112, b'u'));
                (last("text"), false)
            }
            _ => (turn("first", Step::More(b"text".to_vec())), true),
        }
    }

    /// Gives a chunk with a head that comes too late.
    fn next() -> Turn {
        static ASKED: AtomicBool = AtomicBool::new(false);
        assert!(!ASKED.swap(true, Relaxed), "next after the response was cut");
        turn("second", Step::More(b"more".to_vec()))
    }

    fn close() -> bool {
        false
    }

    fn sent(_: Report) {}
}

wasgi_guest::bindings::lean::export_lean!(Component with_types_in wasgi_guest::bindings::lean);
