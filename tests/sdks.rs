//! The SDKs' own tests, which belong to no package of the host's: those of the Rust SDK with its examples in the
//! documentation, and those of the Python package in an ordinary interpreter.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a test fails by panicking")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::guests::target_dir;
use support::python;
use support::site::run;

fn folder(of: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest-sdk").join(of)
}

#[test]
fn the_rust_sdk() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["test", "--all-features"])
        .current_dir(folder("rust"))
        .env("CARGO_TARGET_DIR", target_dir().join("sdk"));
    let ended = run(&mut cargo);
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.out, ended.err);
    let results = ended.out.lines().filter_map(|line| line.strip_prefix("test result: ok. ")?.split_once(" passed"));
    let passed: u32 = results.map(|(count, _)| count.parse::<u32>().unwrap()).sum();
    assert!(passed > 30, "{}", ended.out);
}

#[test]
fn the_python_package() {
    if !python::available() {
        return;
    }
    let mut tests = Command::new("python3");
    tests.args(["-W", "error", "-m", "unittest", "discover", "-s", "tests", "-t", "."]);
    let ended = run(tests.current_dir(folder("python")).env("PYTHONDONTWRITEBYTECODE", "1"));
    assert_eq!(ended.code, Some(0), "{}\n{}", ended.out, ended.err);
    let ran = ended.err.lines().find_map(|line| line.strip_prefix("Ran ")?.split_once(" tests"));
    let ran: u32 = ran.expect("a number of tests").0.parse().unwrap();
    assert!(ran > 50, "{}", ended.err);
}
