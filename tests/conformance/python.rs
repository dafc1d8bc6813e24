//! Conformance of applications in Python: the same tests with the guests of `tests/python-guests` in the place of those
//! in Rust, for all that a guest's language can change. Where Python can't be built for, the Rust guests are tried again.

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
mod file_wrapper;
mod framing;
mod input;
mod isolation;
mod lifetime;
mod logs;
mod start_response;
mod streaming;
mod validation;
