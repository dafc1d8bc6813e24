//! wasgi
pub mod apps;
pub mod config;
pub mod log;
pub mod manifest;
pub mod network;
pub mod units;
