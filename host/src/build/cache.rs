//! The cache folder: what builds keep outside of projects. All of it may be deleted while no build
//! runs; it is fetched and made anew.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::Progress;

/// `$XDG_CACHE_HOME/wasgi`, or `~/.cache/wasgi`; made where it is missing.
pub(super) fn folder() -> anyhow::Result<PathBuf> {
    let set = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let base = set.or_else(|| std::env::home_dir().map(|home| home.join(".cache")));
    let folder = base.context("no cache folder: neither XDG_CACHE_HOME nor HOME is set")?.join("wasgi");
    make(&folder)?;
    Ok(folder)
}

/// Makes a folder, and those above it.
pub(super) fn make(folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))
}

/// Waits until no other process holds the lock file at `path`, after saying `waiting`. Unlocked when dropped.
pub(super) fn lock(path: &Path, waiting: &str, progress: Progress) -> anyhow::Result<File> {
    let failed = || format!("cannot lock {}", path.display());
    let file = File::create(path).with_context(failed)?;
    if file.try_lock().is_err() {
        progress.say(waiting);
        file.lock().with_context(failed)?;
    }
    Ok(file)
}

/// Removes a folder, if there is one.
pub(super) fn clear(folder: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}
