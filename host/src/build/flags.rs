//! What guests are linked with beyond cargo's defaults.

use std::path::{Path, PathBuf};

use super::{Form, TARGET};

/// The stack of a guest, in bytes, unless the project says otherwise.
///
/// Rust's default is 1 MiB, which every fresh instance carries as address space and, where it
/// is touched, as memory to reset; WebAssembly keeps locals elsewhere, so what is left is what
/// a program takes the address of. 128 KiB holds parsers and formatters well. Deeper recursion
/// traps, and is cured in the project's `.cargo/config.toml`:
///
/// ```toml
/// [target.wasm32-wasip2]
/// rustflags = ["-Clink-arg=-zstack-size=1048576"]
/// ```
const STACK_BYTES: u32 = 128 * 1024;

/// What chooses the contract's lean form in the SDK.
const LEAN: &str = "--cfg=wasgi_lean";

/// Cargo's option for what guests are compiled with: the contract's form, and the stack, unless the user has set
/// that: cargo appends what the command line says, and of two sizes the linker takes the last.
///
/// As configuration, and not in `RUSTFLAGS`, because it then joins the `rustflags` that the
/// user has for the target instead of replacing them. `build.rustflags` is not joined: cargo
/// prefers the target's, and what is there is for the machine that compiles.
pub(super) fn config(project: &Path, form: Form) -> Option<String> {
    let environment = std::env::var("CARGO_TARGET_WASM32_WASIP2_RUSTFLAGS").unwrap_or_default();
    let has_stack = environment.contains("stack-size") || configurations(project).iter().any(|text| sets_stack(text));
    let stack = (!has_stack).then(|| format!("-Clink-arg=-zstack-size={STACK_BYTES}"));
    let lean = (form == Form::Lean).then(|| LEAN.to_owned());
    let flags: Vec<_> = lean.into_iter().chain(stack).collect();
    (!flags.is_empty()).then(|| format!("target.{TARGET}.rustflags={flags:?}"))
}

/// The texts of the cargo configuration files that count for a project.
fn configurations(project: &Path) -> Vec<String> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or(std::env::home_dir().map(|home| home.join(".cargo")));
    let folders = project.ancestors().map(|folder| folder.join(".cargo")).chain(home);
    let files = folders.flat_map(|folder| [folder.join("config.toml"), folder.join("config")]);
    files.filter_map(|file| std::fs::read_to_string(file).ok()).collect()
}

/// Whether a configuration sets the stack's size for some target. One that does not parse is
/// cargo's to complain of.
fn sets_stack(text: &str) -> bool {
    let Ok(config) = text.parse::<toml::Table>() else {
        return false;
    };
    let targets = config.get("target").and_then(toml::Value::as_table);
    let mut flags = targets.into_iter().flatten().filter_map(|(_, target)| target.get("rustflags"));
    flags.any(|flags| flags.to_string().contains("stack-size"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_stack_wins() {
        assert!(sets_stack("[target.wasm32-wasip2]\nrustflags = ['-C', 'link-arg=-zstack-size=1048576']"));
        assert!(sets_stack("[target.'cfg(target_os = \"wasi\")']\nrustflags = '-Clink-arg=-zstack-size=9'"));
        assert!(!sets_stack("[target.wasm32-wasip2]\nrustflags = ['-Ctarget-feature=+simd128']"));
        assert!(!sets_stack("[build]\nrustflags = ['-Clink-arg=-zstack-size=9']"));
        assert!(!sets_stack("not toml"));
    }

    #[test]
    fn found_above_the_project() {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("a/b");
        std::fs::create_dir_all(&project).unwrap();
        std::fs::create_dir(folder.path().join(".cargo")).unwrap();
        let text = "[target.wasm32-wasip2]\nrustflags = ['-Clink-arg=-zstack-size=9']";
        std::fs::write(folder.path().join(".cargo/config.toml"), text).unwrap();
        assert_eq!(config(&project, Form::Full), None);
        let lean = "target.wasm32-wasip2.rustflags=[\"--cfg=wasgi_lean\"]";
        assert_eq!(config(&project, Form::Lean).as_deref(), Some(lean));
    }
}
