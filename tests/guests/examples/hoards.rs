//! Makes bodies and drops none: each takes a handle in the host. Without end, or `?n=` of them; `?first=1` yields a chunk before.

use wasgi_guest::bindings::exports::wasgi::gateway::application::{
    self, Environ, ExcInfo, Guest, GuestBody, Report, StartResponse, Step,
};

struct Component;

/// Whether it hoards, too.
struct Body {
    hoards: bool,
}

impl Guest for Component {
    type Body = Body;

    fn handle(environ: Environ, start_response: StartResponse) -> application::Body {
        let _ = start_response.call("200 OK", &[], None);
        let query = environ.get("QUERY_STRING").unwrap_or_default();
        match query.strip_prefix("n=") {
            Some(n) => hoard(n.parse().unwrap_or(0)),
            None if query.is_empty() => hoard(usize::MAX),
            None => {}
        }
        application::Body::new(Body { hoards: query.starts_with("first") })
    }
}

fn hoard(n: usize) {
    for _ in 0..n {
        std::mem::forget(std::hint::black_box(application::Body::new(Body { hoards: false })));
    }
}

impl GuestBody for Body {
    fn next(&self) -> Result<Step, ExcInfo> {
        thread_local!(static BEGUN: std::cell::Cell<bool> = const { std::cell::Cell::new(false) });
        if !self.hoards {
            return Ok(Step::Last(b"text".to_vec()));
        }
        if BEGUN.replace(true) {
            hoard(usize::MAX);
        }
        Ok(Step::More(b"text".to_vec()))
    }

    fn close(&self) -> bool {
        false
    }

    fn sent(&self, _: Report) {}
}

wasgi_guest::bindings::export!(Component with_types_in wasgi_guest::bindings);
