//! Deploys from files to published routes, with the real engine and a component that exports the world and no more.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::runtime::Runtime;
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve};

use super::*;
use crate::admin;
use crate::apps::{Entry, Routes, TenantName};
use crate::exchange::Exchange;
use crate::state::Digest;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new(20).unwrap());

/// The world's exports, none of which is ever called.
static COMPONENT: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../wit")).unwrap();
    let world = resolve.select_world(&[package], Some("app")).unwrap();
    let mut module = dummy_module(&resolve, world, ManglingAndAbi::Legacy(LiftLowerAbi::Sync));
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
});

/// A component of distinct content.
fn component(tag: &str) -> Vec<u8> {
    let mut bytes = COMPONENT.clone();
    let length = u8::try_from(tag.len() + 2).unwrap();
    bytes.extend_from_slice(&[0, length, 1, b't']);
    bytes.extend_from_slice(tag.as_bytes());
    bytes
}

/// A deploy directory, a state, and a server of them.
struct Site {
    dir: TempDir,
    root: TempDir,
    table: Arc<Published>,
    told: Receiver<String>,
    deploys: Option<Arc<Deploys>>,
}

impl Site {
    /// With nothing in it and nobody serving it.
    fn empty() -> Self {
        let (dir, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        Self { dir, root, table: Arc::default(), told: channel().1, deploys: None }
    }

    fn served() -> Self {
        Self::empty().start()
    }

    fn prepare(&mut self, path: &Path) -> Result<Prepared> {
        let (tell, told) = channel();
        self.told = told;
        self.table = Arc::default();
        let options = Options {
            source: Source::of(path)?,
            state: self.root.path().to_owned(),
            limits: Limits::default(),
            quotas: Quotas::default(),
            memory: Pool::of_host(None),
            compiler: Compiler::here(),
            report: Box::new(move |notice| {
                let _ = tell.send(notice.to_string());
            }),
        };
        prepare(ENGINE.clone(), self.table.clone(), options, RUNTIME.handle())
    }

    fn start(self) -> Self {
        let path = self.dir.path().to_owned();
        self.start_at(&path)
    }

    fn start_at(mut self, path: &Path) -> Self {
        self.stop();
        let prepared = self.prepare(path).unwrap();
        self.deploys = Some(Arc::new(prepared.start(|| ()).unwrap()));
        self
    }

    fn stop(&mut self) {
        if let Some(deploys) = self.deploys.take() {
            deploys.stop();
        }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.dir.path().join(file)
    }

    /// As whoever deploys should do it: written elsewhere, then renamed.
    fn put(&self, file: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(".new"), content).unwrap();
        fs::rename(self.path(".new"), self.path(file)).unwrap();
    }

    /// The next line that begins so.
    #[track_caller]
    fn says(&self, beginning: &str) -> String {
        let mut others = Vec::new();
        loop {
            match self.told.recv_timeout(Duration::from_secs(60)) {
                Ok(line) if line.starts_with(beginning) => return line,
                Ok(line) => others.push(line),
                Err(_) => panic!("nothing said {beginning:?}, but {others:#?}"),
            }
        }
    }

    /// The application and version that answers.
    fn answers(&self, host: Option<&str>, path: &str) -> Option<String> {
        let routes = self.table.load();
        routes.lookup(host, path.as_bytes()).map(|found| match found.app {
            Entry::Serving(app) => format!("{} {}", app.name(), app.version()),
            Entry::Pending => "pending".to_owned(),
        })
    }

    fn version(tag: &str, manifest: &str) -> String {
        Digest::of_version(&Digest::of(&component(tag)), manifest).short()
    }

    fn status(&self, name: &str) -> AppStatus {
        let status = self.deploys.as_ref().unwrap().status().unwrap();
        status.applications.into_iter().find(|app| app.application.as_str() == name).unwrap()
    }
}

#[test]
fn a_file_is_deployed_replaced_and_removed() {
    let site = Site::served();
    site.put("hello.wasm", component("1"));
    let line = site.says("deployed hello");
    assert!(line.contains(" at /hello in "), "{line}");
    assert_eq!(site.answers(None, "/hello/x"), Some(format!("hello {}", Site::version("1", ""))));
    site.put("hello.wasm", component("2"));
    site.says("deployed hello");
    assert_eq!(site.answers(None, "/hello"), Some(format!("hello {}", Site::version("2", ""))));
    fs::remove_file(site.path("hello.wasm")).unwrap();
    site.says("removed hello");
    assert_eq!(site.answers(None, "/hello"), None);
    site.put("hello.wasm", component("1"));
    site.says("deployed hello");
}

