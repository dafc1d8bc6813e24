//! Why a request is not served: what its client gets, and what the access log says.

use std::time::Duration;

use super::app::QUEUE_WAIT;
use crate::sandbox::{Failure, NoCode, Outcome};
use crate::tenants::OutOfMemory;

/// Why a request can't be served.
#[derive(Debug, thiserror::Error)]
pub enum Unserved {
    /// The tenant has had its requests of this second; another one may come after this time.
    #[error("the tenant has more requests a second than it may")]
    TooMany(Duration),
    /// As many requests as may are in flight, and as many as may are waiting.
    #[error("as many requests of the {0} are in flight and waiting as may be")]
    Full(Whose),
    /// The request waited for its turn, and it did not come.
    #[error("the request waited for {} s for its turn", QUEUE_WAIT.as_secs())]
    Waited,
    /// The client left before the request's turn came.
    #[error("the client left while the request was waiting")]
    Left,
    /// The host has no slot for another instance.
    #[error("the host has no room for another instance")]
    NoSlot,
    /// The code can't be had.
    #[error("the application's code can't be had: {0}")]
    NoCode(NoCode),
    /// The instance failed before it could serve.
    #[error("the application can't be instantiated: {0}")]
    Broken(Failure),
}

/// Whose limit it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Of one application.
    App,
    /// Of all that a tenant has.
    Tenant,
}

impl Unserved {
    /// What the access log says of it.
    pub fn reason(&self) -> Option<&'static str> {
        match self {
            Unserved::TooMany(_) => Some("the tenant's requests a second"),
            Unserved::Full(Whose::App) => Some("the application's requests in flight"),
            Unserved::Full(Whose::Tenant) => Some("the tenant's requests in flight"),
            Unserved::Waited => Some("no turn came"),
            Unserved::NoSlot => Some("the host's instances"),
            Unserved::Broken(Failure::Crowded(full, _)) | Unserved::NoCode(NoCode::Crowded { full, .. }) => {
                Some(match full {
                    OutOfMemory::Tenant => "the tenant's memory",
                    OutOfMemory::Host => "the host's memory",
                })
            }
            Unserved::Left | Unserved::NoCode(_) | Unserved::Broken(_) => None,
        }
    }
}

impl std::fmt::Display for Whose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Whose::App => "application",
            Whose::Tenant => "tenant",
        })
    }
}

impl From<&Unserved> for Outcome {
    fn from(unserved: &Unserved) -> Outcome {
        match unserved {
            Unserved::TooMany(_) | Unserved::Full(_) | Unserved::Waited | Unserved::NoSlot => Outcome::Unavailable,
            Unserved::NoCode(NoCode::Crowded { .. }) => Outcome::Unavailable,
            Unserved::Left => Outcome::ClientGone,
            Unserved::NoCode(NoCode::Refused(_)) => Outcome::Host,
            Unserved::Broken(failure) => Outcome::from(failure),
        }
    }
}
