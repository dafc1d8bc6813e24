//! What cargo made, read from the lines of JSON that it writes to stdout while its progress and
//! the compiler's errors go to stderr.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use serde::Deserialize;

use super::project::{Package, Target};

/// A line of `--message-format=json`, where it tells of something compiled.
#[derive(Deserialize)]
struct Artifact {
    manifest_path: PathBuf,
    target: Target,
    filenames: Vec<PathBuf>,
}

/// Runs a `cargo build` to its end, however long it takes, and collects the components that it
/// made of `package`: name and file.
pub(super) fn collect(
    cargo: &mut Command,
    package: &Package,
    examples: bool,
) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    cargo.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = cargo.spawn().context("cannot run cargo")?;
    let mut found = BTreeMap::new();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            found.extend(component(&line?, package, examples));
        }
    }
    if !child.wait()?.success() {
        let folder = package.manifest_path.parent().unwrap_or(&package.manifest_path);
        bail!("{}: does not compile (cargo's messages are above)", folder.display());
    }
    Ok(found)
}

/// The component that a line of cargo's tells of. Dependencies may be `cdylib`s as well.
fn component(line: &str, package: &Package, examples: bool) -> Option<(String, PathBuf)> {
    let artifact: Artifact = serde_json::from_str(line).ok()?;
    if artifact.manifest_path != package.manifest_path || !artifact.target.is_component(examples) {
        return None;
    }
    let wasm = artifact.filenames.into_iter().find(|file| file.extension().is_some_and(|end| end == "wasm"))?;
    let name = if examples { artifact.target.name } else { package.name.clone() };
    Some((name, wasm))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(manifest: &str, kind: &str, crate_types: &str) -> String {
        format!(
            r#"{{"reason":"compiler-artifact","package_id":"path+file:///p#my-app@0.1.0","manifest_path":"{manifest}",
            "target":{{"kind":["{kind}"],"crate_types":[{crate_types}],"name":"my_app","src_path":"/p/src/lib.rs",
            "edition":"2024","doc":true,"doctest":false,"test":true}},"profile":{{"opt_level":"3"}},"features":[],
            "filenames":["/t/libmy_app.rlib","/t/my_app.wasm"],"executable":null,"fresh":true}}"#
        )
    }

    fn read(line: &str, examples: bool) -> Option<(String, PathBuf)> {
        let package = r#"{"name":"my-app","manifest_path":"/p/Cargo.toml","targets":[]}"#;
        component(line, &serde_json::from_str(package).unwrap(), examples)
    }

    #[test]
    fn a_library_has_its_packages_name() {
        let library = line("/p/Cargo.toml", "cdylib", r#""cdylib","rlib""#);
        assert_eq!(read(&library, false), Some(("my-app".into(), "/t/my_app.wasm".into())));
        assert_eq!(read(&library, true), None);
    }

    #[test]
    fn an_example_has_its_own() {
        let example = line("/p/Cargo.toml", "example", r#""cdylib""#);
        assert_eq!(read(&example, true), Some(("my_app".into(), "/t/my_app.wasm".into())));
    }

    #[test]
    fn the_rest_is_passed_over() {
        assert_eq!(read(&line("/dep/Cargo.toml", "cdylib", r#""cdylib""#), false), None, "a dependency");
        assert_eq!(read(&line("/p/Cargo.toml", "lib", r#""lib""#), false), None, "no cdylib");
        assert_eq!(read(r#"{"reason":"build-finished","success":true}"#, false), None);
        assert_eq!(read("Hello", false), None);
    }
}
