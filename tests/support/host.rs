//! The real binary, serving a directory on a free port until it is dropped.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use tempfile::TempDir;

use super::client::Client;
use super::response::Response;
use super::{guests, wait_for};

/// Runs a program until standard input ends: so that the shared host, which nobody drops, ends
/// with the test process however that ends.
const WITH_STDIN: &str = r#"exec 3<&0; "$@" </dev/null 3<&- & program=$!; read -r _ <&3; kill -9 "$program""#;

/// A host that runs.
pub struct Host {
    child: Child,
    address: SocketAddr,
    home: Home,
    /// What it has said on standard output so far.
    said: Arc<Mutex<Vec<String>>>,
}

/// Where a host has its applications (`apps`), its state, its configuration and its logs.
enum Home {
    Own(TempDir),
    Kept(PathBuf),
}

impl Home {
    fn path(&self) -> &Path {
        match self {
            Home::Own(dir) => dir.path(),
            Home::Kept(path) => path,
        }
    }
}

/// How a host is started.
#[derive(Default)]
pub struct Options {
    config: String,
    arguments: Vec<String>,
}

impl Options {
    /// The host's configuration, TOML.
    #[must_use]
    pub fn config(mut self, toml: &str) -> Options {
        self.config.push_str(toml);
        self
    }

    /// More arguments of the command line.
    #[must_use]
    pub fn arguments<A: Into<String>>(mut self, arguments: impl IntoIterator<Item = A>) -> Options {
        self.arguments.extend(arguments.into_iter().map(A::into));
        self
    }

    /// Starts a host with an empty directory, for one test alone.
    #[track_caller]
    pub fn start(self) -> Arc<Host> {
        Arc::new(Host::start(Home::Own(tempfile::tempdir().unwrap()), &self))
    }
}

impl Host {
    /// A host for one test alone.
    pub fn options() -> Options {
        Options::default()
    }

    /// The host of all tests that need no other.
    #[track_caller]
    pub fn shared() -> Arc<Host> {
        static SHARED: OnceLock<Arc<Host>> = OnceLock::new();
        let start = || Arc::new(Host::start(Home::Kept(shared_home().to_owned()), &Options::default()));
        SHARED.get_or_init(start).clone()
    }

