//! wasgi serves a directory of WebAssembly components as web applications.
//!
//! The modules, from the top down; each names only those below it:
//!
//! - [`wsgi`]: the protocol itself, pure: request → environ, status and headers, lengths.
//! - [`exchange`]: one request in flight, as the guest's side and the client's side share it.
//! - [`sandbox`]: the only module that names wasmtime: engine, instances, calls.

pub mod admin;
pub mod apps;
pub mod build;
pub mod cli;
pub mod config;
pub mod deploy;
pub mod exchange;
pub mod gateway;
mod host;
pub mod log;
pub mod manifest;
pub mod network;
pub mod run;
pub mod sandbox;
pub mod server;
pub mod socket;
pub mod state;
pub mod units;
pub mod wsgi;

pub use host::{Builder, Host};
