//! From source to component: what stands behind `wasgi build` and `wasgi new`, and behind the
//! test suite, which compiles its guests through it.
//!
//! Owns: which compiler is used ([`Toolchain`]), how cargo is called and what it made, how a Python
//! project becomes a component ([`python`]), and the projects that `new` writes. It asks nobody for
//! anything: what is missing is fetched, by rustup or from Debian's archive, or from PyPI. Knows
//! nothing of serving, nor of whether the component it made fits the contract.
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! use wasgi::build::{Options, Progress, Toolchain};
//!
//! let toolchain = Toolchain::find("examples/hello".as_ref(), Progress::Shown)?;
//! let options = Options { output: Some("apps/hello.wasm".into()), ..Options::default() };
//! let built = toolchain.build("examples/hello".as_ref(), &options)?;
//! println!("{} is {} bytes", built.path.display(), built.bytes);
//! # Ok(())
//! # }
//! ```

mod artifacts;
mod cache;
mod carried;
mod child;
mod debian;
mod environment;
mod flags;
mod new;
mod output;
mod progress;
mod project;
pub mod python;
mod rustup;
mod toolchain;

pub use new::{Language, check_new_project, new_project};
pub use progress::Progress;
pub use toolchain::Toolchain;

use std::path::{Path, PathBuf};

use anyhow::bail;

/// The target that guests are compiled for: the one whose output is a component.
pub const TARGET: &str = "wasm32-wasip2";

/// Where things go.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Where the component is to be: a file, or a directory that exists, which then gets
    /// `NAME.wasm`. It appears there whole, by a rename. None: it stays where cargo put it.
    pub output: Option<PathBuf>,
    /// Cargo's target directory. None: the project's own with an installed compiler, one of the
    /// project's own in the cache folder with Debian's.
    ///
    /// Projects that share a directory share their dependencies, and **must differ in name**:
    /// cargo gives a `cdylib` no file name of its own, so of two projects called `hello` the
    /// second one's file is taken for the first one's.
    ///
    /// For a Python project: where what was built of it is kept. None: in the cache folder.
    pub target_dir: Option<PathBuf>,
    /// The form of the contract that a Rust project is compiled for. Python has the full one.
    ///
    /// Of two forms of one project each needs a target directory of its own, or it is all compiled anew.
    pub form: Form,
    /// A Python project's application, `MODULE:NAME`. None: what the project says, or what is
    /// found by convention.
    pub app: Option<String>,
}

/// A form of the contract: see `wit/gateway.wit` and `wit/lean.wit`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Form {
    /// Each thing asked of the host when it is wanted.
    Full,
    /// In as few calls as a request can take, and without WASI where the application doesn't use it.
    #[default]
    Lean,
}

/// A component that was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The package's name, or the example's.
    pub name: String,
    /// The component's file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
}

/// Builds the one application of `project`, in Rust where there is a `Cargo.toml`, or else in
/// Python. Who builds several in Rust keeps a [`Toolchain`].
///
/// # Errors
/// One line that says what is wrong and what to do; what the compiler complains of is on stderr.
pub fn component(project: &Path, options: &Options, progress: Progress) -> anyhow::Result<Built> {
    match check_project(project, options)? {
        Language::Rust => Toolchain::find(project, progress)?.build(project, options),
        Language::Python => python::build(project, options, progress),
    }
}

/// Whether [`component`] can begin, before anything is fetched for it: what the project is written in.
///
/// # Errors
/// What is wrong with the project, or with what is asked for, in one line.
pub fn check_project(project: &Path, options: &Options) -> anyhow::Result<Language> {
    if project::is_project(project) {
        if options.app.is_some() {
            bail!("{}: a Rust project says itself what its application is: leave --app out", project.display());
        }
        project::package(&project::directory(project)?, false)?;
        return Ok(Language::Rust);
    }
    if python::is_project(project) {
        python::check_project(project)?;
        return Ok(Language::Python);
    }
    bail!(
        "{}: not a project: expected a directory with a Cargo.toml (Rust), or a pyproject.toml or requirements.txt (Python)",
        project.display()
    );
}