#[test]
fn whatever_is_bad_leaves_the_version_that_answers() {
    let site = Site::served();
    site.put("a.wasm", component("1"));
    site.says("deployed a");
    let good = site.answers(None, "/a");
    for (content, reason) in [
        (&b""[..], "empty"),
        (b"PK\x03\x04", "zip"),
        (b"\0asm\x01\0\0\0", "core module"),
        (&component("1")[..99], "it is"),
    ] {
        site.put("a.wasm", content);
        let line = site.says("refused a: ");
        assert!(line.contains(reason) && line.ends_with("stays)"), "{line}");
        assert_eq!(site.answers(None, "/a"), good);
        assert_eq!(site.status("a").state, AppState::ServingOld);
    }
    site.put("a.toml", "nonsense = 1");
    let line = site.says("refused a: ");
    assert!(line.contains("a.toml: line 1, column 1"), "{line}");
    fs::remove_file(site.path("a.toml")).unwrap();
    site.put("a.wasm", component("1"));
    site.says("deployed a");
    assert_eq!((site.answers(None, "/a"), site.status("a").state), (good, AppState::Serving));
    site.put("b.wasm", "text");
    site.says("refused b: ");
    assert_eq!((site.answers(None, "/b"), site.status("b").state), (None, AppState::Refused));
}

#[test]
fn what_is_no_regular_file_is_refused() {
    let site = Site::empty();
    std::os::unix::fs::symlink("/etc/passwd", site.path("link.wasm")).unwrap();
    fs::create_dir(site.path("dir.wasm")).unwrap();
    fs::create_dir(site.path("default")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, site.path("fifo.wasm"), 0o600.into()).unwrap();
    fs::write(site.path("notes.txt"), "").unwrap();
    let site = site.start();
    let mut lines: Vec<_> = (0..5).map(|_| site.told.recv_timeout(Duration::from_secs(60)).unwrap()).collect();
    lines.sort();
    let expected = ["ignored default: ", "ignored notes.txt: ", "refused dir: ", "refused fifo: ", "refused link: "];
    assert!(lines.iter().zip(expected).all(|(line, start)| line.starts_with(start)), "{lines:#?}");
    assert!(lines[4].contains("symbolic link"));
}

#[test]
fn a_route_has_one_holder_and_is_free_when_that_one_leaves() {
    let site = Site::served();
    site.put("old.toml", "routes = [\"/x\", \"shop.example.com\"]");
    site.put("old.wasm", component("old"));
    site.says("deployed old");
    site.put("new.toml", "routes = [\"/y\", \"/x\"]");
    site.put("new.wasm", component("new"));
    let line = site.says("refused new: ");
    assert!(line.contains("/x") && line.contains("old"), "{line}");
    assert_eq!(site.answers(None, "/y"), None);
    assert!(site.answers(Some("shop.example.com"), "/").unwrap().starts_with("old"));
    site.put("old.toml", "routes = [\"shop.example.com\"]");
    site.says("deployed new");
    assert!(site.answers(None, "/x").unwrap().starts_with("new"));
    assert_eq!(site.answers(Some("shop.example.com"), "/x").unwrap().split_once(' ').unwrap().0, "old");
}

#[test]
fn at_first_sight_the_older_file_gets_the_route() {
    let site = Site::empty();
    for name in ["a", "b", "c"] {
        fs::write(site.path(&format!("{name}.toml")), "routes = [\"/x\"]").unwrap();
        fs::write(site.path(&format!("{name}.wasm")), component(name)).unwrap();
    }
    let old = fs::File::options().write(true).open(site.path("b.wasm")).unwrap();
    old.set_modified(std::time::SystemTime::now() - Duration::from_secs(100)).unwrap();
    let mut site = site.start();
    site.says("deployed b");
    site = site.start();
    assert!(site.answers(None, "/x").unwrap().starts_with("b"), "holders survive a restart");
    fs::remove_file(site.path("b.wasm")).unwrap();
    site.says("deployed ");
    assert!(!site.answers(None, "/x").unwrap().starts_with("b"));
}

#[test]
fn a_restart_serves_at_once_what_is_unchanged() {
    let site = Site::served();
    site.put("a.wasm", component("1"));
    site.says("deployed a");
    let before = site.answers(None, "/a");
    let code = || fs::read_dir(site.deploys.as_ref().unwrap().state().join("code")).unwrap();
    // Nothing may be compiled: there is no code, and none is made.
    code().for_each(|file| fs::remove_file(file.unwrap().path()).unwrap());
    let state = site.deploys.as_ref().unwrap().state().to_owned();
    let mut site = site;
    site.stop();
    let path = site.dir.path().to_owned();
    let prepared = site.prepare(&path).unwrap();
    assert_eq!(site.answers(None, "/a"), before);
    site.deploys = Some(Arc::new(prepared.start(|| ()).unwrap()));
    site.says("serving a");
    site.put("b.wasm", component("2"));
    site.says("deployed b");
    assert_eq!(fs::read_dir(state.join("code")).unwrap().count(), 1);
}

