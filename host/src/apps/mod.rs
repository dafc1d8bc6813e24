//! The applications that are published, and the routes that lead to them.
//!
//! Shared by `gateway`, which reads the routes once for each request, and `deploy`, which swaps them.
//! Neither calls the other: this snapshot is all that passes between them.

pub mod app;
pub mod name;
pub mod route;
pub mod share;
pub mod table;
mod unserved;

pub use app::{App, AppSpec, Entry, Loader, Stats, Turn};
pub use name::{AppKey, AppName, TenantName};
pub use route::{HostPattern, Route};
pub use share::Share;
pub use table::{Match, Routes};
pub use unserved::{Unserved, Whose};

/// The routes that requests are answered by, swapped whole.
pub type Published = arc_swap::ArcSwap<Routes<Entry>>;
