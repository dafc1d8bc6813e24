//! Deploys, from outside: the real binary watches a directory, and the tests change what lies in it.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod bad_files;
mod directory;
mod flight;
mod live;
mod load;
mod many;
mod manifests;
mod restart;
mod routes;
mod state;
mod status;
mod structure;
