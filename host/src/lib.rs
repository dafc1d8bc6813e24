//! Serves a directory of WebAssembly components as web applications.

pub mod wsgi;
