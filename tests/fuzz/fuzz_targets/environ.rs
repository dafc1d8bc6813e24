//! Whatever headers and target a request has.

#![no_main]

#[path = "../bodies/environ.rs"]
mod environ;

libfuzzer_sys::fuzz_target!(|data: &[u8]| environ::run(data));
