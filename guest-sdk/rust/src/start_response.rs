//! Where status and headers go, and `write`.

use std::rc::Rc;

use crate::request::Request;
use crate::{Error, Head, StartError, WriteError};

/// PEP 3333's `start_response`. Nothing is sent before the first chunk that has bytes, the first
/// [`write`](StartResponse::write), or the end; so [`call`](StartResponse::call) may come as late
/// as during the body's iteration.
///
/// Clones are the same `start_response`.
#[derive(Clone)]
pub struct StartResponse {
    request: Rc<Request>,
    changes: Option<Rc<Change>>,
}

/// What middleware does to the head, innermost first.
struct Change {
    change: Box<dyn Fn(&mut Head)>,
    outer: Option<Rc<Change>>,
}

impl StartResponse {
    pub(crate) fn new(request: Rc<Request>) -> StartResponse {
        StartResponse { request, changes: None }
    }

    /// Sets status and headers. May be called once; after that only
    /// [`replace`](StartResponse::replace) changes them.
    ///
    /// Status and values are [native strings](crate::native): text beyond ASCII goes through
    /// [`native::from_text`](crate::native::from_text).
    ///
    /// ```
    /// use wasgi_guest::{Environ, Error, StartResponse};
    ///
    /// fn app(_: Environ, start_response: StartResponse) -> Result<&'static str, Error> {
    ///     start_response.call("200 OK", &[("Content-Type", "text/plain")])?;
    ///     Ok("Hello, World!\n")
    /// }
    /// ```
    pub fn call(&self, status: &str, headers: &[(&str, &str)]) -> Result<(), StartError> {
        self.pass(status, headers, |status, headers| self.request.host.start(status, headers))
    }

    /// `start_response` with `exc_info`: replaces status and headers because of an error, which
    /// is logged.
    ///
    /// Once the headers are sent there is nothing left to replace. Then `error` comes back, to
    /// be passed on by `?`, and the host cuts the response.
    ///
    /// ```
    /// use wasgi_guest::{Error, StartResponse};
    ///
    /// fn sorry(start_response: &StartResponse, error: Error) -> Result<&'static str, Error> {
    ///     start_response.replace("503 Service Unavailable", &[("Content-Type", "text/plain")], error)?;
    ///     Ok("Please come back later.\n")
    /// }
    /// ```
    #[track_caller]
    pub fn replace(&self, status: &str, headers: &[(&str, &str)], error: impl Into<Error>) -> Result<(), Error> {
        let error = error.into();
        match self.pass(status, headers, |status, headers| self.request.host.replace(status, headers, &error)) {
            Ok(()) => Ok(()),
            Err(StartError::HeadersSent) => Err(error),
            Err(refusal) => Err(refusal.into()),
        }
    }

    /// PEP 3333's `write`: sends bytes at once, before any chunk of the body, and returns when
    /// the client's socket has taken them.
    pub fn write(&self, bytes: impl AsRef<[u8]>) -> Result<(), WriteError> {
        self.request.host.write(bytes.as_ref())
    }

    /// A `start_response` that changes the head before it passes it on: what middleware gives
    /// to the application that it wraps.
    ///
    /// ```
    /// use wasgi_guest::{Environ, StartResponse};
    ///
    /// /// Forbids other sites to show the application in a frame.
    /// fn unframed<B>(app: impl Fn(Environ, StartResponse) -> B) -> impl Fn(Environ, StartResponse) -> B {
    ///     move |environ, start_response| {
    ///         app(environ, start_response.map_head(|head| head.set("X-Frame-Options", "DENY")))
    ///     }
    /// }
    /// ```
    pub fn map_head(self, change: impl Fn(&mut Head) + 'static) -> StartResponse {
        let change = Change { change: Box::new(change), outer: self.changes };
        StartResponse { request: self.request, changes: Some(Rc::new(change)) }
    }

    /// Passes a head on, as middleware changed it.
    fn pass<T>(&self, status: &str, headers: &[(&str, &str)], to: impl FnOnce(&str, &[(&str, &str)]) -> T) -> T {
        match self.changes.as_deref() {
            None => to(status, headers),
            Some(changes) => {
                let head = changes.apply(Head::new(status, headers));
                to(&head.status, &head.lend())
            }
        }
    }
}

impl Change {
    fn apply(&self, mut head: Head) -> Head {
        (self.change)(&mut head);
        match self.outer.as_deref() {
            Some(outer) => outer.apply(head),
            None => head,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outermost_change_has_the_last_word() {
        let outer = Change { change: Box::new(|head| head.set("Server", "outer")), outer: None };
        let inner = Change {
            change: Box::new(|head| {
                head.set("Server", "inner");
                head.set("Vary", "Cookie");
            }),
            outer: Some(Rc::new(outer)),
        };
        let head = inner.apply(Head::new("200 OK", &[("Server", "application")]));
        assert_eq!(head, Head::new("200 OK", &[("Vary", "Cookie"), ("Server", "outer")]));
    }
}
