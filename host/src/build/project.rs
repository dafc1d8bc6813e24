//! What a project is: the one package in a directory that makes a component.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, bail};
use serde::Deserialize;

use super::environment;

/// What `cargo metadata` says, as far as it matters here.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

/// A package of the project's workspace.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Package {
    /// Its name, which becomes the component's.
    pub(super) name: String,
    /// Its `Cargo.toml`.
    pub(super) manifest_path: PathBuf,
    targets: Vec<Target>,
}

/// Something cargo can build: a library, an example, …
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Target {
    /// Its name.
    pub(super) name: String,
    kind: Vec<String>,
    crate_types: Vec<String>,
}

impl Target {
    /// Whether it is linked into a component of its own, as an example or as the library.
    pub(super) fn is_component(&self, example: bool) -> bool {
        let is_example = self.kind.iter().any(|kind| kind == "example");
        is_example == example && self.crate_types.iter().any(|kind| kind == "cdylib")
    }
}

/// Whether the directory (or `Cargo.toml`) that a user means by `path` is a Rust project.
pub(super) fn is_project(path: &Path) -> bool {
    path.join("Cargo.toml").is_file() || (path.is_file() && path.ends_with("Cargo.toml"))
}

/// The directory that a user means by `path`: itself, or that of a `Cargo.toml`.
pub(super) fn directory(path: &Path) -> anyhow::Result<PathBuf> {
    let shown = path.display();
    let full = path.canonicalize().with_context(|| format!("{shown}: cannot open this project"))?;
    let (folder, manifest) = match full.parent() {
        Some(folder) if full.ends_with("Cargo.toml") => (folder.to_owned(), full.clone()),
        _ => (full.clone(), full.join("Cargo.toml")),
    };
    if !manifest.is_file() {
        bail!("{shown}: not a Rust project: expected a directory with a Cargo.toml in it");
    }
    Ok(folder)
}

/// The package in `folder` that has a library (or examples) to make components of.
pub(super) fn package(folder: &Path, examples: bool) -> anyhow::Result<Package> {
    let mut cargo = environment::command("cargo", folder);
    cargo.args(["metadata", "--no-deps", "--format-version=1"]);
    // Where a manifest is wrong, cargo shows where.
    let output = cargo.stdin(Stdio::null()).stderr(Stdio::inherit()).output().context("cannot run cargo")?;
    if !output.status.success() {
        bail!("{}: cargo can't read this project (its messages are above)", folder.display());
    }
    let metadata: Metadata = serde_json::from_slice(&output.stdout).context("cargo metadata makes no sense")?;
    choose(metadata.packages, folder, examples)
}

fn choose(packages: Vec<Package>, folder: &Path, examples: bool) -> anyhow::Result<Package> {
    let shown = folder.display();
    let own = packages.iter().position(|package| package.manifest_path.parent() == Some(folder));
    let candidates: Vec<Package> = match own {
        Some(own) => packages.into_iter().skip(own).take(1).collect(),
        None => packages, // a workspace's root
    };
    let fits = |package: &Package| package.targets.iter().any(|target| target.is_component(examples));
    let mut found: Vec<Package> = candidates.into_iter().filter(fits).collect();
    match found.len() {
        1 => Ok(found.remove(0)),
        0 if examples => {
            bail!("{shown}: no example makes a component: give one crate-type = [\"cdylib\"]")
        }
        0 => bail!("{shown}: makes no component: add [lib] with crate-type = [\"cdylib\"] to its Cargo.toml"),
        _ => {
            let folders: Vec<_> = found.iter().filter_map(|package| package.manifest_path.parent()).collect();
            let folders: Vec<_> = folders.iter().map(|folder| folder.display().to_string()).collect();
            bail!("{shown}: holds several applications, build one of them: {}", folders.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(manifest: &str, kind: &str, crate_type: &str) -> Package {
        let target = Target { name: "t".into(), kind: vec![kind.into()], crate_types: vec![crate_type.into()] };
        Package { name: manifest.into(), manifest_path: format!("/w/{manifest}").into(), targets: vec![target] }
    }

    fn chosen(packages: &[Package], folder: &str, examples: bool) -> Result<String, String> {
        let chosen = choose(packages.to_vec(), folder.as_ref(), examples);
        chosen.map(|package| package.name).map_err(|error| error.to_string())
    }

    #[test]
    fn the_package_of_the_directory() {
        let all = [package("a/Cargo.toml", "cdylib", "cdylib"), package("b/Cargo.toml", "cdylib", "cdylib")];
        assert_eq!(chosen(&all, "/w/b", false).unwrap(), "b/Cargo.toml");
        let error = chosen(&all, "/w", false).unwrap_err();
        assert_eq!(error, "/w: holds several applications, build one of them: /w/a, /w/b");
        assert_eq!(chosen(&all[..1], "/w", false).unwrap(), "a/Cargo.toml");
    }

    #[test]
    fn no_component_says_what_to_add() {
        let all = [package("Cargo.toml", "bin", "bin")];
        assert!(chosen(&all, "/w", false).unwrap_err().contains("crate-type = [\"cdylib\"]"));
        assert!(chosen(&all, "/w", true).unwrap_err().contains("no example"));
        let all = [package("Cargo.toml", "example", "cdylib")];
        assert!(chosen(&all, "/w", false).is_err());
        assert!(chosen(&all, "/w", true).is_ok());
    }

    #[test]
    fn not_a_project() {
        let folder = tempfile::tempdir().unwrap();
        let error = directory(folder.path()).unwrap_err().to_string();
        assert!(error.ends_with("expected a directory with a Cargo.toml in it"), "{error}");
        assert!(directory(&folder.path().join("none")).is_err());
        std::fs::write(folder.path().join("Cargo.toml"), "").unwrap();
        assert_eq!(directory(&folder.path().join("Cargo.toml")).unwrap(), folder.path().canonicalize().unwrap());
    }
}
