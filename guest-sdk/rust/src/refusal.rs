//! Why the host refuses what an application does to its response.

use std::{error, fmt};

use crate::bindings::wasgi::gateway::gateway as host;

/// Why [`StartResponse::call`](crate::StartResponse::call) was refused. The response is as it
/// was before the call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartError {
    /// The first bytes are on their way: status and headers can't change any more.
    HeadersSent,
    /// Status and headers were given before; only an error may replace them.
    AlreadyCalled,
    /// The status or a header is not valid; the text says which and why. The request ends with
    /// status 500 unless a later `replace` succeeds.
    Invalid(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::HeadersSent => f.write_str("the headers have been sent"),
            StartError::AlreadyCalled => f.write_str("start_response was called before"),
            StartError::Invalid(what) => f.write_str(what),
        }
    }
}

impl error::Error for StartError {}

impl From<host::StartError> for StartError {
    fn from(error: host::StartError) -> StartError {
        match error {
            host::StartError::HeadersSent => StartError::HeadersSent,
            host::StartError::AlreadyCalled => StartError::AlreadyCalled,
            host::StartError::Invalid(what) => StartError::Invalid(what),
        }
    }
}

/// Why [`StartResponse::write`](crate::StartResponse::write) was refused. None of the bytes
/// were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteError {
    /// `call` has not been called yet.
    NotStarted,
    /// The client has left, or the response has been cut.
    Closed,
    /// The body is complete.
    Finished,
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            WriteError::NotStarted => "write before start_response was called",
            WriteError::Closed => "write to a client that has left, or to a response that was cut",
            WriteError::Finished => "write after the end of the response",
        })
    }
}

impl error::Error for WriteError {}

impl From<host::WriteError> for WriteError {
    fn from(error: host::WriteError) -> WriteError {
        match error {
            host::WriteError::NotStarted => WriteError::NotStarted,
            host::WriteError::Closed => WriteError::Closed,
            host::WriteError::Finished => WriteError::Finished,
        }
    }
}
