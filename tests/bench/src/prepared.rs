//! What the servers need: wasgi itself, components, peers, and a directory for all of it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::options::Options;
use crate::peers::Peers;

/// The components that can be built: name, project, and what is said to `wasgi build` beside it.
const COMPONENTS: [(&str, &str, &[&str]); 7] = [
    ("hello", "examples/hello", &[]),
    ("hello_full", "examples/hello", &["--full"]),
    ("workloads", "tests/bench/guests/workloads", &[]),
    ("upload", "examples/upload", &[]),
    ("hello_python", "tests/bench/guests/hello-python", &[]),
    ("simple_app", "examples/wsgi-python", &["--app", "pep3333:simple_app"]),
    ("flask", "examples/flask", &[]),
];

/// What `hello` answers; where a test needs applications that differ, it is another text of that length.
const GREETING: &[u8] = b"Hello, World!\n";

/// The built programs, and a directory for what they need.
pub(crate) struct Prepared {
    dir: TempDir,
    target: PathBuf,
    pub(crate) root: PathBuf,
    pub(crate) wasgi: PathBuf,
    pub(crate) peers: Peers,
}

impl Prepared {
    /// Builds wasgi, and looks for the peers.
    pub(crate) fn new(options: &Options) -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
        let bench = std::env::current_exe().context("finding this program")?;
        let target = bench.parent().and_then(Path::parent).context("finding the target directory")?.to_owned();
        let wasgi = match &options.wasgi {
            Some(wasgi) => wasgi.canonicalize().with_context(|| wasgi.display().to_string())?,
            None => {
                run(Command::new("cargo").args(["build", "--release", "-p", "wasgi"]).current_dir(&root))?;
                target.join("release/wasgi")
            }
        };
        let peers = Peers::find(options.peers.as_deref(), &root, &target);
        let dir = tempfile::tempdir().context("making a temporary directory")?;
        Ok(Self { dir, target, root, wasgi, peers })
    }

    /// Where everything is put that a run leaves behind.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A folder that later runs find again.
    pub(crate) fn kept(&self, name: &str) -> Result<PathBuf> {
        let folder = self.target.join("bench").join(name);
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// The component `name`, built where it isn't yet.
    pub(crate) fn component(&self, name: &str) -> Result<PathBuf> {
        let output = self.dir().join(format!("{name}.wasm"));
        if !output.exists() {
            let known = COMPONENTS.iter().find(|component| component.0 == name);
            let (_, project, arguments) = known.with_context(|| format!("no component is called {name}"))?;
            let mut build = Command::new(&self.wasgi);
            build.arg("build").arg(self.root.join(project)).arg("-o").arg(&output).stdout(Stdio::null());
            run(build.args(*arguments))?;
        }
        Ok(output)
    }

    /// A directory to serve, with the component at every path.
    pub(crate) fn deployed(&self, component: &str, reuse: bool) -> Result<PathBuf> {
        let apps = self.dir().join(format!("{component}-{reuse}"));
        if !apps.exists() {
            std::fs::create_dir(&apps)?;
            std::fs::copy(self.component(component)?, apps.join("index.wasm"))?;
            // An instance in Rust lives on; those in Python are renewed as they are by default, since that is part of
            // what they cost.
            let lasting =
                if matches!(component, "hello" | "hello_full" | "workloads") { "max_requests = 1000000\n" } else { "" };
            let limits = "[limits]\ncpu = \"10m\"\nwall = \"10m\"\n";
            let env = "[env]\nSECRET_KEY = \"measured\"\n";
            std::fs::write(apps.join("index.toml"), format!("[instances]\nreuse = {reuse}\n{lasting}{limits}{env}"))?;
        }
        Ok(apps)
    }

    /// A directory with as many tenants, `t0`, `t1` …, each with a hello that no other one has.
    pub(crate) fn tenants(&self, count: usize) -> Result<PathBuf> {
        let apps = self.dir().join(format!("tenants-{count}"));
        if !apps.exists() {
            let hello = std::fs::read(self.component("hello")?)?;
            for number in 0..count {
                let folder = apps.join(format!("t{number}"));
                std::fs::create_dir_all(&folder)?;
                std::fs::write(folder.join("index.wasm"), numbered(&hello, number)?)?;
            }
        }
        Ok(apps)
    }

    /// This program with portable code for SHA-256 alone, as a guest's is.
    pub(crate) fn portable(&self) -> Result<PathBuf> {
        let target = self.target.join("portable");
        let mut build = Command::new("cargo");
        build.args(["build", "--quiet", "--release", "-p", "bench", "--target-dir"]).arg(&target);
        run(build.env("RUSTFLAGS", "--cfg sha2_backend=\"soft\"").current_dir(&self.root))?;
        Ok(target.join("release/bench"))
    }

    /// A hello for `wasmtime serve`.
    pub(crate) fn wasi_http(&self) -> Result<PathBuf> {
        let project = self.root.join("tests/bench/guests/wasi-http");
        let target = self.target.join("guests");
        let built = target.join("wasm32-wasip2/release/wasi_http.wasm");
        let mut build = Command::new("cargo");
        build.args(["build", "--quiet", "--release", "--target", "wasm32-wasip2", "--target-dir"]).arg(target);
        run(build.current_dir(project))?;
        Ok(built)
    }

    /// A configuration in which every tenant has limits of each kind, none of which a load reaches.
    pub(crate) fn config(&self) -> Result<PathBuf> {
        let file = self.dir().join("wasgi.toml");
        let limits = "memory = \"16GiB\"\nin_flight = 1000\ncpu_per_second = \"100s\"\n\
                      requests_per_second = 1000000\nresponse_bytes_per_second = \"64GiB\"\n\
                      log_bytes_per_second = \"1GiB\"\n";
        std::fs::write(&file, format!("[tenant_defaults]\n{limits}[tenants.default]\n{limits}"))?;
        Ok(file)
    }
}

/// A hello with a greeting of its own, which `greeting` knows.
pub(crate) fn numbered(hello: &[u8], number: usize) -> Result<Vec<u8>> {
    let places: Vec<usize> = (0..hello.len()).filter(|at| hello[*at..].starts_with(GREETING)).collect();
    ensure!(places.len() == 1, "hello has its greeting {} times", places.len());
    let mut other = hello.to_vec();
    other[places[0]..][..GREETING.len()].copy_from_slice(greeting(number).as_bytes());
    Ok(other)
}

/// What the hello of that number answers.
pub(crate) fn greeting(number: usize) -> String {
    format!("Hello, {number:06}\n")
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("running {command:?}"))?;
    ensure!(status.success(), "{command:?} failed");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_numbered_hello_differs_in_its_greeting_alone() {
        let hello = b"\0asm Hello, World!\n the rest";
        assert_eq!(numbered(hello, 42).unwrap(), b"\0asm Hello, 000042\n the rest");
        assert!(numbered(b"\0asm", 42).is_err());
        assert!(numbered(&[hello.as_slice(), hello].concat(), 42).is_err());
    }
}
