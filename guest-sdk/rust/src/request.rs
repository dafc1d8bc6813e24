//! What one request's parts share: the host's two handles, and the hooks that wait for its end.

use crate::bindings::wasgi::gateway::gateway::{Environ, StartResponse};
use crate::hooks::Hooks;

/// One request, held by its environ, its start_response and its body; the last of them to go
/// gives the handles back to the host.
pub(crate) struct Request {
    pub(crate) environ: Environ,
    pub(crate) start_response: StartResponse,
    pub(crate) hooks: Hooks,
}
