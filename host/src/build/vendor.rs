//! The SDK and the contract, which this binary carries along: a project of `wasgi new` builds
//! where nothing of wasgi is but the binary.

use std::fs;
use std::io;
use std::path::Path;

macro_rules! files {
    ($($path:literal,)*) => { &[$(($path, include_str!(concat!("../../../", $path)))),*] };
}

/// Each file's path from the root of wasgi's sources, and its text. The SDK finds the contract
/// at `../../wit`, so the layout is kept.
const FILES: &[(&str, &str)] = files![
    "guest-sdk/rust/Cargo.toml",
    "guest-sdk/rust/src/bindings.rs",
    "guest-sdk/rust/src/body.rs",
    "guest-sdk/rust/src/chunk.rs",
    "guest-sdk/rust/src/environ.rs",
    "guest-sdk/rust/src/error.rs",
    "guest-sdk/rust/src/errors.rs",
    "guest-sdk/rust/src/export.rs",
    "guest-sdk/rust/src/head.rs",
    "guest-sdk/rust/src/hooks.rs",
    "guest-sdk/rust/src/http.rs",
    "guest-sdk/rust/src/input.rs",
    "guest-sdk/rust/src/lib.rs",
    "guest-sdk/rust/src/native.rs",
    "guest-sdk/rust/src/pairs.rs",
    "guest-sdk/rust/src/refusal.rs",
    "guest-sdk/rust/src/request.rs",
    "guest-sdk/rust/src/start_response.rs",
    "wit/gateway.wit",
];

/// Writes all of it below `folder`.
pub(super) fn write(folder: &Path) -> io::Result<()> {
    for (path, text) in FILES {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The files below `folder` that belong to the sources, as paths from `root`.
    fn walk(root: &Path, folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let (path, name) = (entry.path(), entry.file_name());
            if name == "target" || name == "Cargo.lock" || name.to_string_lossy().starts_with('.') {
                continue;
            }
            if path.is_dir() {
                walk(root, &path, found);
            } else {
                found.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }

    #[test]
    fn every_file_is_carried() {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let mut found = Vec::new();
        for folder in ["guest-sdk/rust", "wit"] {
            walk(root, &root.join(folder), &mut found);
        }
        let mut carried: Vec<_> = FILES.iter().map(|(path, _)| (*path).to_owned()).collect();
        found.sort();
        carried.sort();
        assert_eq!(found, carried, "the table in vendor.rs names the files of the SDK and wit");
    }
}
