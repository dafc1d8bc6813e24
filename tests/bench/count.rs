//! So many requests in one process, for a tool that counts what they execute: `cargo run --release -p bench --
//! instructions` runs it under callgrind.

#![allow(clippy::panic, clippy::unwrap_used, missing_docs, reason = "it fails by panicking")]

mod in_process;

use in_process::InProcess;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    // Without any, as `cargo bench` and `cargo test` start it, there is nothing to count.
    let [kind, requests, component] = words[..] else { return };
    let component = std::fs::read(component).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut server = match kind {
        "bare" => InProcess::bare(),
        "fresh" => InProcess::wasgi(&component, false, folder.path()),
        "reused" => InProcess::wasgi(&component, true, folder.path()),
        other => panic!("{other} is neither bare, fresh nor reused"),
    };
    for _ in 0..requests.parse().unwrap() {
        server.ask();
    }
}
