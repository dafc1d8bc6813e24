//! x

pub mod build;
