//! The compiler from Debian's archive, for where rustup can't reach its server: a `rustc` with
//! the target for components, unpacked in the cache folder. Nothing is installed on the machine.
//!
//! Owns in the cache folder: the compiler's root, and a target directory for each project that is
//! built with it. How to ask apt is [`apt`]'s, which archive [`sources`]'s, and
//! what is made of the packages [`root`]'s. Cargo, the linker for components and the machine's
//! own linker stay those of the machine.

mod apt;
mod root;
mod sources;

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};

use super::cache::{self, clear};
use super::{Progress, TARGET, child, rustup};

/// The Debian release that has it: the first one whose archive holds the target's standard
/// library. Its name and not `testing`, because that moves on to a release whose keys the
/// machine's keyring may not know yet.
const RELEASE: &str = "forky";

/// Links components; part of every toolchain of rustup's, and not in Debian's archive.
const LINKER: &str = "wasm-component-ld";

/// Debian's compiler, unpacked.
#[derive(Debug, Clone)]
pub(super) struct Debian {
    rustc: PathBuf,
    cache: PathBuf,
}

/// One process at a time downloads, by rustup or by apt. Unlocked when dropped.
pub(super) fn lock(progress: Progress) -> anyhow::Result<File> {
    cache::lock(&cache::folder()?.join("lock"), "waiting for another build that fetches a compiler", progress)
}

impl Debian {
    /// The compiler that an earlier build fetched.
    pub(super) fn cached(progress: Progress) -> anyhow::Result<Option<Self>> {
        let cache = cache::folder()?;
        let Ok(architecture) = architecture() else {
            return Ok(None);
        };
        let home = home(&cache, &architecture);
        let rustc = root::rustc(&home);
        if !rustc.is_file() {
            return Ok(None);
        }
        progress.say(&format!("{TARGET} is not installed; using Debian's rustc from {}", home.display()));
        Ok(Some(Self { rustc, cache }))
    }

    /// Fetches the compiler; `reason` is why. Called with the lock held.
    pub(super) fn install(project: &Path, reason: &anyhow::Error, progress: Progress) -> anyhow::Result<Self> {
        let cache = cache::folder()?;
        let architecture = architecture()?;
        linker_folder(project)?;
        let home = home(&cache, &architecture);
        let place = home.display();
        progress.say(&format!("{TARGET} is not installed ({reason:#}); fetching Debian's rustc into {place}"));
        // What an interrupted download left goes first; the lock says that it is nobody's.
        let work = cache.join("fetch");
        clear(&work)?;
        let fetched = fetch(&work, &home, &architecture, progress);
        clear(&work)?;
        progress.say(&format!("using {} from Debian {RELEASE}", fetched?));
        Ok(Self { rustc: root::rustc(&home), cache })
    }

    /// Makes a `cargo build` of the project in `folder` use this compiler.
    pub(super) fn prepare(&self, cargo: &mut Command, folder: &Path) -> anyhow::Result<()> {
        let mut path = linker_folder(folder)?.into_os_string();
        if let Some(rest) = std::env::var_os("PATH") {
            path.push(":");
            path.push(rest);
        }
        cargo.env("PATH", path);
        cargo.env("RUSTC", &self.rustc);
        cargo.env("RUSTC_WRAPPER", ""); // a compiler cache would take the script for the compiler
        cargo.env("CARGO_TARGET_DIR", self.target_dir(folder));
        Ok(())
    }

    /// A target directory for one project alone: see [`super::Options::target_dir`].
    fn target_dir(&self, folder: &Path) -> PathBuf {
        let mut name = folder.file_name().map(OsString::from).unwrap_or_default();
        let digest = blake3::hash(folder.as_os_str().as_encoded_bytes()).to_hex();
        name.push(format!("-{}", &digest[..16]));
        self.cache.join("target").join(name)
    }
}

/// Puts the compiler at `home`, whole or not at all, and gives its name and version.
fn fetch(work: &Path, home: &Path, architecture: &str, progress: Progress) -> anyhow::Result<String> {
    let packages = apt::download(&work.join("apt"), architecture, progress)?;
    let version = root::unpack(&packages, &work.join("root"), progress)?;
    clear(home)?;
    fs::rename(work.join("root"), home).with_context(|| format!("cannot create {}", home.display()))?;
    Ok(version)
}

fn home(cache: &Path, architecture: &str) -> PathBuf {
    cache.join(format!("rustc-debian-{RELEASE}-{architecture}"))
}

/// Debian's word for this machine's processor.
fn architecture() -> anyhow::Result<String> {
    let mut dpkg = Command::new("dpkg");
    let text = child::run(dpkg.arg("--print-architecture"), Duration::from_secs(20), || ());
    let text = text.context("this machine has no dpkg, so either run it on Debian or let rustup reach its server")?;
    Ok(text.trim_end().to_owned())
}

/// Where the machine's toolchain keeps the linker for components.
fn linker_folder(project: &Path) -> anyhow::Result<PathBuf> {
    let folder = rustup::tools(project)?;
    if !folder.join(LINKER).is_file() && !on_path(LINKER) {
        bail!("no {LINKER} in {} nor on the PATH: it comes with Rust from https://rustup.rs", folder.display());
    }
    Ok(folder)
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn projects_of_one_name_are_apart() {
        let debian = Debian { rustc: "/r".into(), cache: "/c".into() };
        let (one, other) = (debian.target_dir("/a/hello".as_ref()), debian.target_dir("/b/hello".as_ref()));
        assert_ne!(one, other);
        assert!(one.to_string_lossy().starts_with("/c/target/hello-"), "{}", one.display());
    }
}