    #[track_caller]
    fn start(home: Home, options: &Options) -> Host {
        let path = home.path();
        fs::create_dir_all(path.join("apps")).unwrap();
        fs::write(path.join("host.toml"), &options.config).unwrap();
        let mut command = match home {
            Home::Own(_) => Command::new(env!("CARGO_BIN_EXE_wasgi")),
            Home::Kept(_) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", WITH_STDIN, "sh", env!("CARGO_BIN_EXE_wasgi")]);
                shell
            }
        };
        command
            .arg("serve")
            .arg(path.join("apps"))
            .args(["--listen", "127.0.0.1:0", "--state"])
            .arg(path.join("state"));
        command.arg("--access-log").arg(path.join("access.log")).arg("--config").arg(path.join("host.toml"));
        command.args(&options.arguments);
        let stderr = File::options().create(true).append(true).open(path.join("stderr.log")).unwrap();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr);
        let mut child = command.spawn().unwrap();
        let said = listen_to(&mut child);
        let first = wait_for("the host's first line", || {
            if let Some(status) = child.try_wait().unwrap() {
                let stderr = fs::read_to_string(path.join("stderr.log")).unwrap();
                panic!("the host ended ({status}): {stderr}");
            }
            said.lock().unwrap().first().cloned()
        });
        let address = first.strip_prefix("listening on http").unwrap().trim_start_matches('s');
        let address = address.strip_prefix("://").unwrap().parse().unwrap();
        Host { child, address, home, said }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process's number; not that of the shared host.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The folder of its applications.
    pub fn apps(&self) -> PathBuf {
        self.home.path().join("apps")
    }

    /// A connection, which keeps the host running.
    #[track_caller]
    pub fn connect(self: &Arc<Host>) -> Client {
        Client::connect(self.clone())
    }

    /// Deploys the guest `guest` under its own name, for the host `GUEST.test`.
    #[track_caller]
    pub fn deploy(self: &Arc<Host>, guest: &str) -> App {
        self.deploy_as(guest, guest, "")
    }

    /// Deploys the guest `guest` as `name` with a manifest, for the host `NAME.test` if that
    /// gives no routes; waits until it answers. Does nothing if that is deployed already.
    #[track_caller]
    pub fn deploy_as(self: &Arc<Host>, guest: &str, name: &str, manifest: &str) -> App {
        if guests::is_python(guest) {
            // The table may be there already.
            let (before, variables) = manifest.split_once("[env]\n").unwrap_or((manifest, ""));
            let manifest = format!("{before}\n[env]\nGUEST = {guest:?}\n{variables}");
            return self.deploy_component(guests::component(guest), name, &manifest);
        }
        self.deploy_component(guests::component(guest), name, manifest)
    }

    /// The same with any component.
    #[track_caller]
    pub fn deploy_component(self: &Arc<Host>, component: &Path, name: &str, manifest: &str) -> App {
        // One at a time: tests share applications.
        static TURN: Mutex<BTreeSet<(PathBuf, String)>> = Mutex::new(BTreeSet::new());
        let mut deployed = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let app = App { host: self.clone(), name: name.to_owned() };
        if !deployed.contains(&(self.apps(), name.to_owned())) {
            let routes =
                if manifest.contains("routes") { String::new() } else { format!("routes = [{:?}]\n", app.authority()) };
            self.place(&format!("{name}.toml"), (routes + manifest).as_bytes());
            self.place(&format!("{name}.wasm"), &fs::read(component).unwrap());
            self.wait_said(&format!("deployed {name} "));
            deployed.insert((self.apps(), name.to_owned()));
        }
        app
    }

    /// Puts a file among the applications, by a rename.
    #[track_caller]
    pub fn place(&self, name: &str, bytes: &[u8]) {
        let hidden = self.apps().join(format!(".{name}"));
        fs::write(&hidden, bytes).unwrap();
        fs::rename(hidden, self.apps().join(name)).unwrap();
    }

    /// What it has said on standard output so far.
    pub fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }

    /// Waits for a line of standard output that begins so.
    #[track_caller]
    pub fn wait_said(&self, start: &str) -> String {
        wait_for(start, || {
            let said = self.said();
            let refused = said.iter().find(|line| line.starts_with("refused "));
            assert_eq!(refused, None, "while waiting for {start:?}");
            said.into_iter().find(|line| line.starts_with(start))
        })
    }

    /// What it has said on standard error so far.
    pub fn complaints(&self) -> String {
        fs::read_to_string(self.home.path().join("stderr.log")).unwrap_or_default()
    }

    /// Waits for the line of the access log that has `part` in it.
    #[track_caller]
    pub fn wait_access(&self, part: &str) -> String {
        let lines = self.wait_accesses(part, 1);
        lines.into_iter().next().unwrap()
    }

    /// Waits for `count` lines of the access log that have `part` in them, and asserts that there are no more.
    #[track_caller]
    pub fn wait_accesses(&self, part: &str, count: usize) -> Vec<String> {
        let lines = wait_for(&format!("{count} lines of the access log with {part:?}"), || {
            let log = fs::read_to_string(self.home.path().join("access.log")).unwrap_or_default();
            let whole = log.rsplit_once('\n').map_or("", |(whole, _)| whole);
            let lines: Vec<_> = whole.lines().filter(|line| line.contains(part)).map(str::to_owned).collect();
            (lines.len() >= count).then_some(lines)
        });
        assert_eq!(lines.len(), count, "{lines:#?}");
        lines
    }

    /// Asserts that no line of the access log has `part` in it, once what was asked before is in it.
    #[track_caller]
    pub fn assert_no_access(self: &Arc<Host>, part: &str) {
        let after = super::unique();
        self.connect().send(format!("GET /{after} HTTP/1.1\r\nHost: nobody\r\n\r\n")).response().expect_page(404);
        self.wait_access(&after);
        let log = fs::read_to_string(self.home.path().join("access.log")).unwrap();
        let found: Vec<_> = log.lines().filter(|line| line.contains(part)).collect();
        assert!(found.is_empty(), "{found:#?}");
    }

    /// A value of `/proc/PID/status` in KiB, for instance `VmRSS`.
    pub fn memory(&self, field: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':')).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Waits for the process to end by itself.
    #[track_caller]
    pub fn wait_end(&mut self) -> ExitStatus {
        wait_for("the host's end", || self.child.try_wait().unwrap())
    }

    fn app_log(&self, name: &str) -> String {
        let states = fs::read_dir(self.home.path().join("state")).into_iter().flatten().flatten();
        let mut text = String::new();
        for state in states {
            for suffix in [".3", ".2", ".1", ""] {
                let path = state.path().join(format!("log/default/{name}.log{suffix}"));
                text += &String::from_utf8_lossy(&fs::read(path).unwrap_or_default());
            }
        }
        text
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let complaints = self.complaints();
            let from = complaints.floor_char_boundary(complaints.len().saturating_sub(4000));
            eprintln!("the host's standard error ends so:\n{}", &complaints[from..]);
        }
    }
}

/// An application on a host.
#[derive(Clone)]
pub struct App {
    /// The host that serves it.
    pub host: Arc<Host>,
    name: String,
}

/// A request as `App` writes it.
pub struct Request<'a> {
    app: &'a App,
    method: String,
    target: String,
    headers: String,
    body: Vec<u8>,
}

/// The guest `name` on the shared host.
#[track_caller]
pub fn guest(name: &str) -> App {
    Host::shared().deploy(name)
}

