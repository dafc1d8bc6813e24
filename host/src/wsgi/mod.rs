//! The protocol itself: request → environ, what an application may answer, how long a body is.
//!
//! Everything here is pure: no I/O, no clock, no wasm. Nothing panics, whatever the bytes.

pub mod environ;
pub mod forwarded;
pub mod head;
pub mod length;
pub mod path;
pub mod wire;
