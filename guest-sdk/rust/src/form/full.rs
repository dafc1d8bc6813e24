//! The full form: each thing is asked of the host when it is wanted.

use crate::bindings::exports::wasgi::gateway::application as exported;
use crate::bindings::wasgi::gateway::gateway as host;
use crate::response::Response;
use crate::{Environ, Error, IntoBody, Report, StartError, StartResponse, WriteError};

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

/// Calls the application for one request.
pub fn respond<A, B, S>(application: A, environ: exported::Environ, start_response: exported::StartResponse) -> Response
where
    A: FnOnce(Environ, StartResponse) -> B,
    B: IntoBody<S>,
{
    Response::to(application, Host { environ, start_response })
}

/// The resource that the host iterates.
impl exported::GuestBody for Response {
    fn next(&self) -> Result<Step, exported::ExcInfo> {
        self.step().map_err(Error::into_exc_info)
    }

    fn close(&self) -> bool {
        self.close()
    }

    fn sent(&self, report: exported::Report) {
        let exported::Report { bytes, complete, elapsed_us } = report;
        self.sent(Report::new(bytes, complete, elapsed_us));
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
                type Body = $crate::form::Response;

                fn handle(
                    environ: application::Environ,
                    start_response: application::StartResponse,
                ) -> application::Body {
                    application::Body::new($crate::form::respond($application, environ, start_response))
                }
            }

    $crate::bindings::export!(Component with_types_in $crate::bindings);
        };
    };
}