#[test]
fn the_last_good_version_outlasts_a_restart_over_a_bad_file() {
    let mut site = Site::served();
    site.put("a.wasm", component("1"));
    site.says("deployed a");
    let good = site.answers(None, "/a");
    site.stop();
    site.put("a.wasm", "rubbish");
    site.put("b.wasm", "rubbish");
    let site = site.start();
    site.says("refused a: ");
    let status = site.status("a");
    assert_eq!((site.answers(None, "/a"), status.state), (good, AppState::ServingOld));
    assert!(status.reason.is_some());
}

#[test]
fn what_left_while_nobody_served_is_gone() {
    let mut site = Site::served();
    site.put("a.wasm", component("1"));
    site.says("deployed a");
    site.stop();
    fs::remove_file(site.path("a.wasm")).unwrap();
    let site = site.start();
    assert_eq!(site.answers(None, "/a"), None);
    site.says("removed a");
}

#[test]
fn a_touched_file_is_not_deployed_again() {
    let site = Site::served();
    site.put("a.wasm", component("1"));
    site.says("deployed a");
    fs::File::options()
        .write(true)
        .open(site.path("a.wasm"))
        .unwrap()
        .set_modified(std::time::SystemTime::now())
        .unwrap();
    site.put("b.wasm", component("2"));
    let line = site.told.recv_timeout(Duration::from_secs(60)).unwrap();
    assert!(line.starts_with("deployed b"), "{line}");
}

#[test]
fn a_slow_writer_is_waited_for() {
    use std::io::Write;
    let site = Site::served();
    let mut file = fs::File::create(site.path("a.wasm")).unwrap();
    for part in component("1").chunks(COMPONENT.len() / 4) {
        file.write_all(part).unwrap();
        std::thread::sleep(Duration::from_millis(400));
    }
    drop(file);
    let line = site.told.recv_timeout(Duration::from_secs(60)).unwrap();
    assert!(line.starts_with("deployed a"), "{line}");
}

#[test]
fn a_directory_that_is_moved_away_and_back_is_right_again() {
    let mut site = Site::empty();
    let dir = site.path("apps");
    fs::create_dir(&dir).unwrap();
    site = site.start_at(&dir);
    site.put("apps/a.wasm", component("1"));
    site.says("deployed a");
    let good = site.answers(None, "/a");
    fs::rename(&dir, site.path("away")).unwrap();
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(site.answers(None, "/a"), good, "what can't be seen is not removed");
    fs::copy(site.path("away/a.wasm"), site.path("away/b.wasm")).unwrap();
    fs::rename(site.path("away"), &dir).unwrap();
    // How soon is for a test of the whole server to say: tests/deploys/directory.rs.
    site.says("deployed b");
    site.put("apps/a.wasm", component("2"));
    site.says("deployed a");
}

#[test]
fn one_component_answers_at_the_root() {
    let site = Site::empty();
    site.put("some.name.wasm", component("1"));
    site.put("other.wasm", component("2"));
    let path = site.path("some.name.wasm");
    let site = site.start_at(&path);
    let line = site.says("deployed");
    assert!(line.contains(" at / in"), "{line}");
    assert!(site.answers(Some("any"), "/other").unwrap().starts_with("some.name"));
}

