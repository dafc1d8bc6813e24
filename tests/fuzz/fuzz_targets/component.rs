//! Whatever is put into the served directory as a component.

#![no_main]

#[path = "../bodies/component.rs"]
mod component;

libfuzzer_sys::fuzz_target!(|data: &[u8]| component::run(data));
