//! Calls start_response and write from `close` and `sent`, straight on the contract, and says
//! what it was told.

use std::cell::Cell;

use wasgi_guest::bindings::exports::wasgi::gateway::application::{
    self, Environ, ExcInfo, Guest, GuestBody, Report, StartResponse, Step,
};

struct Component;

struct Body(Environ, StartResponse, Cell<bool>);

impl Guest for Component {
    type Body = Body;

    fn handle(environ: Environ, start_response: StartResponse) -> application::Body {
        let _ = start_response.call("200 OK", &[], None);
        application::Body::new(Body(environ, start_response, Cell::new(false)))
    }
}

impl Body {
    fn late(&self, when: &str) {
        let tag = self.0.get("QUERY_STRING").unwrap_or_default();
        let call = self.1.call("200 Again", &[], None);
        let write = self.1.write(b"more");
        self.0.log(&format!("{tag} {when}: {call:?} {write:?}"));
    }
}

impl GuestBody for Body {
    fn next(&self) -> Result<Step, ExcInfo> {
        assert!(!self.2.replace(true), "next after last");
        Ok(Step::Last(b"all".to_vec()))
    }

    fn close(&self) -> bool {
        self.late("close");
        true
    }

    fn sent(&self, _: Report) {
        self.late("sent");
    }
}

wasgi_guest::bindings::export!(Component with_types_in wasgi_guest::bindings);
