//! The toolchain that is installed: whether it has the target, and adding it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};

use super::{Progress, TARGET, child, environment};

/// Asking rustc for a path takes milliseconds, unless rustup installs what the project pins.
const QUESTION_LIMIT: Duration = Duration::from_secs(300);

/// The target is 25 MB to download. Without a network rustup fails at once or retries for long.
const ADD_LIMIT: Duration = Duration::from_secs(90);

/// Whether the project's compiler has a standard library for components. False also where the
/// compiler has never heard of the target.
pub(super) fn has_target(project: &Path) -> anyhow::Result<bool> {
    let Ok(folder) = library(project, Some(TARGET)) else {
        library(project, None)?; // fails where there is no compiler at all
        return Ok(false);
    };
    let Ok(entries) = folder.read_dir() else {
        return Ok(false);
    };
    Ok(entries.flatten().any(|entry| is_standard_library(&entry.file_name().to_string_lossy())))
}

fn is_standard_library(name: &str) -> bool {
    name.starts_with("libstd-") && name.ends_with(".rlib")
}

/// The folder of the project's toolchain that holds programs for its use, linkers among them.
pub(super) fn tools(project: &Path) -> anyhow::Result<PathBuf> {
    Ok(library(project, None)?.with_file_name("bin"))
}

/// The library folder of a target, which need not exist; of the host's without one.
fn library(project: &Path, target: Option<&str>) -> anyhow::Result<PathBuf> {
    let mut rustc = environment::command("rustc", project);
    rustc.args(["--print", "target-libdir"]);
    rustc.args(target.into_iter().flat_map(|target| ["--target", target]));
    let text = child::run(&mut rustc, QUESTION_LIMIT, || ()).context("no Rust compiler (https://rustup.rs)")?;
    Ok(PathBuf::from(text.trim_end()))
}

/// Adds the target to the project's toolchain, within a bounded time.
pub(super) fn add_target(project: &Path, progress: Progress) -> anyhow::Result<()> {
    let step = progress.step(&format!("adding {TARGET} with rustup"));
    let mut rustup = environment::command("rustup", project);
    rustup.args(["target", "add", TARGET]);
    child::run(&mut rustup, ADD_LIMIT, || ())?;
    drop(step);
    if !has_target(project)? {
        bail!("rustup says that it did, but rustc has no standard library for it");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_is_not_its_metadata() {
        assert!(is_standard_library("libstd-145b48c578b2b1aa.rlib"));
        assert!(!is_standard_library("libstd-145b48c578b2b1aa.rmeta"));
        assert!(!is_standard_library("libstd_detect-fa8fc216ac5538ba.rlib"));
    }
}
