//! How a running server is asked for its state and its logs: one JSON line to its socket, and the answer.
//!
//! Only the server's own user reaches the socket. What is asked for is read, never changed.

mod client;
mod server;
mod table;
mod tail;

pub use client::{logs, status};
pub use server::{listen, serve};
pub use table::write_table;

use serde::{Deserialize, Serialize};

use crate::apps::{AppName, TenantName};

/// What is asked: one line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "lowercase", deny_unknown_fields)]
enum Question {
    /// The state of everything.
    Status,
    /// The end of an application's log, and where `follow`, what is added to it.
    Logs {
        #[serde(default)]
        tenant: TenantName,
        application: AppName,
        follow: bool,
    },
}

/// The line that every answer begins with; where it is good, what was asked for follows.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Answer {
    Good,
    Bad(String),
}
