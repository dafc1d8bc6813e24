//! Where states lie, and how they are made private.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::Digest;
use crate::socket;

/// The state directory of this user: `/var/lib/wasgi` for root, `$XDG_STATE_HOME/wasgi` or `~/.local/state/wasgi` for
/// anybody else.
///
/// # Errors
/// Where neither XDG_STATE_HOME nor HOME is set.
pub fn default_root() -> Result<PathBuf> {
    if rustix::process::geteuid().is_root() {
        return Ok(PathBuf::from("/var/lib/wasgi"));
    }
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
        .map(|state| state.join("wasgi"))
        .context("no place for the state: neither XDG_STATE_HOME nor HOME is set (give one with --state DIR)")
}

/// The folder of the state of `served` (a path of a directory or file that exists) under `root`.
///
/// # Errors
/// Where `served` can't be found.
pub fn of(root: &Path, served: &Path) -> Result<PathBuf> {
    let served = served.canonicalize().with_context(|| format!("can't find {}", served.display()))?;
    let digest = Digest::of(served.as_os_str().as_encoded_bytes()).to_string();
    Ok(root.join(&digest[..32]))
}

/// The folder of a server that runs: the one of `served`, or the only one there is.
///
/// # Errors
/// Where none runs, and where `served` is not given and several run (they are named).
pub fn find(root: &Path, served: Option<&Path>) -> Result<PathBuf> {
    if let Some(served) = served {
        return of(root, served);
    }
    let folders = fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path());
    let running: Vec<_> = folders.filter(|folder| answers(folder)).collect();
    match running.as_slice() {
        [only] => Ok(only.clone()),
        [] => bail!("no server is running with the state {} (is it another --state?)", root.display()),
        several => {
            let served = several.iter().map(|folder| served_by(folder).display().to_string());
            let served = served.collect::<Vec<_>>().join(", ");
            bail!("several servers are running (say which directory): {served}")
        }
    }
}

/// The deploy directory that `folder` is the state of.
pub fn served_by(folder: &Path) -> PathBuf {
    fs::read_to_string(folder.join("directory")).map_or_else(|_| folder.to_owned(), PathBuf::from)
}

fn answers(folder: &Path) -> bool {
    socket::connect(folder).is_ok_and(|stream: UnixStream| stream.peer_addr().is_ok())
}

/// Makes the folder of the state of `served` under `root`, and `root` itself.
///
/// # Errors
/// Where `root` lies inside `served`, and where the folder can't be made or is another user's.
pub(crate) fn make(root: &Path, served: &Path) -> Result<PathBuf> {
    make_root(root, served)?;
    let folder = of(root, served)?;
    make_private(&folder)?;
    Ok(folder)
}

/// Makes `root`, but never inside of `served`: what is made there would be taken for something to serve.
fn make_root(root: &Path, served: &Path) -> Result<()> {
    let planned = resolved(root).with_context(|| format!("can't use the state directory {}", root.display()))?;
    if served.is_dir() && planned.starts_with(served) {
        bail!(
            "the state directory {} lies inside the served directory {} (put it elsewhere with --state DIR)",
            planned.display(),
            served.display()
        );
    }
    let made = DirBuilder::new().recursive(true).mode(0o700).create(root);
    made.with_context(|| format!("can't make the state directory {} (choose another with --state DIR)", root.display()))
}

/// The canonical path that `path` will have once it is made.
fn resolved(path: &Path) -> io::Result<PathBuf> {
    let mut resolved = std::env::current_dir()?;
    for part in path.components() {
        resolved.push(part);
        match resolved.canonicalize() {
            Ok(canonical) => resolved = canonical,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // What is not there yet can't be a link, so `..` leads where it says.
                if part == std::path::Component::ParentDir {
                    resolved.pop();
                    resolved.pop();
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(resolved)
}

fn make_private(folder: &Path) -> Result<()> {
    let private = || -> io::Result<u32> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let owner = fs::symlink_metadata(folder)?.uid();
        if owner == rustix::process::geteuid().as_raw() {
            fs::set_permissions(folder, Permissions::from_mode(0o700))?;
        }
        Ok(owner)
    };
    let failed = || format!("can't make the state folder {}", folder.display());
    if private().with_context(failed)? != rustix::process::geteuid().as_raw() {
        bail!("the state folder {} belongs to another user (choose another with --state DIR)", folder.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_not_there_yet_is_resolved() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().canonicalize().unwrap();
        std::os::unix::fs::symlink(&real, dir.path().join("link")).unwrap();
        for (path, expected) in [("link/a/b", "a/b"), ("a/../b", "b"), ("link/x/../../y", "../y"), (".", "")] {
            let expected =
                if expected.starts_with("..") { real.parent().unwrap().join("y") } else { real.join(expected) };
            assert_eq!(resolved(&dir.path().join(path)).unwrap(), expected.components().collect::<PathBuf>());
        }
    }
}
