//! The servers that are measured: each a process of its own, pinned to its cores.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::client;
use crate::peers::Peer;
use crate::prepared::Prepared;
use crate::process::{self, Process};
use crate::reference::Reference;

/// A server with an application.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// hyper alone.
    Bare,
    /// The same, with nothing but portable code for SHA-256.
    Portable,
    /// wasgi with a component at every path.
    Wasgi { component: &'static str, reuse: bool },
    /// wasgi with so many tenants, each with a hello of its own, by a fresh instance for each request.
    Tenants(usize),
    /// A native server of WSGI: gunicorn with one sync worker, which closes each connection, granian or bjoern, with an
    /// application of a project.
    Python { peer: Peer, project: &'static str, app: &'static str },
    /// workerd with a hello in JavaScript.
    Workerd,
    /// `wasmtime serve` with a hello of wasi:http, and with more options.
    Wasmtime(&'static [&'static str]),
}

impl Kind {
    /// Whether it is wasgi.
    pub(crate) fn is_wasgi(self) -> bool {
        matches!(self, Kind::Wasgi { .. } | Kind::Tenants(_))
    }
}

/// A server under measurement. Ended when dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// From its start to the first right answers.
    pub(crate) ready_after: Duration,
    running: Running,
}

enum Running {
    Own(Process),
    Gunicorn(Reference),
}

/// The core that a server has where nothing else is said, as taskset names it.
pub(crate) const ONE_CORE: &str = "0";

impl Server {
    /// Starts it on these cores, and waits until it answers every one of the paths.
    pub(crate) fn start(kind: Kind, paths: &[String], cores: &str, prepared: &Prepared) -> Result<Server> {
        let pinned = ["taskset", "-c", cores];
        let key = ("SECRET_KEY", "measured");
        let mut begin = Instant::now();
        let mut server = if let Kind::Python { peer: Peer::Gunicorn, project, app } = kind {
            let environment = prepared.peers.environment().map_err(|missing| anyhow::anyhow!("{missing}"))?;
            let project = prepared.root.join(project);
            let reference = Reference::start(environment, &project, app, &[key], &pinned)?;
            Server { address: reference.address, ready_after: Duration::ZERO, running: Running::Gunicorn(reference) }
        } else {
            let address = free_address()?;
            let mut command = Command::new(pinned[0]);
            command.args(&pinned[1..]).env(key.0, key.1);
            write_command(kind, address, prepared, &mut command)?;
            begin = Instant::now();
            Server { address, ready_after: Duration::ZERO, running: Running::Own(Process::start(&mut command)?) }
        };
        for path in paths {
            client::wait_for(server.address, path).with_context(|| format!("{kind:?}"))?;
        }
        server.ready_after = begin.elapsed();
        Ok(server)
    }

    /// Starts wasgi with a directory and a state, on all cores.
    pub(crate) fn wasgi(apps: &Path, state: &Path, prepared: &Prepared) -> Result<Server> {
        let address = free_address()?;
        let mut command = Command::new(&prepared.wasgi);
        serve(apps, state, address, prepared, &mut command)?;
        let running = Running::Own(Process::start(&mut command)?);
        Ok(Server { address, ready_after: Duration::ZERO, running })
    }

    /// Why a server can't be measured, where something is not installed.
    pub(crate) fn missing(kind: Kind, prepared: &Prepared) -> Option<String> {
        let peer = match kind {
            Kind::Bare | Kind::Portable | Kind::Wasgi { .. } | Kind::Tenants(_) => return None,
            Kind::Python { peer, .. } => {
                if let Err(missing) = prepared.peers.environment() {
                    return Some(missing.to_string());
                }
                peer
            }
            Kind::Workerd => Peer::Workerd,
            Kind::Wasmtime(_) => {
                if let Err(error) = prepared.wasi_http() {
                    return Some(format!("no guest for wasmtime: {error:#}"));
                }
                Peer::Wasmtime
            }
        };
        prepared.peers.program(peer).err().map(|missing| missing.to_string())
    }

