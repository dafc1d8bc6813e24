//! Makes bodies without end and drops none: each takes a handle in the host. `?first=1` yields a chunk before.

use wasgi_guest::bindings::exports::wasgi::gateway::application::{
    self, Environ, ExcInfo, Guest, GuestBody, Report, StartResponse, Step,
};

struct Component;

struct Body;

impl Guest for Component {
    type Body = Body;

    fn handle(environ: Environ, start_response: StartResponse) -> application::Body {
        let _ = start_response.call("200 OK", &[], None);
        if environ.get("QUERY_STRING").is_none_or(|query| query.is_empty()) {
            hoard();
        }
        application::Body::new(Body)
    }
}

fn hoard() {
    loop {
        std::mem::forget(std::hint::black_box(application::Body::new(Body)));
    }
}

impl GuestBody for Body {
    fn next(&self) -> Result<Step, ExcInfo> {
        thread_local!(static BEGUN: std::cell::Cell<bool> = const { std::cell::Cell::new(false) });
        if BEGUN.replace(true) {
            hoard();
        }
        Ok(Step::More(b"text".to_vec()))
    }

    fn close(&self) -> bool {
        false
    }

    fn sent(&self, _: Report) {}
}

wasgi_guest::bindings::export!(Component with_types_in wasgi_guest::bindings);
