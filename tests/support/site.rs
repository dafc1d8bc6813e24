//! The real binary, serving a directory of its own.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::lines::Lines;
use super::link::Link;
use super::response::Response;
use super::wait_for;

/// A deploy directory, a state and whatever else a test puts beside them.
pub struct Site {
    folder: TempDir,
}

/// A running server; killed when it is dropped.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
    pub out: Lines,
    pub log: Lines,
}

/// Where `wasgi call` and `cgi` keep compiled code; the superuser's goes to /var/lib/wasgi whatever is said.
pub fn state_home() -> &'static Path {
    Path::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/state-home"))
}

/// `wasgi` with nothing of the caller's environment that it listens to.
pub fn wasgi() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wasgi"));
    command.env_remove("RUST_LOG").env("XDG_STATE_HOME", state_home()).env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

impl Site {
    #[allow(clippy::new_without_default, reason = "a test makes one on purpose")]
    pub fn new() -> Self {
        let site = Self { folder: tempfile::tempdir().expect("a folder") };
        fs::create_dir(site.apps()).expect("a deploy directory");
        site
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn apps(&self) -> PathBuf {
        self.folder.path().join("apps")
    }

    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// The one folder in the state.
    pub fn state_folder(&self) -> PathBuf {
        let mut entries = fs::read_dir(self.state()).expect("a state");
        entries.next().expect("a folder in the state").expect("an entry").path()
    }

    /// A path in the deploy directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.apps().join(name)
    }

    /// Deploys as one should: written elsewhere, renamed in. The folder of a tenant is made where it is missing.
    pub fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        let (new, file) = (self.folder.path().join(format!("new-{}", name.replace('/', "-"))), self.file(name));
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        fs::write(&new, content).expect("a file");
        fs::rename(new, file).expect("a rename");
    }

    pub fn remove(&self, name: &str) {
        fs::remove_file(self.file(name)).expect("a file to remove");
    }

    /// `wasgi serve` of the directory, with the state, on any port.
    pub fn command(&self) -> Command {
        self.command_on(SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// The same on an address.
    pub fn command_on(&self, address: SocketAddr) -> Command {
        let mut command = wasgi();
        command.arg("serve").arg(self.apps()).args(["--listen", &address.to_string(), "--state"]).arg(self.state());
        command
    }

    pub fn serve(&self) -> Server {
        Server::start(self.command())
    }
}

impl Server {
    /// Starts `command`, which is a `wasgi serve`, and waits until it listens.
    #[track_caller]
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("wasgi");
        let out = Lines::of(child.stdout.take().expect("its output"));
        let log = Lines::of(child.stderr.take().expect("its log"));
        let line =
            wait_for("the first line", || out.all().into_iter().next().or_else(|| log_of_the_dead(&mut child, &log)));
        let address = line.strip_prefix("listening on ").and_then(|url| url.split("://").nth(1)?.parse().ok());
        let address = address.unwrap_or_else(|| panic!("the first line is {line:?}"));
        Self { child, address, out, log }
    }

    pub fn connect(&self) -> Link<TcpStream> {
        Link::to(self.address).expect("a connection")
    }

    /// A GET on a connection of its own.
    pub fn get(&self, target: &str) -> Response {
        self.connect().get(target).expect("a response")
    }

    pub fn status_of(&self, target: &str) -> u16 {
        self.get(target).status()
    }

    /// The body of a GET that is answered with 200.
    #[track_caller]
    pub fn text(&self, target: &str) -> String {
        let response = self.get(target);
        assert_eq!(response.status(), 200, "{target}: {}", response.text());
        response.text().trim_end().to_owned()
    }

    /// Waits until `target` is answered with 200 and `text`, on one connection where that lasts.
    #[track_caller]
    pub fn answers(&self, target: &str, text: &str) {
        let mut client = self.connect();
        wait_for(&format!("{text:?} at {target}"), || match client.get(target) {
            Ok(response) => (response.status() == 200 && response.text().trim_end() == text).then_some(()),
            Err(_) => {
                client = self.connect();
                None
            }
        });
    }

    /// Waits for the line that tells of what is at the route `target`, and asserts that it answers with `text`.
    #[track_caller]
    pub fn up(&self, target: &str, text: &str) {
        let route = |line: &str| {
            let routes = line.split_once(") at ").map(|(_, rest)| rest.split(" in ").next().unwrap_or(rest));
            routes.is_some_and(|routes| routes.split(", ").any(|route| route == target))
        };
        self.out.find(0, target, route);
        assert_eq!(self.text(target), text);
    }

    /// Does something, and gives the line about it that begins with `prefix`.
    #[track_caller]
    pub fn line(&self, prefix: &str, what: impl FnOnce()) -> String {
        let before = self.out.count();
        what();
        self.out.after(before, prefix)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// CPU of its threads whose name begins with `name`, in all, as the system counts it.
    pub fn cpu_of_threads(&self, name: &str) -> Duration {
        let threads = fs::read_dir(format!("/proc/{}/task", self.pid())).expect("its threads").flatten();
        let nanos = threads.filter_map(|thread| {
            let comm = fs::read_to_string(thread.path().join("comm")).ok()?;
            let used = fs::read_to_string(thread.path().join("schedstat")).ok()?;
            comm.starts_with(name).then(|| used.split(' ').next()?.parse::<u64>().ok())?
        });
        Duration::from_nanos(nanos.sum())
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed()).expect("a process id");
        kill_process(pid, signal).expect("a signal");
    }

    /// Waits for its end.
    pub fn ended(&mut self) -> ExitStatus {
        let child = &mut self.child;
        wait_for("the server's end", || child.try_wait().expect("a child"))
    }

    /// Tells it to end, and waits for that.
    #[track_caller]
    pub fn stop(mut self) -> Vec<String> {
        self.signal(Signal::TERM);
        assert_eq!(self.ended().code(), Some(0), "{:#?}", self.log.all());
        self.out.to_end()
    }

    /// As a crash: nothing is written any more.
    pub fn kill(mut self) -> Vec<String> {
        self.child.kill().expect("a process to kill");
        self.ended();
        self.out.to_end()
    }

    /// Memory in use, in KiB.
    pub fn rss(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[track_caller]
fn log_of_the_dead(child: &mut Child, log: &Lines) -> Option<String> {
    let status = child.try_wait().expect("a child")?;
    panic!("wasgi ended with {status}: {:#?}", log.to_end());
}

/// What a command that ends did: exit code, standard output and standard error.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Ended {
    let output = command.output().expect("wasgi");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ended { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// What `child` made of its standard input.
pub fn feed(command: &mut Command, input: &[u8]) -> io::Result<Ended> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut stdin = child.stdin.take().expect("its input");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || io::Write::write_all(&mut stdin, &input));
    let output = child.wait_with_output()?;
    let _ = writer.join();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(Ended { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) })
}
