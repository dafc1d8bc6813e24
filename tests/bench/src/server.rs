//! The servers that are measured: each a process of its own, pinned to the first core.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::reference::{Environment, Reference};

/// What is measured: a server with an application.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    pub(crate) name: &'static str,
    server: Kind,
    /// The path that is asked for.
    path: &'static str,
    /// Whether a connection serves one request after the other.
    pub(crate) keeps_alive: bool,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    /// hyper alone.
    Bare,
    /// wasgi, with a component by its name.
    Wasgi { component: &'static str, reuse: bool },
    /// gunicorn with one sync worker, which closes each connection.
    Gunicorn { example: &'static str, app: &'static str },
}

const fn bare(name: &'static str) -> Candidate {
    Candidate { name, server: Kind::Bare, path: "/", keeps_alive: true }
}

const fn wasgi(name: &'static str, component: &'static str, reuse: bool, path: &'static str) -> Candidate {
    Candidate { name, server: Kind::Wasgi { component, reuse }, path, keeps_alive: true }
}

const fn closing(candidate: Candidate, name: &'static str) -> Candidate {
    Candidate { name, keeps_alive: false, ..candidate }
}

const fn gunicorn(name: &'static str, example: &'static str, app: &'static str, path: &'static str) -> Candidate {
    Candidate { name, server: Kind::Gunicorn { example, app }, path, keeps_alive: false }
}

impl Candidate {
    /// Whether those that follow are compared with it.
    pub(crate) fn is_base(&self) -> bool {
        !matches!(self.server, Kind::Wasgi { .. })
    }
}

/// A component that is built for a table: its name, its example, and the application where that isn't the example's.
type Component = (&'static str, &'static str, Option<&'static str>);

/// A table of servers that are measured in one run.
pub(crate) struct Table {
    pub(crate) candidates: &'static [Candidate],
    /// Rounds; in each, every server is measured once.
    pub(crate) rounds: usize,
    /// How long each is measured then.
    pub(crate) seconds: u32,
    components: &'static [Component],
}

/// The host beside the limit.
pub(crate) const HELLO: Table = Table {
    candidates: &[
        bare("bare hyper"),
        wasgi("wasgi fresh", "hello", false, "/"),
        wasgi("wasgi reused", "hello", true, "/"),
    ],
    rounds: 5,
    seconds: 4,
    components: &[("hello", "hello", None)],
};

const LINE: &str = "/hello/Ada";
const SIMPLE_REUSED: Candidate = wasgi("simple_app, wasgi reused", "simple_app", true, "/");
const FLASK_REUSED: Candidate = wasgi("Flask, wasgi reused", "flask", true, LINE);

/// Applications in Python beside gunicorn. `simple_app` is PEP 3333's; of the Flask example a line of text is asked for.
pub(crate) const PYTHON: Table = Table {
    candidates: &[
        gunicorn("simple_app, gunicorn", "wsgi-python", "pep3333:simple_app", "/"),
        SIMPLE_REUSED,
        closing(SIMPLE_REUSED, "… a connection each"),
        wasgi("simple_app, wasgi fresh", "simple_app", false, "/"),
        gunicorn("Flask, gunicorn", "flask", "app:app", LINE),
        FLASK_REUSED,
        closing(FLASK_REUSED, "… a connection each"),
        wasgi("Flask, wasgi fresh", "flask", false, LINE),
    ],
    rounds: 3,
    seconds: 2,
    components: &[("simple_app", "wsgi-python", Some("pep3333:simple_app")), ("flask", "flask", None)],
};

/// The built programs, and a directory for what they need.
pub(crate) struct Prepared {
    dir: TempDir,
    root: PathBuf,
    wasgi: PathBuf,
    /// For gunicorn, where it is measured.
    environment: Option<Environment>,
}

impl Prepared {
    /// Builds wasgi and the table's components.
    pub(crate) fn new(table: &Table) -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        run(Command::new("cargo").args(["build", "--release", "-p", "wasgi"]).current_dir(&root))?;
        let bench = std::env::current_exe().context("finding this program")?;
        let wasgi = bench.with_file_name("wasgi");
        let dir = tempfile::tempdir().context("making a temporary directory")?;
        for (name, example, app) in table.components {
            let mut build = Command::new(&wasgi);
            build.arg("build").arg(root.join("examples").join(example));
            build.arg("-o").arg(dir.path().join(format!("{name}.wasm")));
            run(build.args(app.iter().flat_map(|app| ["--app", app])))?;
        }
        let compares = table.candidates.iter().any(|candidate| matches!(candidate.server, Kind::Gunicorn { .. }));
        let target = bench.parent().and_then(Path::parent).context("finding the target directory")?;
        let environment = compares.then(|| Environment::ready(&root, target)).transpose().context("gunicorn")?;
        Ok(Self { dir, root, wasgi, environment })
    }

    /// A directory to serve, with the component at every path. An instance of hello lives on; those of Python are
    /// renewed as they are by default, since that is part of what they cost.
    fn deployed(&self, component: &str, reuse: bool) -> Result<PathBuf> {
        let apps = self.dir.path().join(format!("{component}-{reuse}"));
        if !apps.exists() {
            std::fs::create_dir(&apps)?;
            std::fs::copy(self.dir.path().join(format!("{component}.wasm")), apps.join("index.wasm"))?;
            let lasting = if component == "hello" { "max_requests = 1000000\n" } else { "" };
            let manifest = format!("[instances]\nreuse = {reuse}\n{lasting}[env]\nSECRET_KEY = \"measured\"\n");
            std::fs::write(apps.join("index.toml"), manifest)?;
        }
        Ok(apps)
    }
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("running {command:?}"))?;
    ensure!(status.success(), "{command:?} failed");
    Ok(())
}

