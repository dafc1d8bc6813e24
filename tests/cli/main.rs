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
mod confined;
mod descriptors;
mod documents;
mod drain;
mod embed;
mod errors;
mod examples;
mod python;
mod python_examples;
mod python_holes;
mod python_memory;
mod reload;
mod tls;

use std::fs;

use support::site::{Server, Site};
use support::version::version;

/// A server of one application, `hello`, with this configuration in `host.toml` of the site's folder.
fn serving(config: &str) -> (Site, Server) {
    let site = Site::new();
    site.put("hello.wasm", version("one"));
    fs::write(site.folder().join("host.toml"), config).unwrap();
    let mut command = site.command();
    command.arg("--config").arg(site.folder().join("host.toml"));
    let server = Server::start(command);
    server.up("/hello", "one");
    (site, server)
}
