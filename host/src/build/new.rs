//! `wasgi new`: an application to begin with.

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};

use super::carried;

/// What an application is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Rust, with the SDK and the contract in the project.
    Rust,
    /// Python, as PEP 3333 has it.
    Python,
}

/// The application's files: where, and the text, in which `NAME` stands for its name.
type Template = &'static [(&'static str, &'static str)];

const RUST: Template = &[
    ("Cargo.toml", include_str!("../../templates/rust/Cargo.toml")),
    ("src/lib.rs", include_str!("../../templates/rust/src/lib.rs")),
    (".gitignore", include_str!("../../templates/rust/gitignore")),
];

const PYTHON: Template = &[
    ("pyproject.toml", include_str!("../../templates/python/pyproject.toml")),
    ("app.py", include_str!("../../templates/python/app.py")),
    (".gitignore", include_str!("../../templates/python/gitignore")),
];

/// Where the SDK and the contract go.
const VENDOR: &str = "vendor/wasgi";

/// Names that cargo refuses for a package, or for a library: Rust's keywords and crates.
const RESERVED: &[&str] = &[
    "Self",
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "const",
    "continue",
    "core",
    "crate",
    "do",
    "dyn",
    "else",
    "enum",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc-macro",
    "proc_macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
];

/// Whether [`new_project`] can begin: the name is one for a package, and the directory does not exist or is empty.
///
/// # Errors
/// What is in the way, in one line.
pub fn check_new_project(project: &Path, language: Language) -> anyhow::Result<()> {
    check_name(&name(project)?, language)?;
    let shown = project.display();
    match project.read_dir().map(|entries| entries.count()) {
        Ok(0) => Ok(()),
        Ok(_) => bail!("{shown}: there is something in this directory already"),
        Err(_) if project.exists() => bail!("{shown}: exists already, and is no directory"),
        Err(_) => Ok(()), // it will be made
    }
}

fn name(project: &Path) -> std::io::Result<String> {
    let full = std::path::absolute(project)?;
    Ok(full.file_name().unwrap_or_default().to_string_lossy().into_owned())
}

/// Writes a new application into `project`, a directory that does not exist yet or is empty,
/// whose last part becomes the application's name. It builds at once with
/// [`component`](super::component()), wherever it is.
///
/// # Errors
/// The name is no package name, the directory holds something, or it can't be written: one line.
pub fn new_project(project: &Path, language: Language) -> anyhow::Result<()> {
    check_new_project(project, language)?;
    let written = write(project, &name(project)?, language);
    written.with_context(|| format!("{}: cannot write the project", project.display()))
}

fn write(project: &Path, name: &str, language: Language) -> std::io::Result<()> {
    let template = match language {
        Language::Rust => RUST,
        Language::Python => PYTHON,
    };
    for (path, text) in template {
        let path = project.join(path);
        fs::create_dir_all(path.parent().unwrap_or(project))?;
        fs::write(path, text.replace("NAME", name))?;
    }
    match language {
        Language::Rust => carried::write_rust(&project.join(VENDOR)),
        Language::Python => Ok(()),
    }
}

fn check_name(name: &str, language: Language) -> anyhow::Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || !name.chars().all(plain) {
        bail!("{name:?} can't be a package's name: use letters, digits, - and _, and begin with a letter");
    }
    if language == Language::Rust && RESERVED.contains(&name) {
        bail!("{name:?} can't be a package's name: Rust has another meaning for it");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["hello", "my-shop", "a_1", "H"] {
            assert!(check_name(good, Language::Rust).is_ok(), "{good}");
        }
        for bad in ["", "1a", "-a", "a b", "héllo", "a.b", "fn", "std", "test", ".."] {
            let error = check_name(bad, Language::Rust).unwrap_err().to_string();
            assert!(error.contains(&format!("{bad:?}")) && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn a_project_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("my-shop");
        new_project(&project, Language::Rust).unwrap();
        let manifest: toml::Table = fs::read_to_string(project.join("Cargo.toml")).unwrap().parse().unwrap();
        assert_eq!(manifest["package"]["name"].as_str(), Some("my-shop"));
        let sdk = manifest["dependencies"]["wasgi-guest"]["path"].as_str().unwrap();
        assert_eq!(sdk, format!("{VENDOR}/guest-sdk/rust"));
        assert!(project.join(sdk).join("../../wit/gateway.wit").is_file());
        assert!(project.join(".gitignore").is_file());
        let error = new_project(&project, Language::Rust).unwrap_err().to_string();
        assert!(error.ends_with("there is something in this directory already"), "{error}");
    }

    #[test]
    fn an_empty_directory_will_do_and_a_file_will_not() {
        let folder = tempfile::tempdir().unwrap();
        let (empty, file) = (folder.path().join("empty"), folder.path().join("file"));
        fs::create_dir(&empty).unwrap();
        fs::write(&file, "").unwrap();
        new_project(&empty, Language::Python).unwrap();
        let manifest: toml::Table = fs::read_to_string(empty.join("pyproject.toml")).unwrap().parse().unwrap();
        assert_eq!(manifest["project"]["name"].as_str(), Some("empty"));
        assert!(new_project(&file, Language::Rust).unwrap_err().to_string().ends_with("is no directory"));
    }
}
