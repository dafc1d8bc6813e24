//! wasgi serves a directory of WebAssembly components as web applications.
//!
//! Most people want the command of the same name. As a library it puts one component behind a
//! listener of your own: see [`Host`].
//!
//! The modules, from the top down. Dependencies point down, but for [`apps::name`] and
//! [`apps::route`], which name nothing and are everybody's words:
//!
//! - [`cli`]: the commands: what was typed, checked and handed on. Alone in naming clap.
//! - [`Host`] and [`Builder`]: one component behind a listener: the library's face.
//! - [`run`]: the server put together: configuration → engine, deploys, listeners, signals.
//! - [`admin`]: the socket that `status` and `logs` ask, both ends of it.
//! - [`deploy`]: what lies in the directory → what is published. Alone in naming notify.
//! - [`server`]: accepts and drains connections; TLS; each byte's way to hyper and back.
//! - [`gateway`]: one request, from its head to the line in the access log. Cannot fail.
//! - [`apps`]: the published routes, and the versions of applications that they lead to.
//! - [`state`]: what is kept on disk: lock, compiled code, last good versions, records.
//! - [`compiler`]: components → machine code, in a child process under limits.
//! - [`policy`]: what a process may ask of the kernel.
//! - [`sandbox`]: engine, instances, calls, limits. Alone in naming wasmtime.
//! - [`scheduler`]: where calls are polled that compute for long.
//! - [`tenants`]: what each tenant may have, and the account of what it uses.
//! - [`config`]: the host's configuration file, and its defaults.
//! - [`manifest`]: an application's manifest, and the limits with their defaults.
//! - [`log`]: the applications' logs and the access log, each written by a thread of its own.
//! - [`exchange`]: one request in flight, as the guest's side and the client's side share it.
//! - [`wsgi`]: the protocol itself, pure: request → environ, status and headers, lengths, bytes.
//! - [`units`]: sizes and durations as people write them, and the place of an error in a file.
//! - [`machine`]: how much memory this process may have.
//! - [`network`]: addresses and blocks of them.
//! - [`socket`]: where the socket of a state folder is.
//! - [`build`]: source → component; names no other module.

pub mod admin;
pub mod apps;
pub mod build;
pub mod cli;
pub mod compiler;
pub mod config;
pub mod deploy;
pub mod exchange;
pub mod gateway;
mod host;
pub mod log;
pub mod machine;
pub mod manifest;
pub mod network;
pub mod policy;
pub mod run;
pub mod sandbox;
pub mod scheduler;
pub mod server;
pub mod socket;
pub mod state;
pub mod tenants;
pub mod units;
pub mod wsgi;

pub use host::{Builder, Host};

/// The document's examples are compiled with the crate's own.
#[cfg(doctest)]
#[doc = include_str!("../docs/embedding.md")]
struct Embedding;
