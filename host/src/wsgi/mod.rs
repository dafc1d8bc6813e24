//! The protocol itself; pure, without I/O, and never panicking.

pub mod wire;
