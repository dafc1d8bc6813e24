//! The command line, from outside: what each command takes, says and leaves behind.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test says what is wrong by panicking"
)]

#[path = "../support/mod.rs"]
mod support;

mod access_log;
mod build;
mod call;
mod cgi;
mod check;
mod drain;
mod embed;
mod errors;
mod examples;
mod reload;
mod tls;
