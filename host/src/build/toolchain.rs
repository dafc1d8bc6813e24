//! Which compiler builds guests, and calling cargo with it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, anyhow};

use super::debian::Debian;
use super::{Built, Options, Progress, TARGET, artifacts, environment, flags, output, project, rustup};

/// A compiler that makes components. Finding one may take a download, so who builds several
/// projects finds it once.
#[derive(Debug, Clone)]
pub struct Toolchain {
    compiler: Compiler,
    progress: Progress,
}

#[derive(Debug, Clone)]
enum Compiler {
    /// The project's own.
    Installed,
    /// The one unpacked in the cache folder.
    Debian(Debian),
}

impl Toolchain {
    /// The compiler for `project`: its own where that has the target for components, or else
    /// Debian's where that was fetched before; or else the target is added with rustup, and
    /// where that fails Debian's compiler is fetched into the cache folder.
    ///
    /// # Errors
    /// `project` is not a Rust project, Rust is not installed, or nothing of this worked: one
    /// line, with what can be done.
    pub fn find(project: &Path, progress: Progress) -> anyhow::Result<Self> {
        let folder = project::directory(project)?;
        let compiler = Self::compiler(&folder, progress)?;
        Ok(Self { compiler, progress })
    }

    fn compiler(folder: &Path, progress: Progress) -> anyhow::Result<Compiler> {
        if rustup::has_target(folder)? {
            return Ok(Compiler::Installed);
        }
        let _lock = super::debian::lock(progress)?;
        if rustup::has_target(folder)? {
            return Ok(Compiler::Installed); // somebody else was quicker
        }
        if let Some(debian) = Debian::cached(progress)? {
            return Ok(Compiler::Debian(debian));
        }
        let Err(reason) = rustup::add_target(folder, progress) else {
            return Ok(Compiler::Installed);
        };
        let debian = Debian::install(folder, &reason, progress);
        let debian = debian.with_context(|| {
            format!("no compiler for {TARGET}: rustup could not add it ({reason:#}); nor could Debian's be fetched")
        })?;
        Ok(Compiler::Debian(debian))
    }

    /// Builds the one application of `project`, a directory with a `Cargo.toml`.
    ///
    /// # Errors
    /// One line that says what is wrong and what to do; what the compiler complains of is on
    /// stderr.
    pub fn build(&self, project: &Path, options: &Options) -> anyhow::Result<Built> {
        let mut built = self.cargo(project, options, false)?;
        let (name, path) =
            built.pop_first().ok_or_else(|| anyhow!("cargo names no component of {}", project.display()))?;
        let path = match &options.output {
            Some(output) => output::place(&path, &name, output)?,
            None => path,
        };
        Ok(Built { bytes: output::bytes(&path)?, name, path })
    }

    /// Builds every example of `project` that is a `cdylib`: name and file. `options.output` is
    /// a directory here, if anything.
    ///
    /// # Errors
    /// As for [`Toolchain::build`].
    pub fn build_examples(&self, project: &Path, options: &Options) -> anyhow::Result<BTreeMap<String, PathBuf>> {
        let mut built = self.cargo(project, options, true)?;
        if let Some(output) = &options.output {
            for (name, path) in &mut built {
                *path = output::place(path, name, output)?;
            }
        }
        Ok(built)
    }

    fn cargo(&self, project: &Path, options: &Options, examples: bool) -> anyhow::Result<BTreeMap<String, PathBuf>> {
        let folder = project::directory(project)?;
        let package = project::package(&folder, examples)?;
        let mut cargo = environment::command("cargo", &folder);
        cargo.args(["build", "--release", "--target", TARGET, "--message-format=json-render-diagnostics"]);
        cargo.args(["--package", &package.name]).arg(if examples { "--examples" } else { "--lib" });
        if let Some(config) = flags::config(&folder, options.form) {
            cargo.args(["--config", &config]);
        }
        if self.progress == Progress::Quiet {
            cargo.arg("--quiet");
        }
        self.choose_compiler(&mut cargo, &folder)?;
        if let Some(target_dir) = &options.target_dir {
            // Relative to where the caller is; cargo runs in the project.
            cargo.arg("--target-dir").arg(std::path::absolute(target_dir)?);
        }
        artifacts::collect(&mut cargo, &package, examples)
    }

    fn choose_compiler(&self, cargo: &mut Command, folder: &Path) -> anyhow::Result<()> {
        match &self.compiler {
            Compiler::Installed => Ok(()),
            Compiler::Debian(debian) => debian.prepare(cargo, folder),
        }
    }
}
