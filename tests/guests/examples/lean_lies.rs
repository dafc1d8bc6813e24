//! Breaks the rules of the lean form, straight on the contract: a `?what=` of more, split, late.

use std::cell::Cell;

use wasgi_guest::bindings::lean::exports::wasgi::gateway::lean::{self, Guest, GuestBody, Head, Report, Step, Turn};

struct Component;

/// Gives a chunk with a head that comes too late.
struct Body(Cell<bool>);

fn turn(value: &str, step: Step) -> Turn {
    let headers = vec![("X-Value".to_owned(), value.to_owned())];
    Turn { head: Some(Head { status: "200 OK".to_owned(), headers }), step: Ok(step) }
}

impl Guest for Component {
    type Body = Body;

    fn handle(environ: String) -> (Turn, Option<lean::Body>) {
        let query = environ.split('\0').skip_while(|part| *part != "QUERY_STRING").nth(1).unwrap_or_default();
        match query {
            "what=more" => (turn("first", Step::More(b"text".to_vec())), None),
            "what=split" => (turn("a\r\nSet-Cookie: b", Step::Last(b"text".to_vec())), None),
            _ => (turn("first", Step::More(b"text".to_vec())), Some(lean::Body::new(Body(Cell::new(false))))),
        }
    }
}

impl GuestBody for Body {
    fn next(&self) -> Turn {
        assert!(!self.0.replace(true), "next after the response was cut");
        turn("second", Step::More(b"more".to_vec()))
    }

    fn close(&self) -> bool {
        false
    }

    fn sent(&self, _: Report) {}
}

wasgi_guest::bindings::lean::export_lean!(Component with_types_in wasgi_guest::bindings::lean);
