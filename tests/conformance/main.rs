//! Conformance: every duty that the gateway has to applications and clients, shown on the real
//! binary with real components. `host/docs/conformance.md` says which test shows which duty.

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
mod flat_memory;
mod framing;
mod http;
mod input;
mod isolation;
mod lean;
mod lifetime;
mod limits;
mod logs;
mod redeploy;
mod start_response;
mod streaming;
mod table;
mod validation;
