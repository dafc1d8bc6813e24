//! Keeps the environ of its first request and uses it in the second one, straight on the contract.

use std::cell::RefCell;

use wasgi_guest::bindings::exports::wasgi::gateway::application::{
    self, Environ, ExcInfo, Guest, GuestBody, Report, StartResponse, Step,
};

struct Component;

struct Body;

thread_local! {
    static KEPT: RefCell<Vec<Environ>> = const { RefCell::new(Vec::new()) };
}

impl Guest for Component {
    type Body = Body;

    fn handle(environ: Environ, start_response: StartResponse) -> application::Body {
        KEPT.with_borrow(|kept| kept.iter().for_each(|environ| drop(environ.get("HTTP_SECRET"))));
        KEPT.with_borrow_mut(|kept| kept.push(environ));
        let _ = start_response.call("200 OK", &[], None);
        application::Body::new(Body)
    }
}

impl GuestBody for Body {
    fn next(&self) -> Result<Step, ExcInfo> {
        Ok(Step::Last(b"text".to_vec()))
    }

    fn close(&self) -> bool {
        false
    }

    fn sent(&self, _: Report) {}
}

wasgi_guest::bindings::export!(Component with_types_in wasgi_guest::bindings);
