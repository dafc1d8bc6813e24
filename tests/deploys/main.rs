//! Deploys, from outside: the real binary watches a directory, and the tests change what lies in it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test says what is wrong by panicking"
)]

#[path = "../support/mod.rs"]
mod support;

mod bad_files;
mod bombs;
mod directory;
mod flight;
mod flips;
mod live;
mod manifests;
mod many;
mod overtaken;
mod probe;
mod restart;
mod routes;
mod state;
mod status;
mod structure;
mod tenants;
