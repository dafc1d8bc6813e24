//! The full form: each thing is asked of the host when it is wanted.

use std::cell::Cell;
use std::rc::Rc;

use crate::bindings::exports::wasgi::gateway::application as exported;
use crate::bindings::wasgi::gateway::gateway as host;
use crate::hooks::Hooks;
use crate::request::Request;
use crate::{Body, Environ, Error, IntoBody, Report, StartError, StartResponse, WriteError};

pub(crate) use exported::Step;

/// The host's two handles for one request.
pub(crate) struct Host {
    environ: host::Environ,
    start_response: host::StartResponse,
}

impl Host {
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        self.environ.get(name)
    }

    pub(crate) fn entries(&self) -> Vec<(String, String)> {
        self.environ.entries()
    }

    pub(crate) fn input(&self, max: u32) -> Result<Vec<u8>, host::InputError> {
        self.environ.input(max)
    }

    pub(crate) fn log(&self, text: &str) {
        self.environ.log(text);
    }

    pub(crate) fn start(&self, status: &str, headers: &[(&str, &str)]) -> Result<(), StartError> {
        self.start_response.call(status, headers, None).map_err(StartError::from)
    }

    pub(crate) fn replace(&self, status: &str, headers: &[(&str, &str)], error: &Error) -> Result<(), StartError> {
        self.start_response.call(status, headers, Some(error.exc_info())).map_err(StartError::from)
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), WriteError> {
        self.start_response.write(bytes).map_err(WriteError::from)
    }
}

/// One response: the resource that the host iterates.
pub struct Response {
    body: Cell<Option<Body>>,
    request: Rc<Request>,
}

/// Calls the application for one request.
pub fn respond<A, B, S>(application: A, environ: exported::Environ, start_response: exported::StartResponse) -> Response
where
    A: FnOnce(Environ, StartResponse) -> B,
    B: IntoBody<S>,
{
    let request = Rc::new(Request { host: Host { environ, start_response }, hooks: Hooks::default() });
    let body = application(Environ::new(request.clone()), StartResponse::new(request.clone())).into_body();
    Response { body: Cell::new(Some(body)), request }
}

impl exported::GuestBody for Response {
    fn next(&self) -> Result<Step, exported::ExcInfo> {
        let mut body = self.body.take();
        let step = body.as_mut().map_or(Ok(Step::Done), Body::step);
        self.body.set(body);
        step.map_err(Error::into_exc_info)
    }

    fn close(&self) -> bool {
        drop(self.body.take());
        self.request.hooks.wait()
    }

    fn sent(&self, report: exported::Report) {
        let exported::Report { bytes, complete, elapsed_us } = report;
        self.request.report(Report::new(bytes, complete, elapsed_us));
    }
}

/// Makes a function the component's application; see the crate's [`export!`](crate::export).
#[doc(hidden)]
#[macro_export]
#[cfg(not(wasgi_lean))]
macro_rules! __export {
    ($application:expr) => {
        const _: () = {
            use $crate::bindings::exports::wasgi::gateway::application;

            struct Component;

            impl application::Guest for Component {
                type Body = $crate::Response;

                fn handle(
                    environ: application::Environ,
                    start_response: application::StartResponse,
                ) -> application::Body {
                    application::Body::new($crate::respond($application, environ, start_response))
                }
            }

    $crate::bindings::export!(Component with_types_in $crate::bindings);
        };
    };
}
