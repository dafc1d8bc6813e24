//! Web applications as WebAssembly components, by WSGI's contract ([PEP 3333]).
//!
//! An application is a function of an [`Environ`] and a [`StartResponse`] that returns the
//! response's body: anything that chunks can be taken from. [`export!`] makes it a component's.
//!
//! ```
//! use wasgi_guest::{Environ, Error, StartResponse};
//!
//! fn app(environ: Environ, start_response: StartResponse) -> Result<String, Error> {
//!     start_response.call("200 OK", &[("Content-Type", "text/plain; charset=utf-8")])?;
//!     let name = environ.query().get("name").unwrap_or("World").to_owned();
//!     Ok(format!("Hello, {name}!\n"))
//! }
//!
//! wasgi_guest::export!(app);
//! # fn main() {}
//! ```
//!
//! # The body
//!
//! A chunk is sent before the next one is asked for, so an iterator is a stream. What a
//! generator yields in other languages, [`std::iter::from_fn`] and the adapters yield here:
//!
//! ```
//! use std::{iter, thread, time::Duration};
//! use wasgi_guest::{Environ, Error, StartResponse};
//!
//! fn ticks(_: Environ, start_response: StartResponse) -> Result<impl Iterator<Item = String>, Error> {
//!     start_response.call("200 OK", &[("Content-Type", "text/plain")])?;
//!     let mut ticks = 0;
//!     Ok(iter::from_fn(move || {
//!         thread::sleep(Duration::from_secs(1));
//!         ticks += 1;
//!         (ticks <= 10).then(|| format!("{ticks}\n"))
//!     }))
//! }
//! ```
//!
//! PEP 3333's `close()` is the body's `Drop`: it comes exactly once, whatever happened.
//! [`Environ::posthook`] has something done after that, with a [`Report`] of what was sent.
//!
//! # Errors
//!
//! An application and each of its chunks may be a `Result`; `?` makes an [`Error`] of any
//! error. A client that has seen nothing yet gets status 500, any other sees its response cut.
//! [`StartResponse::replace`] puts an answer of the application's own in the error's place.
//!
//! A panic is not an error: on this target it ends the instance at once. Nothing is dropped, no
//! hook runs, and an application that reuses its instances loses what this one remembered.
//!
//! # Strings
//!
//! The environ's values, the status and the headers are native strings, whose code points stand
//! for bytes; see [`native`]. What this crate calls text is decoded.
//!
//! # Layout
//!
//! The crate is generated from the contract, which it finds at `../../wit` from its own folder.
//! A project that carries its own copy keeps the two where they lie in wasgi's sources:
//! `vendor/wasgi/guest-sdk/rust` and `vendor/wasgi/wit`.
//!
//! [PEP 3333]: https://peps.python.org/pep-3333/

#[doc(hidden)]
pub mod bindings;
mod body;
mod chunk;
mod environ;
mod error;
mod errors;
mod export;
#[doc(hidden)]
pub mod form;
mod head;
mod hooks;
#[cfg(feature = "http")]
pub mod http;
mod input;
pub mod native;
mod pairs;
mod refusal;
mod request;
mod response;
mod start_response;

pub use body::{Body, IntoBody, shape};
pub use chunk::{Chunk, TryChunk};
pub use environ::Environ;
pub use error::Error;
pub use errors::Errors;
pub use head::Head;
pub use hooks::Report;
pub use input::Input;
pub use pairs::Pairs;
pub use refusal::{StartError, WriteError};
pub use start_response::StartResponse;

/// The documents' examples are compiled with the crate's own.
#[cfg(all(doctest, feature = "http"))]
mod documents {
    #[doc = include_str!("../../../host/docs/contract.md")]
    struct Contract;
    #[doc = include_str!("../../../host/docs/sdk-rust.md")]
    struct Sdk;
}