#[test]
fn code_that_is_damaged_is_made_again_for_the_request() {
    let site = Site::served();
    site.put("a.wasm", component("1"));
    site.says("deployed a");
    let state = site.deploys.as_ref().unwrap().state();
    for file in fs::read_dir(state.join("code")).unwrap() {
        let path = file.unwrap().path();
        let mut code = fs::read(&path).unwrap();
        code[100] ^= 1;
        fs::write(path, code).unwrap();
    }
    let fingerprint = ENGINE.fingerprint();
    let cache = Cache::open(state, &fingerprint).unwrap();
    let versions = Versions::open(state).unwrap();
    let shop = Arc::new(compile::Workshop::new(ENGINE.clone(), Compiler::here(), cache, versions));
    let source = Source::of(site.dir.path()).unwrap();
    let jobs = compile::start(&shop, &source, RUNTIME.handle(), drop).unwrap();
    let (tenant, digest) = (TenantName::default(), Digest::of(&component("1")));
    let (memory, full) = (Pool::of_host(None), Pool::of_host(Some(1)));
    let load_within = |tenant, digest, memory: &Arc<Pool>| {
        let owned = compile::Owned { tenant, component: digest, memory: memory.clone() };
        RUNTIME.block_on(shop.clone().load(owned)).map(|_code| memory.code())
    };
    let load = |tenant, digest| load_within(tenant, digest, &memory);
    assert!(load(tenant.clone(), digest).unwrap() > 0 && memory.used() == 0, "its memory is given back with it");
    assert!(Cache::open(state, &fingerprint).unwrap().get(&digest).is_some());
    assert!(load_within(tenant.clone(), digest, &full).unwrap_err().to_string().contains("there is no room for"));
    assert!(load(tenant.clone(), Digest::of(b"never seen")).unwrap_err().to_string().contains("deploy it again"));
    drop(jobs);
    assert!(load(tenant, Digest::of(b"at the end")).unwrap_err().to_string().contains("ending"));
}

#[test]
fn what_nothing_needs_is_deleted() {
    let mut site = Site::served();
    for tag in ["1", "2"] {
        site.put("a.wasm", component(tag));
        site.says("deployed a");
    }
    let state = site.deploys.as_ref().unwrap().state().to_owned();
    site.put("a.wasm", "rubbish");
    site.says("refused a");
    site.stop();
    let names = |folder| {
        let files = fs::read_dir(state.join(folder)).unwrap();
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
    };
    let good = Digest::of(&component("2")).to_string();
    assert_eq!(names("versions"), std::slice::from_ref(&good));
    assert!(names("code").iter().all(|name| name.starts_with(&good)) && names("code").len() == 1);
}

#[test]
fn other_limits_reach_every_application() {
    let site = Site::served();
    site.put("a.wasm", component("1"));
    site.says("deployed a");
    site.deploys.as_ref().unwrap().set_limits(Limits { queue: 7, ..Limits::default() }, Quotas::default());
    let until = Instant::now() + Duration::from_secs(30);
    let queue = |routes: &Routes<Entry>| match routes.lookup(None, b"/a").unwrap().app {
        Entry::Serving(app) => app.settings().limits.queue,
        Entry::Pending => 0,
    };
    while queue(&site.table.load()) != 7 {
        assert!(Instant::now() < until);
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn status_and_logs_are_asked_for_on_the_socket() {
    let site = Site::served();
    site.put("a.wasm", component("1"));
    site.says("deployed a");
    let deploys = site.deploys.clone().unwrap();
    let folder = deploys.state().to_owned();
    assert!(admin::status(&folder).unwrap_err().to_string().contains("no server is running"));
    let entered = RUNTIME.enter();
    let task = admin::serve(admin::listen(&folder).unwrap(), deploys.clone());
    drop(entered);
    let found = crate::state::find(site.root.path(), None).unwrap();
    assert_eq!(found, crate::state::find(site.root.path(), Some(site.dir.path())).unwrap());
    let status = admin::status(&found).unwrap();
    assert_eq!(status.applications[0].state, AppState::Serving);
    deploys.logs().flush(Duration::from_secs(5));
    let mut log = Vec::new();
    admin::logs(&folder, &"a".parse().unwrap(), false, &mut log).unwrap();
    assert!(String::from_utf8(log).unwrap().contains(" host version "));
    let error = admin::logs(&folder, &"b".parse().unwrap(), false, Vec::new()).unwrap_err();
    assert!(error.to_string().contains("no application b"), "{error}");
    task.abort();
}

#[test]
fn an_instance_that_comes_back_after_its_code_was_dropped_is_swept_too() {
    let site = Site::served();
    site.put("a.toml", "[instances]\nreuse = true");
    site.put("a.wasm", component("1"));
    site.says("deployed a");
    let Entry::Serving(app) = site.table.load().lookup(None, b"/a").unwrap().app.clone() else { panic!("pending") };
    let exchange = Exchange::new(http::Method::GET, true, Arc::default(), app.clocks());
    let instance = RUNTIME.block_on(app.instance(&ENGINE, &exchange)).map_err(|error| error.to_string()).unwrap();
    assert!(app.unload_if_idle(Duration::ZERO), "its code");
    app.keep(instance);
    assert!(!app.unload_if_idle(Duration::from_secs(60)), "it was used a moment ago");
    assert!(app.unload_if_idle(Duration::ZERO), "the instance");
    assert!(!app.unload_if_idle(Duration::ZERO), "nothing is left");
}
