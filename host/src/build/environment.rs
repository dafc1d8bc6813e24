//! What a nested cargo must not inherit. `cargo run` and `cargo test` describe themselves to
//! their child in the environment, and their flags are for the host's machine, not for guests.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::Command;

/// Set by an outer cargo for what it runs or builds, or meant for the host's compiler.
const LEAKS: &[&str] = &[
    "CARGO",
    "CARGO_BIN_NAME",
    "CARGO_BUILD_RUSTC",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_CRATE_NAME",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_MAKEFLAGS",
    "CARGO_PRIMARY_PACKAGE",
    "CARGO_TARGET_TMPDIR",
    "LLVM_PROFILE_FILE",
    "MAKEFLAGS",
    "MFLAGS",
    "OUT_DIR",
    "RUSTC",
    "RUSTC_LINKER",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTDOC",
    "RUSTFLAGS",
];

const LEAKING_PREFIXES: &[&str] = &["CARGO_BIN_EXE_", "CARGO_CFG_", "CARGO_FEATURE_", "CARGO_MANIFEST_", "CARGO_PKG_"];

/// Belong to the outer build where there is one, to the user otherwise. With the outer build's
/// target directory a nested cargo would wait for its lock, and perhaps for ever.
const OUTER: &[&str] = &["CARGO_BUILD_TARGET_DIR", "CARGO_BUILD_BUILD_DIR", "CARGO_TARGET_DIR"];

/// A command of the toolchain, in `project`, so that its `rust-toolchain.toml` and cargo
/// configuration count, and without what an outer cargo left in the environment.
pub(super) fn command(program: impl AsRef<OsStr>, project: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(project);
    let names: Vec<OsString> = std::env::vars_os().map(|(name, _)| name).collect();
    for name in leaked(&names, pins_toolchain(project)) {
        command.env_remove(name);
    }
    command
}

/// Which of these variables a nested cargo must not see.
fn leaked(names: &[OsString], pinned: bool) -> Vec<&OsStr> {
    let below_cargo = names.iter().any(|name| name == "CARGO");
    let leaks = |name: &&OsStr| {
        let Some(name) = name.to_str() else {
            return false;
        };
        LEAKS.contains(&name)
            || LEAKING_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
            || (below_cargo && OUTER.contains(&name))
            || (below_cargo && pinned && name == "RUSTUP_TOOLCHAIN")
    };
    names.iter().map(OsString::as_os_str).filter(leaks).collect()
}

/// Whether the project names its own toolchain. The outer cargo's is right for all others, since
/// it may be there because the default one is too old.
fn pins_toolchain(project: &Path) -> bool {
    let files = ["rust-toolchain.toml", "rust-toolchain"];
    project.ancestors().any(|folder| files.iter().any(|file| folder.join(file).is_file()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept<'a>(names: &[&'a str], pinned: bool) -> Vec<&'a str> {
        let all: Vec<OsString> = names.iter().map(OsString::from).collect();
        let gone = leaked(&all, pinned);
        names.iter().copied().filter(|name| !gone.contains(&OsStr::new(name))).collect()
    }

    #[test]
    fn the_outer_build_stays_outside() {
        let names =
            ["CARGO", "CARGO_MANIFEST_DIR", "CARGO_PKG_NAME", "CARGO_TARGET_DIR", "RUSTFLAGS", "RUSTUP_TOOLCHAIN"];
        assert_eq!(kept(&names, false), ["RUSTUP_TOOLCHAIN"]);
        assert_eq!(kept(&names, true), [""; 0]);
    }

    #[test]
    fn the_users_settings_stay() {
        let names = [
            "PATH",
            "CARGO_HOME",
            "CARGO_NET_OFFLINE",
            "CARGO_TARGET_DIR",
            "CARGO_TARGET_WASM32_WASIP2_RUSTFLAGS",
            "RUSTUP_TOOLCHAIN",
        ];
        assert_eq!(kept(&names, true), names);
    }
}
