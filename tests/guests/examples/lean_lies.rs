//! Breaks the rules of the lean form, straight on the contract: a `?what=` of more, split, late.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use wasgi_guest::bindings::lean::exports::wasgi::gateway::lean::{Guest, Head, Report, Step, Turn};

struct Component;

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
