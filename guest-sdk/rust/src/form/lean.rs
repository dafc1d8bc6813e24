//! The lean form: the environ is there from the beginning, and what start_response was called with goes to the host with
//! the step that follows. So start_response is kept here, with the states that it has in PEP 3333.

use std::cell::{Cell, OnceCell, RefCell};
use std::ops::Range;

use super::pieces::log;
use super::rules;
use crate::bindings::lean::exports::wasgi::gateway::lean as exported;
use crate::bindings::lean::wasgi::gateway::request;
use crate::bindings::wasgi::gateway::gateway::{InputError, WriteError as HostWriteError};
use crate::response::Response;
use crate::{Environ, Error, IntoBody, Report, StartError, StartResponse, WriteError};

pub(crate) use exported::Step;

thread_local! {
    /// The number of the request that is served. One that is over may not speak for it.
    static SERVED: Cell<u64> = const { Cell::new(0) };
    /// Its response, if anything is left of it after `handle`.
    static GOES_ON: RefCell<Option<Response>> = const { RefCell::new(None) };
}

/// What is known of one request here.
pub(crate) struct Host {
    environ: String,
    /// Where names and values are in it, in turn: found out when the first is looked up.
    places: OnceCell<Vec<Range<usize>>>,
    number: u64,
    started: RefCell<Started>,
    /// The request's body can't be read any further.
    failed: Cell<bool>,
}

/// What start_response was called with.
#[derive(Default)]
struct Started {
    state: State,
    /// What the host has not been told yet.
    head: Option<exported::Head>,
    /// The host has cut the response, for an error after the first bytes.
    cut: bool,
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

/// Where the parts of `joined` are, each after the text's first character.
fn places(joined: &str) -> Vec<Range<usize>> {
    let mut places = Vec::with_capacity(64);
    let separator = joined.chars().next().unwrap_or_default();
    let mut begin = separator.len_utf8();
    for part in joined.split(separator).skip(1) {
        places.push(begin..begin + part.len());
        begin += part.len() + separator.len_utf8();
    }
    places
}

impl Host {
    fn new(environ: String) -> Host {
        let number = SERVED.get() + 1;
        SERVED.set(number);
        Host { environ, places: OnceCell::new(), number, started: RefCell::default(), failed: Cell::new(false) }
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
        let places = self.places.get_or_init(|| places(&self.environ));
        let text = |place: &Range<usize>| &self.environ[place.clone()];
        places.chunks_exact(2).map(move |pair| (text(&pair[0]), text(&pair[1])))
    }

    pub(crate) fn input(&self, max: u32) -> Result<Vec<u8>, InputError> {
        self.check();
        let read = request::input(max);
        self.failed.set(read.is_err());
        read
    }

    pub(crate) fn log(&self, text: &str) {
        self.check();
        log(text);
    }

    pub(crate) fn start(&self, status: &str, headers: &[(&str, &str)]) -> Result<(), StartError> {
        self.check();
        let mut started = self.started.borrow_mut();
        if started.state != State::Unset {
            return Err(StartError::AlreadyCalled);
        }
        started.note(status, headers)
    }

    pub(crate) fn replace(&self, status: &str, headers: &[(&str, &str)], error: &Error) -> Result<(), StartError> {
        self.check();
        let exc_info = error.exc_info();
        log(format!("{}\n{}: {}", exc_info.trace, exc_info.kind, exc_info.message).trim_start_matches('\n'));
        let mut started = self.started.borrow_mut();
        if started.state == State::Sent {
            // It cuts the response, and sends nothing.
            let _ = request::write(Some(&head(status, headers)), &[]);
            started.cut = true;
            return Err(StartError::HeadersSent);
        }
        started.note(status, headers)
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), WriteError> {
        self.check();
        let mut started = self.started.borrow_mut();
        let written = request::write(started.head.take().as_ref(), bytes);
        // For a request whose body failed, the host refuses a write whatever became of the head.
        let refused = matches!(written, Err(HostWriteError::NotStarted)) || written.is_err() && self.failed.get();
        if !refused {
            started.state = State::Sent;
        }
        written.map_err(WriteError::from)
    }

    /// Whether the response was cut.
    fn is_cut(&self) -> bool {
        self.started.borrow().cut
    }

    /// A step, with what the host has to be told before it.
    fn turn(&self, step: Result<Step, Error>) -> exported::Turn {
        let mut started = self.started.borrow_mut();
        // The end commits the head, too, and where there is none the host answers with its own page.
        if !matches!(&step, Ok(Step::More(bytes)) if bytes.is_empty()) {
            started.state = State::Sent;
        }
        exported::Turn { head: started.head.take(), step: step.map_err(Error::into_exc_info) }
    }
}

impl Started {
    /// Notes a head, if it is valid. The host checks it again, and puts into the log what it refuses: so one that is not
    /// valid it is given, too, unless another one comes first.
    fn note(&mut self, status: &str, headers: &[(&str, &str)]) -> Result<(), StartError> {
        self.head = Some(head(status, headers));
        self.state = State::Unset;
        rules::check(status, headers).map_err(StartError::Invalid)?;
        self.state = State::Set;
        Ok(())
    }
}

fn head(status: &str, headers: &[(&str, &str)]) -> exported::Head {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    exported::Head { status: status.to_owned(), headers: headers.collect() }
}

/// Calls the application for one request, and takes the first step; says whether anything is left.
pub fn respond<A, B, S>(application: A, environ: String) -> (exported::Turn, bool)
where
    A: FnOnce(Environ, StartResponse) -> B,
    B: IntoBody<S>,
{
    let response = Response::to(application, Host::new(environ));
    let turn = response.turn();
    let goes_on = !response.is_over();
    GOES_ON.set(goes_on.then_some(response));
    (turn, goes_on)
}

/// The response's next step.
pub fn next() -> exported::Turn {
    with_response(Response::turn).unwrap_or(exported::Turn { head: None, step: Ok(Step::Done) })
}

/// Closes the response; says whether hooks wait.
pub fn close() -> bool {
    let waits = with_response(Response::close).unwrap_or(false);
    if !waits {
        GOES_ON.take();
    }
    waits
}

/// Runs the response's hooks.
pub fn sent(report: exported::Report) {
    let exported::Report { bytes, complete, elapsed_us } = report;
    with_response(|response| response.sent(Report::new(bytes, complete, elapsed_us)));
    GOES_ON.take();
}

/// None where nothing was left after `handle`: the host doesn't ask then.
fn with_response<T>(f: impl FnOnce(&Response) -> T) -> Option<T> {
    GOES_ON.with_borrow(|response| response.as_ref().map(f))
}

impl Response {
    fn turn(&self) -> exported::Turn {
        let host = &self.request.host;
        host.turn(if host.is_cut() { Ok(Step::Done) } else { self.step() })
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
                fn handle(environ: ::std::string::String) -> (lean::Turn, bool) {
                    $crate::form::respond($application, environ)
                }

                fn next() -> lean::Turn {
                    $crate::form::next()
                }

                fn close() -> bool {
                    $crate::form::close()
                }

                fn sent(report: lean::Report) {
                    $crate::form::sent(report)
                }
            }

    $crate::bindings::lean::export_lean!(Component with_types_in $crate::bindings::lean);
        };
    };
}