    /// CPU that was used so far, in microseconds.
    pub(crate) fn cpu_us(&self) -> Result<f64> {
        process::cpu_us(self.pid())
    }

    /// Has the most memory counted from now on.
    pub(crate) fn forget_peak(&self) -> Result<()> {
        process::forget_peak(self.pid())
    }

    /// The most memory that it had, in bytes.
    pub(crate) fn peak_memory(&self) -> Result<f64> {
        process::peak_memory(self.pid())
    }

    /// The memory that it has, in bytes.
    pub(crate) fn memory(&self) -> Result<f64> {
        process::memory(self.pid())
    }

    fn pid(&self) -> u32 {
        match &self.running {
            Running::Own(process) => process.id(),
            Running::Gunicorn(reference) => reference.worker,
        }
    }
}

/// Adds what starts the server at `address`.
fn write_command(kind: Kind, address: SocketAddr, prepared: &Prepared, to: &mut Command) -> Result<()> {
    let program = |peer| prepared.peers.program(peer).map_err(|missing| anyhow::anyhow!("{missing}"));
    let port = address.port().to_string();
    match kind {
        Kind::Bare => {
            to.arg(std::env::current_exe()?).args(["bare", &port]);
        }
        Kind::Portable => {
            to.arg(prepared.portable()?).args(["bare", &port]);
        }
        Kind::Wasgi { component, reuse } => wasgi(&prepared.deployed(component, reuse)?, address, prepared, to)?,
        Kind::Tenants(count) => wasgi(&prepared.tenants(count)?, address, prepared, to)?,
        Kind::Python { peer, project, app } => {
            let environment = prepared.peers.environment().map_err(|missing| anyhow::anyhow!("{missing}"))?;
            to.arg(program(peer)?).current_dir(prepared.root.join(project));
            to.env("PYTHONPATH", &environment.packages).env("PYTHONDONTWRITEBYTECODE", "1");
            if peer == Peer::Bjoern {
                let (module, name) = app.split_once(':').context("no MODULE:NAME")?;
                to.arg("-c").arg(format!(
                    "import sys; sys.path.insert(0, '.')\nimport bjoern, {module}\nbjoern.run({module}.{name}, '127.0.0.1', {port})"
                ));
            } else {
                to.args(["--interface", "wsgi", "--host", "127.0.0.1", "--port", &port, "--workers", "1"]);
                to.args(["--http", "1", "--no-ws", app]);
            }
        }
        Kind::Workerd => {
            let config = prepared.dir().join("workerd.capnp");
            let script = prepared.root.join("tests/bench/peers/hello.js");
            std::fs::copy(script, prepared.dir().join("hello.js"))?;
            let text = std::fs::read_to_string(prepared.root.join("tests/bench/peers/workerd.capnp"))?;
            std::fs::write(&config, text.replace("PORT", &port))?;
            to.arg(program(Peer::Workerd)?).arg("serve").arg(config);
        }
        Kind::Wasmtime(options) => {
            to.arg(program(Peer::Wasmtime)?).args(["serve", "-Scli", "--addr", &address.to_string()]);
            to.args(options).arg(prepared.wasi_http()?);
        }
    }
    Ok(())
}

fn wasgi(apps: &Path, address: SocketAddr, prepared: &Prepared, to: &mut Command) -> Result<()> {
    serve(apps, &prepared.dir().join("state"), address, prepared, to.arg(&prepared.wasgi))
}

fn serve(apps: &Path, state: &Path, address: SocketAddr, prepared: &Prepared, to: &mut Command) -> Result<()> {
    to.arg("serve").arg(apps).args(["--listen", &address.to_string()]).arg("--state").arg(state);
    to.arg("--config").arg(prepared.config()?).arg("--access-log").arg(prepared.dir().join("access.log"));
    Ok(())
}

fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}
