//! Packages unpacked side by side into a folder that works as a small root of its own: its
//! compiler runs on its own C library, so it does not matter how old the machine's is.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, anyhow};

use super::super::TARGET;
use super::{Progress, child};

/// The largest package takes a processor ten seconds.
const UNPACK_LIMIT: Duration = Duration::from_secs(600);

/// The program to name as `RUSTC`.
pub(super) fn rustc(root: &Path) -> PathBuf {
    root.join("bin/rustc")
}

/// Unpacks `packages` into `root`, makes the compiler in it callable, calls it, and gives its
/// name and version. Nothing but the unpacking is done: no package's script runs.
pub(super) fn unpack(packages: &[PathBuf], root: &Path, progress: Progress) -> anyhow::Result<String> {
    let _step = progress.step("unpacking the compiler");
    fs::create_dir_all(root.join("bin"))?;
    extract_all(packages, root)?;
    prune(root);
    let rustc = rustc(root);
    fs::write(&rustc, script(root)?)?;
    fs::set_permissions(&rustc, Permissions::from_mode(0o755))?;
    // By way of `sh`, because a file that some thread's new child still has open can't be run.
    let version = child::run(Command::new("sh").arg(&rustc).arg("--version"), UNPACK_LIMIT, || ());
    let version = version.context("the compiler from Debian does not run")?;
    // rustc 1.97.1 (8bab26f4f 2026-07-14) (built from a source tarball)
    Ok(version.split(" (").next().unwrap_or_default().trim_end().to_owned())
}

/// Unpacks with all processors: nine tenths of the time is decompression.
fn extract_all(packages: &[PathBuf], root: &Path) -> anyhow::Result<()> {
    let mut packages = packages.to_vec();
    packages.sort_by_key(|file| fs::metadata(file).map_or(0, |data| data.len()));
    let queue = Mutex::new(packages); // the largest last, to be popped first
    let work = || loop {
        let next = queue.lock().map_or(None, |mut queue| queue.pop());
        let Some(package) = next else { return Ok(()) };
        child::run(Command::new("dpkg").arg("--extract").arg(&package).arg(root), UNPACK_LIMIT, || ())?;
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        handles.into_iter().try_for_each(|handle| handle.join().unwrap_or_else(|_| Err(anyhow!("unpacking failed"))))
    })
}

/// Drops the standard libraries of other WebAssembly targets, 200 MB of them, in the same package.
fn prune(root: &Path) {
    let libraries = root.join("usr/lib/rustlib").read_dir().into_iter().flatten().flatten();
    for library in libraries.filter(|entry| entry.file_name() != TARGET) {
        if library.file_name().to_string_lossy().starts_with("wasm") {
            _ = fs::remove_dir_all(library.path()); // too much is no harm
        }
    }
}

/// A script that runs the root's compiler on the root's loader and libraries, wherever the
/// root is.
fn script(root: &Path) -> anyhow::Result<String> {
    let (folder, loader) = loader(root).ok_or_else(|| anyhow!("Debian's packages hold no program loader"))?;
    Ok(format!(
        r#"#!/bin/sh
root=${{0%/bin/rustc}}
lib=$root/usr/lib/{folder}
exec "$lib/{loader}" --library-path "$lib" "$root/usr/bin/rustc" --sysroot "$root/usr" "$@"
"#
    ))
}

/// The library folder of the architecture, below `usr/lib`, and the loader's name in it:
/// `x86_64-linux-gnu` and `ld-linux-x86-64.so.2`.
fn loader(root: &Path) -> Option<(String, String)> {
    let folders = root.join("usr/lib").read_dir().ok()?.flatten();
    let folder = folders.map(|entry| entry.path()).find(|folder| folder.join("libc.so.6").exists())?;
    let mut names = folder.read_dir().ok()?.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let loader = names.find(|name| name.starts_with("ld-linux"))?;
    Some((folder.file_name()?.to_str()?.to_owned(), loader))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(folder: &str, loader: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let lib = root.path().join("usr/lib").join(folder);
        fs::create_dir_all(&lib).unwrap();
        fs::write(lib.join("libc.so.6"), "").unwrap();
        fs::write(lib.join(loader), "").unwrap();
        root
    }

    #[test]
    fn the_loader_of_each_architecture() {
        for (folder, loader) in
            [("x86_64-linux-gnu", "ld-linux-x86-64.so.2"), ("aarch64-linux-gnu", "ld-linux-aarch64.so.1")]
        {
            let root = root(folder, loader);
            fs::create_dir(root.path().join("usr/lib/rustlib")).unwrap();
            let script = script(root.path()).unwrap();
            assert!(script.contains(&format!("lib=$root/usr/lib/{folder}\nexec \"$lib/{loader}\"")), "{script}");
        }
        assert!(script(tempfile::tempdir().unwrap().path()).is_err());
    }

    #[test]
    fn other_targets_go() {
        let root = tempfile::tempdir().unwrap();
        let rustlib = root.path().join("usr/lib/rustlib");
        for name in [TARGET, "wasm32-wasip1", "x86_64-unknown-linux-gnu"] {
            fs::create_dir_all(rustlib.join(name)).unwrap();
        }
        prune(root.path());
        let mut left: Vec<_> = rustlib.read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [TARGET, "x86_64-unknown-linux-gnu"]);
    }
}
