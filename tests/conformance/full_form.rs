//! Conformance of the contract's full form: the same tests with the same guests, compiled for it, for all that the form
//! can change.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test says what is wrong by panicking"
)]

#[path = "../support/mod.rs"]
mod support;

mod environ;
mod framing;
mod http;
mod input;
mod isolation;
mod lifetime;
mod limits;
mod logs;
mod start_response;
mod streaming;
mod validation;
