//! The servers that are measured: each a process of its own, pinned to the load's core.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// hyper alone.
    Bare,
    /// wasgi, a fresh instance for each request.
    Fresh,
    /// wasgi, instances reused.
    Reused,
}

impl Kind {
    pub(crate) const ALL: [Kind; 3] = [Kind::Bare, Kind::Fresh, Kind::Reused];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Bare => "bare hyper",
            Kind::Fresh => "wasgi fresh",
            Kind::Reused => "wasgi reused",
        }
    }
}

/// The built programs, and a directory for what they need.
pub(crate) struct Prepared {
    dir: TempDir,
    wasgi: PathBuf,
}

/// Builds wasgi and the hello example, and lays out both deployments.
pub(crate) fn prepare() -> Result<Prepared> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    run(Command::new("cargo").args(["build", "--release", "-p", "wasgi"]).current_dir(&root))?;
    let bench = std::env::current_exe().context("finding this program")?;
    let wasgi = bench.with_file_name("wasgi");
    let dir = tempfile::tempdir().context("making a temporary directory")?;
    let component = dir.path().join("hello.wasm");
    run(Command::new(&wasgi).arg("build").arg(root.join("examples/hello")).arg("-o").arg(&component))?;
    for kind in [Kind::Fresh, Kind::Reused] {
        let apps = dir.path().join(kind.name());
        std::fs::create_dir(&apps)?;
        std::fs::copy(&component, apps.join("index.wasm"))?;
        let reuse = kind == Kind::Reused;
        let manifest = format!("[instances]\nreuse = {reuse}\nmax_requests = 1000000\n");
        std::fs::write(apps.join("index.toml"), manifest)?;
    }
    Ok(Prepared { dir, wasgi })
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("running {command:?}"))?;
    ensure!(status.success(), "{command:?} failed");
    Ok(())
}

/// A server under measurement. Ended when dropped.
pub(crate) struct Server {
    pub(crate) kind: Kind,
    pub(crate) url: String,
    child: Child,
}

impl Server {
    /// Starts it and waits until it answers.
    pub(crate) fn start(kind: Kind, prepared: &Prepared) -> Result<Server> {
        let mut command = Command::new("taskset");
        command.args(["-c", "0"]);
        match kind {
            Kind::Bare => {
                command.arg(std::env::current_exe()?).arg("bare");
            }
            Kind::Fresh | Kind::Reused => {
                let dir = prepared.dir.path();
                command.arg(&prepared.wasgi).arg("serve").arg(dir.join(kind.name())).args(["--listen", "127.0.0.1:0"]);
                command.arg("--state").arg(dir.join("state"));
                command.arg("--access-log").arg(dir.join("access.log"));
            }
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().context("starting a server")?;
        let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        let mut server = Server { kind, url: String::new(), child };
        for line in &mut lines {
            let line = line?;
            if let Some(url) = line.strip_prefix("listening on ") {
                server.url = format!("{url}/");
            }
            let deployed = line.starts_with("deployed ") || line.starts_with("serving ");
            if !server.url.is_empty() && (kind == Kind::Bare || deployed) {
                break;
            }
        }
        ensure!(!server.url.is_empty(), "{kind:?} did not start");
        // What else it says must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(server)
    }

    /// CPU that the process used so far, in microseconds.
    pub(crate) fn cpu_us(&self) -> Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let fields: Vec<&str> = stat.rsplit_once(')').context("no stat")?.1.split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).context("no CPU time");
        let per_second = rustix::param::clock_ticks_per_second() as f64;
        Ok((ticks(11)? + ticks(12)?) * 1e6 / per_second)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
