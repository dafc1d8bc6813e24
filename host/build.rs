//! Makes the table of what the binary carries along: the SDKs and the contract, so that `wasgi new` and `wasgi build`
//! work where nothing of wasgi is but the binary.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// What is carried, from the root of the sources: files, and folders with all that is in them.
const CARRIED: &[&str] = &["guest-sdk/rust/Cargo.toml", "guest-sdk/rust/src", "guest-sdk/python/src/wasgi", "wit"];

fn main() -> io::Result<()> {
    let variable = |name: &str| env::var(name).map(PathBuf::from).map_err(io::Error::other);
    let root = variable("CARGO_MANIFEST_DIR")?.join("..").canonicalize()?;
    let mut files = Vec::new();
    for path in CARRIED {
        println!("cargo::rerun-if-changed={}", root.join(path).display());
        gather(&root.join(path), &mut files)?;
    }
    files.sort();
    let mut table = String::from("&[\n");
    for file in &files {
        let path = file.strip_prefix(&root).map_err(io::Error::other)?;
        let _ = writeln!(table, "    ({:?}, include_str!({:?})),", path, file);
    }
    table.push_str("]\n");
    fs::write(variable("OUT_DIR")?.join("carried.rs"), table)
}

/// The files at or below `path`; those of tools, whose names begin with a dot or an underscore twice, are none of ours.
fn gather(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if !name.starts_with('.') && name != "__pycache__" {
            gather(&entry.path(), files)?;
        }
    }
    Ok(())
}
