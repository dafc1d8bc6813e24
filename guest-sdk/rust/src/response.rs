//! One response, from the application's return to its hooks.

use std::cell::Cell;
use std::rc::Rc;

use crate::form::{Host, Step};
use crate::hooks::Hooks;
use crate::request::Request;
use crate::{Body, Environ, Error, IntoBody, Report, StartResponse};

/// What is iterated, and the request that it is of.
pub struct Response {
    body: Cell<Option<Body>>,
    pub(crate) request: Rc<Request>,
}

impl Response {
    /// Calls the application for one request.
    pub(crate) fn to<A, B, S>(application: A, host: Host) -> Response
    where
        A: FnOnce(Environ, StartResponse) -> B,
        B: IntoBody<S>,
    {
        let request = Rc::new(Request { host, hooks: Hooks::default() });
        let body = application(Environ::new(request.clone()), StartResponse::new(request.clone())).into_body();
        Response { body: Cell::new(Some(body)), request }
    }

    pub(crate) fn step(&self) -> Result<Step, Error> {
        let mut body = self.body.take();
        let step = body.as_mut().map_or(Ok(Step::Done), Body::step);
        self.body.set(body);
        step
    }

    /// Whether nothing is left to do: no chunk, nothing that dropping would be noticed of, and no hook.
    #[cfg(wasgi_lean)]
    pub(crate) fn is_over(&self) -> bool {
        let body = self.body.take();
        let is_spent = body.as_ref().is_none_or(Body::is_spent);
        self.body.set(body);
        is_spent && !self.request.hooks.wait()
    }

    /// Drops the body; says whether hooks wait.
    pub(crate) fn close(&self) -> bool {
        drop(self.body.take());
        self.request.hooks.wait()
    }

    /// Runs the hooks.
    pub(crate) fn sent(&self, report: Report) {
        self.request.hooks.run(report, |text| self.request.host.log(text));
    }
}
