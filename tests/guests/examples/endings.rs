//! One response for each way to end (`?end=`), straight on the contract: says each `close`,
//! `sent` and drop of its body.

use std::cell::Cell;

use wasgi_guest::bindings::exports::wasgi::gateway::application::{
    self, Environ, ExcInfo, Guest, GuestBody, Report, StartResponse, Step,
};

struct Component;

struct Body {
    environ: Environ,
    start_response: StartResponse,
    steps: Cell<u32>,
    end: String,
}

impl Guest for Component {
    type Body = Body;

    fn handle(environ: Environ, start_response: StartResponse) -> application::Body {
        let end = environ.get("QUERY_STRING").unwrap_or_default();
        let status = if end.contains("end=204") { "204 No Content" } else { "200 OK" };
        let length = match () {
            () if end.contains("end=long") => Some("3"),
            () if end.contains("end=short") => Some("300"),
            () => None,
        };
        let headers: Vec<_> = length.map(|length| ("Content-Length", length)).into_iter().collect();
        if !end.contains("end=unstarted") {
            let _ = start_response.call(status, &headers, None);
        }
        application::Body::new(Body { environ, start_response, steps: Cell::new(0), end })
    }
}

impl GuestBody for Body {
    fn next(&self) -> Result<Step, ExcInfo> {
        let step = self.steps.replace(self.steps.get() + 1);
        let error = || ExcInfo { kind: "ValueError".into(), message: "of the guest".into(), trace: String::new() };
        if self.end.contains("end=error") || self.end.contains("end=late-error") && step == 1 {
            return Err(error());
        }
        assert!(!(self.end.contains("end=trap") && step == 1), "as asked");
        if self.end.contains("end=cut") && step == 1 {
            let _ = self.start_response.call("500 Late", &[], Some(&error()));
        }
        Ok(match step {
            0..=2 => Step::More(b"chunk".to_vec()),
            _ => Step::Done,
        })
    }

    fn close(&self) -> bool {
        self.environ.log(&format!("close {}", self.end));
        !self.end.contains("hooks=none")
    }

    fn sent(&self, report: Report) {
        self.environ.log(&format!("sent {} bytes={} complete={}", self.end, report.bytes, report.complete));
    }
}

wasgi_guest::bindings::export!(Component with_types_in wasgi_guest::bindings);
