//! The lean form: the environ is there from the beginning, and what start_response was called with goes to the host with
//! the step that follows. So start_response is kept here, with the states that it has in PEP 3333.

use std::cell::{Cell, RefCell};
use std::mem;
use std::rc::Rc;

use super::rules;
use crate::bindings::lean::exports::wasgi::gateway::lean as exported;
use crate::bindings::lean::wasgi::gateway::request;
use crate::bindings::wasgi::gateway::gateway::{ExcInfo, InputError, WriteError as HostWriteError};
use crate::hooks::Hooks;
use crate::request::Request;
use crate::{Body, Environ, Error, IntoBody, Report, StartError, StartResponse, WriteError};

pub(crate) use exported::Step;

thread_local! {
    /// The number of the request that is served. One that is over may not speak for it.
    static SERVED: Cell<u64> = const { Cell::new(0) };
}

/// What is known of one request here.
pub(crate) struct Host {
    environ: String,
    number: u64,
    started: RefCell<Started>,
}

/// What start_response was called with.
#[derive(Default)]
struct Started {
    state: State,
    /// What the host has not been told yet.
    head: Option<exported::Head>,
    replaced: Vec<ExcInfo>,
    /// The error that came when the headers had been sent: it ends the response.
    late: Option<ExcInfo>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// Not called, or not with what is valid.
    #[default]
    Unset,
    Set,
    /// The first bytes are on their way.
    Sent,
}

impl Host {
    fn new(environ: String) -> Host {
        let number = SERVED.get() + 1;
        SERVED.set(number);
        Host { environ, number, started: RefCell::default() }
    }

    /// As the host's handles do in the full form, one of an earlier request traps.
    fn check(&self) {
        assert!(self.number == SERVED.get(), "the environ or start_response of an earlier request was used");
    }

    pub(crate) fn get(&self, name: &str) -> Option<String> {
        self.pairs().find(|pair| pair.0 == name).map(|pair| pair.1.to_owned())
    }

    pub(crate) fn entries(&self) -> Vec<(String, String)> {
        self.pairs().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.check();
        // Names and values in turn, each after the text's first character.
        let mut parts = self.environ.split(self.environ.chars().next().unwrap_or_default()).skip(1);
        std::iter::from_fn(move || Some((parts.next()?, parts.next()?)))
    }

    pub(crate) fn input(&self, max: u32) -> Result<Vec<u8>, InputError> {
        self.check();
        request::input(max)
    }

    pub(crate) fn log(&self, text: &str) {
        self.check();
        request::log(text);
    }

    pub(crate) fn start(
        &self,
        status: &str,
        headers: &[(&str, &str)],
        error: Option<&Error>,
    ) -> Result<(), StartError> {
        self.check();
        let mut started = self.started.borrow_mut();
        match (started.state, error) {
            (State::Sent, Some(error)) => {
                started.late.get_or_insert_with(|| error.exc_info().clone());
                return Err(StartError::HeadersSent);
            }
            (State::Sent | State::Set, None) => return Err(StartError::AlreadyCalled),
            _ => {}
        }
        started.replaced.extend(error.map(|error| error.exc_info().clone()));
        // The host checks it again: what is refused here it is told, too, and puts into the log.
        started.head = Some(exported::Head {
            status: status.to_owned(),
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        });
        started.state = State::Unset;
        rules::check(status, headers).map_err(StartError::Invalid)?;
        started.state = State::Set;
        Ok(())
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), WriteError> {
        self.check();
        let mut started = self.started.borrow_mut();
        if started.late.is_some() {
            return Err(WriteError::Closed);
        }
        let head = started.head.take();
        let written = request::write(head.as_ref(), bytes);
        if !matches!(written, Err(HostWriteError::NotStarted)) {
            started.state = State::Sent;
        }
        written.map_err(WriteError::from)
    }

    /// A step, with what the host has to be told before it.
    fn turn(&self, step: Result<Step, Error>) -> exported::Turn {
        let mut started = self.started.borrow_mut();
        let sends = matches!(&step, Ok(Step::More(bytes) | Step::Last(bytes)) if !bytes.is_empty());
        if sends && started.state == State::Set {
            started.state = State::Sent;
        }
        let step = step.map_err(Error::into_exc_info);
        exported::Turn {
            head: started.head.take(),
            replaced: mem::take(&mut started.replaced),
            step: started.late.take().map_or(step, Err),
        }
    }
}

/// One response: the resource that the host iterates, where one chunk isn't all of it.
pub struct Response {
    body: Cell<Option<Body>>,
    request: Rc<Request>,
}

/// Calls the application for one request, and takes the first step.
pub fn respond<A, B, S>(application: A, environ: String) -> (exported::Turn, Option<exported::Body>)
where
    A: FnOnce(Environ, StartResponse) -> B,
    B: IntoBody<S>,
{
    let request = Rc::new(Request { host: Host::new(environ), hooks: Hooks::default() });
    let body = application(Environ::new(request.clone()), StartResponse::new(request.clone())).into_body();
    let response = Response { body: Cell::new(Some(body)), request };
    let turn = response.turn();
    let body = response.body.take();
    if body.as_ref().is_none_or(Body::is_spent) && !response.request.hooks.wait() {
        return (turn, None);
    }
    response.body.set(body);
    (turn, Some(exported::Body::new(response)))
}

impl Response {
    fn turn(&self) -> exported::Turn {
        let mut body = self.body.take();
        let step = body.as_mut().map_or(Ok(Step::Done), Body::step);
        self.body.set(body);
        self.request.host.turn(step)
    }
}

impl exported::GuestBody for Response {
    fn next(&self) -> exported::Turn {
        self.turn()
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
#[cfg(wasgi_lean)]
macro_rules! __export {
    ($application:expr) => {
        const _: () = {
            use $crate::bindings::lean::exports::wasgi::gateway::lean;

            struct Component;

            impl lean::Guest for Component {
                type Body = $crate::Response;

                fn handle(environ: ::std::string::String) -> (lean::Turn, ::core::option::Option<lean::Body>) {
                    $crate::respond($application, environ)
                }
            }

    $crate::bindings::lean::export_lean!(Component with_types_in $crate::bindings::lean);
        };
    };
}
