//! What the binary carries along: the SDKs and the contract. A project builds where nothing of
//! wasgi is but the binary.

use std::fs;
use std::io;
use std::path::Path;

/// Each file's path from the root of wasgi's sources, and its text. Made by `build.rs`.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/carried.rs"));

const RUST: &str = "guest-sdk/rust/";
const PYTHON: &str = "guest-sdk/python/src/";
const WIT: &str = "wit/";

/// Writes the Rust SDK and the contract below `folder`. The SDK finds the contract at `../../wit`, so the layout is
/// kept.
pub(super) fn write_rust(folder: &Path) -> io::Result<()> {
    below(&[RUST, WIT]).try_for_each(|(path, text)| write(&folder.join(path), text))
}

/// Writes the Python package into `folder`, and the contract into `wit`.
pub(super) fn write_python(folder: &Path, wit: &Path) -> io::Result<()> {
    python().try_for_each(|(path, text)| {
        let place = path.strip_prefix(PYTHON).map(|inside| folder.join(inside));
        let place = place.or_else(|| path.strip_prefix(WIT).map(|inside| wit.join(inside)));
        place.map_or(Ok(()), |place| write(&place, text))
    })
}

/// The Python package and the contract.
pub(super) fn python() -> impl Iterator<Item = (&'static str, &'static str)> {
    below(&[PYTHON, WIT])
}

fn below(starts: &[&'static str]) -> impl Iterator<Item = (&'static str, &'static str)> {
    FILES.iter().copied().filter(move |(path, _)| starts.iter().any(|start| path.starts_with(start)))
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sdks_and_the_contract_are_carried() {
        let folder = tempfile::tempdir().unwrap();
        write_rust(folder.path()).unwrap();
        write_python(&folder.path().join("python"), &folder.path().join("contract")).unwrap();
        for file in [
            "guest-sdk/rust/Cargo.toml",
            "guest-sdk/rust/src/lib.rs",
            "wit/gateway.wit",
            "python/wasgi/component.py",
            "contract/gateway.wit",
        ] {
            assert!(folder.path().join(file).is_file(), "{file}");
        }
    }
}
