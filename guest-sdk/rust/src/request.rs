//! What one request's parts share: the host's side of it, and the hooks that wait for its end.

use crate::form::Host;
use crate::hooks::Hooks;

/// One request, held by its environ, its start_response and its body; the last of them to go
/// gives back what it has of the host.
pub(crate) struct Request {
    pub(crate) host: Host,
    pub(crate) hooks: Hooks,
}
