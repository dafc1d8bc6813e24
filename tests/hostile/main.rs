//! Tenants and clients that mean harm: each hazard against the real binary, with figures.
//!
//! `cargo test` runs a hundredth of it. All of it, with the figures that the documents have:
//! `WASGI_HOSTILE=full cargo test --release --test hostile -- --nocapture --test-threads=1`

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "a test says what is wrong by panicking"
)]

#[path = "../support/mod.rs"]
mod support;

mod arena;
mod classes;
mod clients;
mod damaged;
mod deploys;
mod ended;
mod faults;
mod guests;
mod level;
mod malformed;
mod random;
mod replaced;
mod restarts;
mod size;
mod soak;
mod strict;
mod table;
mod tenants;
mod together;
mod victim;

use support::site::Server;

/// Memory of a server that is its own and no file's, in bytes.
fn anonymous(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("its memory");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
}
