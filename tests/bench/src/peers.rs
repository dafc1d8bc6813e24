//! The servers that wasgi is compared with, where they are installed.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::reference::Environment;

/// A server that isn't part of the repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Bjoern,
    Granian,
    Gunicorn,
    Wasmtime,
    Workerd,
}

/// Why a server is left out, and how to install it.
pub(crate) struct Missing(Peer, String);

impl fmt::Display for Missing {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Missing(peer, why) = self;
        let install = match peer {
            Peer::Bjoern => {
                "python3 -m venv DIR && DIR/bin/pip install bjoern (needs libev: apt-get install libev-dev)"
            }
            Peer::Granian => "python3 -m venv DIR && DIR/bin/pip install granian",
            Peer::Gunicorn => return write!(to, "{why}; python3 with pip fetches it, and what the examples require"),
            Peer::Wasmtime => "cargo install --locked --root DIR wasmtime-cli --version ^48",
            Peer::Workerd => "npm install --prefix DIR workerd",
        };
        write!(to, "{why}; to measure it: {install}, then --peers DIR")
    }
}

/// What was found.
pub(crate) struct Peers {
    dir: Option<PathBuf>,
    environment: Result<Environment, String>,
}

impl Peers {
    /// Looks in `dir` (an environment of Python, npm's or cargo's folder, or all at once) and on the PATH.
    pub(crate) fn find(dir: Option<&Path>, root: &Path, target: &Path) -> Self {
        let environment = Environment::ready(root, target).map_err(|error| error.to_string());
        Self { dir: dir.map(Path::to_owned), environment }
    }

    /// gunicorn, and what the examples in Python require.
    pub(crate) fn environment(&self) -> Result<&Environment, Missing> {
        self.environment.as_ref().map_err(|error| Missing(Peer::Gunicorn, format!("no gunicorn: {error}")))
    }

    /// A peer's program that works.
    pub(crate) fn program(&self, peer: Peer) -> Result<PathBuf, Missing> {
        let (name, try_it): (&str, &[&str]) = match peer {
            Peer::Bjoern => ("python3", &["-c", "import bjoern"]),
            Peer::Gunicorn => ("python3", &["--version"]),
            Peer::Granian => ("granian", &["--version"]),
            Peer::Wasmtime => ("wasmtime", &["serve", "--help"]),
            Peer::Workerd => ("workerd", &["--version"]),
        };
        let folders = self.dir.iter().flat_map(|dir| [dir.join("bin"), dir.join("node_modules/.bin")]);
        let mut places = folders.map(|folder| folder.join(name)).chain([PathBuf::from(name)]);
        let works = |program: &PathBuf| {
            let mut command = Command::new(program);
            command.args(try_it).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command.status().is_ok_and(|status| status.success())
        };
        let what = format!("no {peer:?}").to_lowercase();
        places.find(works).ok_or(Missing(peer, what))
    }
}
