//! The Python of this machine. It runs the tools; guests run another one, which the tools bring.

use std::io;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Deserialize;

use super::super::child;

/// The oldest version that the tools run on.
const OLDEST: (u32, u32) = (3, 9);

/// Answers at once, unless a disk has to wake up.
const LIMIT: Duration = Duration::from_secs(60);

/// What a build wants to know. It has to run on versions that are too old.
const QUESTION: &str = "
import importlib.util, json, sys
has = lambda name: importlib.util.find_spec(name) is not None
print(json.dumps({'path': sys.executable, 'version': list(sys.version_info[:2]),
                  'venv': has('venv') and has('ensurepip'), 'pip': has('pip')}))
";

/// What would be set for another Python than the one that is started here.
const LEAKS: &[&str] =
    &["PYTHONHOME", "PYTHONPATH", "PYTHONSTARTUP", "PYTHONWARNINGS", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__"];

/// An interpreter that is new enough and can install packages.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Interpreter {
    path: PathBuf,
    version: (u32, u32),
    venv: bool,
    pip: bool,
}

impl Interpreter {
    /// The `python3` of the PATH.
    pub(super) fn find() -> anyhow::Result<Self> {
        let said = match child::run(command("python3").args(["-c", QUESTION]), LIMIT, || ()) {
            Ok(said) => said,
            Err(error) if is_missing(&error) => {
                bail!(
                    "Python projects are built with python3, and there is none: {}",
                    advice("python3 and python3-venv")
                )
            }
            Err(error) => return Err(error.context("Python projects are built with python3, which does not run")),
        };
        let found: Self = serde_json::from_str(&said).context("python3 gives no sense")?;
        let (major, minor) = found.version;
        if found.version < OLDEST {
            let (oldest, least) = OLDEST;
            bail!("python3 is {major}.{minor}, and Python projects are built with {oldest}.{least} or later");
        }
        if !found.venv && !found.pip {
            bail!(
                "python3 has neither venv nor pip, and one of them has to install packages: {}",
                advice("python3-venv")
            );
        }
        Ok(found)
    }

    /// Its version, for instance `3.11`.
    pub(super) fn version(&self) -> String {
        format!("{}.{}", self.version.0, self.version.1)
    }

    /// Whether it makes environments with pip in them.
    pub(super) fn makes_environments(&self) -> bool {
        self.venv
    }

    /// A command that runs it.
    pub(super) fn command(&self) -> Command {
        command(&self.path)
    }
}

/// Whether a program could not be run because there is none.
fn is_missing(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// Runs a Python for what is said here alone: isolated, or modules in the current directory would stand in for its own.
pub(super) fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.arg("-I");
    for name in LEAKS {
        command.env_remove(name);
    }
    command
}

/// How to install packages, by Debian's names.
fn advice(packages: &str) -> String {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|folder| folder.join("apt-get").is_file()) {
        return format!("apt-get install {}", packages.replace(" and", ""));
    }
    format!("install {packages} (Debian's names; elsewhere they may be called python3 and python3-pip)")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The Python to test with; without one it is said, unless that is no excuse.
    pub(in super::super) fn here() -> Option<Interpreter> {
        match Interpreter::find() {
            Ok(python) => Some(python),
            Err(reason) => {
                assert!(std::env::var_os("WASGI_REQUIRE_PYTHON").is_none(), "{reason}");
                eprintln!("left out: {reason}");
                None
            }
        }
    }

    #[test]
    fn modules_in_the_current_directory_are_not_its_own() {
        let Some(python) = here() else { return };
        let folder = tempfile::tempdir().unwrap();
        for name in ["json.py", "venv.py"] {
            std::fs::write(folder.path().join(name), "raise SystemExit('this ran on the host')").unwrap();
        }
        for arguments in [["-c", "import json"], ["-m", "venv"]] {
            let output = python.command().args(arguments).current_dir(&folder).output().unwrap();
            assert!(!String::from_utf8_lossy(&output.stderr).contains("ran on the host"), "{output:?}");
        }
    }

    #[test]
    fn only_what_is_not_there_is_missing() {
        let run = |program: &str| child::run(&mut Command::new(program), LIMIT, || ()).unwrap_err();
        assert!(is_missing(&run("no-such-program")));
        assert!(!is_missing(&run("false")));
    }

    #[test]
    fn advice_names_the_packages() {
        assert!(advice("python3-venv").contains("python3-venv"));
    }
}