/// A server under measurement. Ended when dropped.
pub(crate) struct Server {
    pub(crate) url: String,
    process: Process,
}

enum Process {
    Own(Child),
    Gunicorn(Reference),
}

const FIRST_CORE: [&str; 3] = ["taskset", "-c", "0"];

impl Server {
    /// Starts it and waits until it answers.
    pub(crate) fn start(candidate: &Candidate, prepared: &Prepared) -> Result<Server> {
        let mut command = Command::new(FIRST_CORE[0]);
        command.args(&FIRST_CORE[1..]);
        match candidate.server {
            Kind::Gunicorn { example, app } => {
                let project = prepared.root.join("examples").join(example);
                let environment = prepared.environment.as_ref().context("no environment")?;
                let key = [("SECRET_KEY", "measured")];
                let reference = Reference::start(environment, &project, app, &key, &FIRST_CORE)?;
                let url = format!("http://{}{}", reference.address, candidate.path);
                return Ok(Server { url, process: Process::Gunicorn(reference) });
            }
            Kind::Bare => {
                command.arg(std::env::current_exe()?).arg("bare");
            }
            Kind::Wasgi { component, reuse } => {
                let dir = prepared.dir.path();
                command.arg(&prepared.wasgi).arg("serve").arg(prepared.deployed(component, reuse)?);
                command.args(["--listen", "127.0.0.1:0", "--state"]).arg(dir.join("state"));
                command.arg("--access-log").arg(dir.join("access.log"));
            }
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().context("starting a server")?;
        let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        let mut server = Server { url: String::new(), process: Process::Own(child) };
        for line in &mut lines {
            let line = line?;
            if let Some(url) = line.strip_prefix("listening on ") {
                server.url = format!("{url}{}", candidate.path);
            }
            let deployed = line.starts_with("deployed ") || line.starts_with("serving ");
            if !server.url.is_empty() && (deployed || matches!(candidate.server, Kind::Bare)) {
                break;
            }
        }
        ensure!(!server.url.is_empty(), "{} did not start", candidate.name);
        // What else it says must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(server)
    }

    /// CPU that the process which serves used so far, in microseconds.
    pub(crate) fn cpu_us(&self) -> Result<f64> {
        let pid = match &self.process {
            Process::Own(child) => child.id(),
            Process::Gunicorn(reference) => reference.worker,
        };
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let fields: Vec<&str> = stat.rsplit_once(')').context("no stat")?.1.split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok()).context("no CPU time");
        let per_second = rustix::param::clock_ticks_per_second() as f64;
        Ok((ticks(11)? + ticks(12)?) * 1e6 / per_second)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Process::Own(child) = &mut self.process {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
