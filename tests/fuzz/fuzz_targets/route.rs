//! Whatever routes there are, and whatever is asked for.

#![no_main]

#[path = "../bodies/route.rs"]
mod route;

libfuzzer_sys::fuzz_target!(|data: &[u8]| route::run(data));
