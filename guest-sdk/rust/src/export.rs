//! From a function to the component's export: `handle` and the resource `body`.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use crate::bindings::exports::wasgi::gateway::application as exported;
use crate::hooks::Hooks;
use crate::request::Request;
use crate::{Body, Environ, Error, IntoBody, Report, StartResponse};

/// Makes a function the component's application. Once per component.
///
/// The function takes an [`Environ`] and a [`StartResponse`] and returns whatever
/// [`IntoBody`] describes. Any expression that gives such a function will do, like middleware
/// around an application; it is evaluated for each request.
///
/// ```
/// use wasgi_guest::{Environ, Error, StartResponse};
///
/// fn app(environ: Environ, start_response: StartResponse) -> Result<String, Error> {
///     start_response.call("200 OK", &[("Content-Type", "text/plain; charset=utf-8")])?;
///     Ok(format!("This is {}.\n", environ.path()))
/// }
///
/// wasgi_guest::export!(app);
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! export {
    ($application:expr $(,)?) => {
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

/// One response: the resource that the host iterates.
#[doc(hidden)]
pub struct Response {
    body: Cell<Option<Body>>,
    request: Rc<Request>,
}

/// Calls the application for one request.
#[doc(hidden)]
pub fn respond<A, B, S>(application: A, environ: exported::Environ, start_response: exported::StartResponse) -> Response
where
    A: FnOnce(Environ, StartResponse) -> B,
    B: IntoBody<S>,
{
    let request = Rc::new(Request { environ, start_response, hooks: Hooks::default() });
    let body = application(Environ::new(request.clone()), StartResponse::new(request.clone())).into_body();
    Response { body: Cell::new(Some(body)), request }
}

impl exported::GuestBody for Response {
    fn next(&self) -> Result<exported::Step, exported::ExcInfo> {
        let mut body = self.body.take();
        let step = body.as_mut().map_or(Ok(exported::Step::Done), Body::step);
        self.body.set(body);
        step.map_err(Error::into_exc_info)
    }

    fn close(&self) -> bool {
        drop(self.body.take());
        self.request.hooks.wait()
    }

    fn sent(&self, report: exported::Report) {
        let exported::Report { bytes, complete, elapsed_us } = report;
        let report = Report { bytes, complete, elapsed: Duration::from_micros(elapsed_us) };
        self.request.hooks.run(report, |text| self.request.environ.log(text));
    }
}