/// The guest `guest` on the shared host under another name, with a manifest.
#[track_caller]
pub fn guest_as(guest: &str, name: &str, manifest: &str) -> App {
    Host::shared().deploy_as(guest, name, manifest)
}

impl App {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a request says in Host.
    pub fn authority(&self) -> String {
        format!("{}.test", self.name)
    }

    /// A connection.
    #[track_caller]
    pub fn connect(&self) -> Client {
        self.host.connect()
    }

    /// A request to be sent.
    pub fn request(&self, method: &str, target: &str) -> Request<'_> {
        Request { app: self, method: method.into(), target: target.into(), headers: String::new(), body: Vec::new() }
    }

    /// GET on a connection of its own.
    #[track_caller]
    pub fn get(&self, target: &str) -> Response {
        self.request("GET", target).send()
    }

    /// POST with a Content-Length on a connection of its own.
    #[track_caller]
    pub fn post(&self, target: &str, body: impl AsRef<[u8]>) -> Response {
        self.request("POST", target).body(body).send()
    }

    /// The application's log so far.
    pub fn log(&self) -> String {
        self.host.app_log(&self.name)
    }

    /// Lines of its log with `part` in them.
    pub fn lines(&self, part: &str) -> Vec<String> {
        self.log().lines().filter(|line| line.contains(part)).map(str::to_owned).collect()
    }

    /// Waits for a line of its log with `part` in it.
    #[track_caller]
    pub fn wait_line(&self, part: &str) -> String {
        wait_for(&format!("a line of {}'s log with {part:?}", self.name), || self.lines(part).into_iter().next())
    }

    /// Waits for `count` lines of its log with `part` in them, and asserts that there are no more.
    #[track_caller]
    pub fn wait_lines(&self, part: &str, count: usize) -> Vec<String> {
        let lines = wait_for(&format!("{count} lines of {}'s log with {part:?}", self.name), || {
            Some(self.lines(part)).filter(|lines| lines.len() >= count)
        });
        assert_eq!(lines.len(), count, "{lines:#?}");
        lines
    }

    /// Waits for the access log's line with `part` in it; then the request is over, hooks included. Another thread
    /// writes what the application said: [`wait_lines`](App::wait_lines).
    #[track_caller]
    pub fn wait_access(&self, part: &str) -> Access {
        Access(self.host.wait_access(part))
    }
}

impl Request<'_> {
    /// One more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let _ = write!(self.headers, "{name}: {value}\r\n");
        self
    }

    /// A body, and its Content-Length.
    #[must_use]
    pub fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        body.as_ref().clone_into(&mut self.body);
        let length = self.body.len().to_string();
        self.header("Content-Length", &length)
    }

    /// Its bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let Request { app, method, target, headers, body } = self;
        let mut bytes =
            format!("{method} {target} HTTP/1.1\r\nHost: {}\r\n{headers}\r\n", app.authority()).into_bytes();
        bytes.extend_from_slice(body);
        bytes
    }

    /// Sends it on a connection of its own, and reads the response.
    #[track_caller]
    pub fn send(self) -> Response {
        let mut client = self.app.connect();
        client.send(self.bytes());
        if self.method == "HEAD" { client.response_to_head() } else { client.response() }
    }
}

/// A line of the access log.
#[derive(Clone, Debug)]
pub struct Access(pub String);

impl Access {
    /// How the request ended.
    pub fn outcome(&self) -> &str {
        self.0.split(' ').nth(5).unwrap()
    }

    /// The status, or `-`.
    pub fn status(&self) -> &str {
        self.0.split(' ').nth(4).unwrap()
    }

    /// The value of `name=…`.
    #[track_caller]
    pub fn get(&self, name: &str) -> &str {
        let value = self.0.split(' ').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
        value.unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }

    /// The number in `name=…`.
    #[track_caller]
    pub fn number(&self, name: &str) -> u64 {
        self.get(name).parse().unwrap()
    }
}

/// Collects the lines of a process's standard output.
fn listen_to(child: &mut Child) -> Arc<Mutex<Vec<String>>> {
    let said = Arc::new(Mutex::new(Vec::new()));
    let (stdout, lines) = (child.stdout.take().unwrap(), said.clone());
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            lines.lock().unwrap().push(line);
        }
    });
    said
}

/// The shared host's folder: in the target directory, so that nothing gathers elsewhere; empty at
/// first, and this process's alone.
fn shared_home() -> &'static Path {
    static HOME: OnceLock<(PathBuf, File)> = OnceLock::new();
    let (path, _lock) = HOME.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        fs::create_dir_all(folder).unwrap();
        let path = folder.join(format!("{}-host", env!("CARGO_CRATE_NAME")));
        let lock = File::create(path.with_extension("lock")).unwrap();
        lock.lock().unwrap();
        let _ = fs::remove_dir_all(&path);
        (path, lock)
    });
    path
}
