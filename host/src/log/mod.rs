//! What applications say: their log files, written by one thread, so that no request ever waits for a disk.

mod access;
pub mod app_log;
mod clock;
mod files;
mod line;
mod sink;

pub use access::{Access, AccessLog, LogFormat};
pub use app_log::{AppLog, AppLogs};
pub(crate) use sink::Sink;
