//! componentize-py, which makes the component, and the pip that installs for the guest: in an
//! environment of their own in the cache folder, from PyPI, in fixed versions.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};

use super::super::cache::{self, clear};
use super::super::{Progress, child};
use super::interpreter::{self, Interpreter};

/// What makes components, and brings the guest's Python.
pub(super) const COMPONENTIZE: &str = "componentize-py==0.25.1";

/// The pip that [`PIP_FOR_GUEST`] knows.
pub(super) const PIP: &str = "pip==25.3";

/// pip, as if it ran in the guest.
const PIP_FOR_GUEST: &str = include_str!("scripts/pip.py");

/// There when the environment is whole.
const READY: &str = "wasgi-ready";

/// 20 MB are fetched.
const INSTALL_LIMIT: Duration = Duration::from_secs(900);

/// The tools, ready to run.
#[derive(Debug, Clone)]
pub(super) struct Tool {
    environment: PathBuf,
}

/// `python` in the cache folder.
pub(super) fn folder() -> anyhow::Result<PathBuf> {
    let folder = cache::folder()?.join("python");
    cache::make(&folder)?;
    Ok(folder)
}

impl Tool {
    /// The tools; installs them where they are not there yet.
    pub(super) fn ready(python: &Interpreter, progress: Progress) -> anyhow::Result<Self> {
        let name = format!("{}-python{}", COMPONENTIZE.replace("==", "-"), python.version());
        let tool = Self { environment: folder()?.join(&name) };
        if tool.is_ready() {
            return Ok(tool);
        }
        let lock = tool.environment.with_file_name(format!("{name}.lock"));
        let _lock = cache::lock(&lock, "waiting for another build that fetches componentize-py", progress)?;
        if !tool.is_ready() {
            let step = progress.step(&format!("fetching {} into {}", COMPONENTIZE, tool.environment.display()));
            tool.install(python).with_context(|| format!("cannot install {COMPONENTIZE}"))?;
            drop(step);
        }
        Ok(tool)
    }

    /// The pip that installs for the guest.
    pub(super) fn pip(&self) -> Command {
        let mut pip = self.python();
        pip.arg(self.environment.join("wasgi-pip.py"));
        pip
    }

    /// componentize-py.
    pub(super) fn componentize(&self) -> Command {
        let mut componentize = self.python();
        componentize.arg(self.environment.join("bin/componentize-py"));
        componentize
    }

    fn python(&self) -> Command {
        interpreter::command(self.environment.join("bin/python"))
    }

    /// Not where a newer version of this program wants other versions, nor where the Python that
    /// the environment was made with is gone.
    fn is_ready(&self) -> bool {
        let ready = fs::read_to_string(self.environment.join(READY));
        ready.is_ok_and(|text| text == contents()) && self.environment.join("bin/python").exists()
    }

    fn install(&self, python: &Interpreter) -> anyhow::Result<()> {
        clear(&self.environment)?;
        let mut venv = python.command();
        venv.args(["-m", "venv"]).arg(&self.environment);
        let mut pip = if python.makes_environments() {
            self.python()
        } else {
            venv.arg("--without-pip");
            python.command()
        };
        child::run(&mut venv, INSTALL_LIMIT, || ()).context("no environment")?;
        pip.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]);
        if !python.makes_environments() {
            pip.arg("--target").arg(packages(&self.environment)?);
        }
        // Built from its sources it would need a compiler for the guest.
        pip.args(["--only-binary", ":all:", PIP, COMPONENTIZE]);
        child::run(&mut pip, INSTALL_LIMIT, || ())?;
        if !self.environment.join("bin/componentize-py").exists() {
            link_script(&self.environment)?;
        }
        fs::write(self.environment.join("wasgi-pip.py"), PIP_FOR_GUEST)?;
        Ok(fs::write(self.environment.join(READY), contents())?)
    }
}

/// What the environment holds.
fn contents() -> String {
    format!("{COMPONENTIZE} {PIP}\n{PIP_FOR_GUEST}")
}

/// The folder in an environment that packages are installed to.
fn packages(environment: &Path) -> anyhow::Result<PathBuf> {
    let library = environment.join("lib");
    for entry in library.read_dir().with_context(|| format!("cannot read {}", library.display()))? {
        let packages = entry?.path().join("site-packages");
        if packages.is_dir() {
            return Ok(packages);
        }
    }
    bail!("there is no site-packages in {}", library.display())
}

/// pip puts a package's programs below its target.
fn link_script(environment: &Path) -> anyhow::Result<()> {
    let script = packages(environment)?.join("bin/componentize-py");
    fs::copy(&script, environment.join("bin/componentize-py")).with_context(|| format!("no {}", script.display()))?;
    Ok(())
}
