//! Components that ask more of the compiler than anybody should: each is compiled in a process of its own, within limits,
//! and ends as a sentence.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::sync::OnceLock;

use rustix::process::Signal;

use crate::support::component::with_module;
use crate::support::site::{Server, Site};
use crate::support::version::version;
use crate::support::wait_for;

/// A module of `functions`, each with `blocks` that branch over additions of random ones of `locals`: the values that
/// live at one place are as many as the locals, and the compiler's work grows with more than their number.
fn module(functions: usize, locals: usize, blocks: usize) -> String {
    let (mut body, mut seed) = (String::new(), 1_u64);
    let mut random = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % locals
    };
    for _ in 0..blocks {
        let (a, b, c) = (random(), random(), random());
        let _ =
            write!(body, "(block (br_if 0 (local.get {a})) (local.set {a} (i32.add (local.get {b}) (local.get {c}))))");
    }
    let function = format!("(func (local {}) {body})", "i32 ".repeat(locals));
    format!("(module {})", function.repeat(functions))
}

/// Takes some seconds of CPU, and little memory.
fn long() -> &'static [u8] {
    static BOMB: OnceLock<Vec<u8>> = OnceLock::new();
    BOMB.get_or_init(|| bomb(&module(300, 100, 1000)))
}

/// Takes more than 2 GiB of memory.
fn large() -> &'static [u8] {
    static BOMB: OnceLock<Vec<u8>> = OnceLock::new();
    BOMB.get_or_init(|| bomb(&module(1, 1000, 20_000)))
}

/// Takes half a minute.
fn endless() -> &'static [u8] {
    static BOMB: OnceLock<Vec<u8>> = OnceLock::new();
    BOMB.get_or_init(|| bomb(&module(30, 200, 4000)))
}

/// Nothing of the module is ever run: it is compiled.
fn bomb(module: &str) -> Vec<u8> {
    with_module(&version("bomb"), module, 0)
}

/// A site that serves `hello`, which answers `one`, with `config` in the host's configuration.
fn serving(config: &str) -> (Site, Server) {
    let site = Site::new();
    site.put("hello.wasm", version("one"));
    let file = site.folder().join("host.toml");
    fs::write(&file, config).expect("a configuration");
    let mut command = site.command();
    command.arg("--config").arg(file);
    let server = Server::start(command);
    server.up("/hello", "one");
    (site, server)
}

/// The process that compiles for `server`.
fn compiling(server: &Server) -> u32 {
    wait_for("a compiling process", || children(server).into_iter().next())
}

/// The server's children: those of each of its threads.
fn children(server: &Server) -> BTreeSet<u32> {
    let threads = fs::read_dir(format!("/proc/{}/task", server.pid())).expect("its threads").flatten();
    let children = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    children
        .flat_map(|pids| pids.split_whitespace().map(|pid| pid.parse().expect("a pid")).collect::<Vec<_>>())
        .collect()
}

fn is_gone(pid: u32) -> Option<()> {
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => stat.contains(") Z ").then_some(()),
        Err(_) => Some(()),
    }
}

/// Deploys `bomb`, and gives the line that refuses it; meanwhile the version before it answers.
fn refused_while_serving(site: &Site, server: &Server, bomb: &[u8]) -> String {
    let before = server.out.count();
    site.put("hello.wasm", bomb);
    let mut answered = 0;
    let line = wait_for("a refusal", || {
        assert_eq!(server.text("/hello"), "one");
        answered += 1;
        server.out.all().into_iter().skip(before).find(|line| line.starts_with("refused hello: "))
    });
    println!("{answered} requests were answered; {line}");
    assert_eq!(children(server), BTreeSet::new());
    line
}

#[test]
fn too_much_cpu_is_a_sentence_and_others_are_served() {
    let (site, server) = serving("[compile]\ncpu = \"2s\"\n");
    let line = refused_while_serving(&site, &server, long());
    assert!(line.contains(": compiling it takes more than 2s of CPU (") && line.ends_with(" stays)"), "{line}");
    server.line("deployed hello (", || site.put("hello.wasm", version("two")));
    assert_eq!(server.text("/hello"), "two");
}

#[test]
fn too_much_memory_is_a_sentence_and_others_are_served() {
    let (site, server) = serving("[compile]\nmemory = \"512MiB\"\n");
    let line = refused_while_serving(&site, &server, large());
    assert!(line.contains(": compiling it takes more than 512MiB of memory (") && line.ends_with(" stays)"), "{line}");
}

#[test]
fn too_much_time_is_a_sentence_and_others_are_served() {
    let (site, server) = serving("[compile]\nwall = \"8s\"\n");
    let line = refused_while_serving(&site, &server, endless());
    assert!(line.contains(": compiling it takes more than 8s (") && line.ends_with(" stays)"), "{line}");
}

#[test]
fn the_compiling_process_can_do_nothing_else() {
    let (site, server) = serving("");
    site.put("hello.wasm", endless());
    let pid = compiling(&server);
    let proc = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).expect("a process");
    let status = |pid: u32, name: &str| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
        status.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned())).expect("a field")
    };
    // It has the server's filters from its beginning, and reads the component only when it has its own as well.
    let filters = |pid: u32| status(pid, "Seccomp_filters:").parse::<u32>().expect("a number");
    wait_for("its filters", || (filters(pid) == filters(server.pid()) + 2).then_some(()));
    assert_eq!((status(pid, "Seccomp:").as_str(), status(pid, "NoNewPrivs:").as_str()), ("2", "1"));
    let limits = proc("limits");
    for (limit, soft, hard) in [
        ("Max cpu time", "60", "61"),
        ("Max data size", "2147483648", "2147483648"),
        ("Max file size", "0", "0"),
        ("Max core file size", "0", "0"),
    ] {
        let line = limits.lines().find_map(|line| line.strip_prefix(limit)).expect("a limit");
        let values: Vec<_> = line.split_whitespace().take(2).collect();
        assert_eq!(values, [soft, hard], "{limit}");
    }
    let open = fs::read_dir(format!("/proc/{pid}/fd")).expect("its descriptors").flatten();
    let open: Vec<_> = open.map(|fd| fs::read_link(fd.path()).expect("a descriptor").display().to_string()).collect();
    // Of the server's own files and sockets it has none. What the server was started with, it inherits and can't use.
    let folder = site.folder().display().to_string();
    let foreign = |fd: &String| fd.starts_with("socket:") || fd.starts_with("anon_inode:") || fd.starts_with(&folder);
    assert!(!open.iter().any(foreign), "{open:?}");
    let environment = String::from_utf8(fs::read(format!("/proc/{pid}/environ")).expect("it")).expect("a text");
    let names: BTreeSet<_> = environment.split_terminator('\0').filter_map(|one| one.split('=').next()).collect();
    assert_eq!(names, BTreeSet::from(["RAYON_NUM_THREADS"]));
}

#[test]
fn what_is_removed_is_not_compiled_to_the_end() {
    let (site, server) = serving("");
    site.put("other.wasm", endless());
    let pid = compiling(&server);
    site.remove("other.wasm");
    wait_for("its end", || is_gone(pid));
    server.line("deployed hello (", || site.put("hello.wasm", version("two")));
    assert_eq!(server.text("/hello"), "two");
}

#[test]
fn it_ends_with_the_server() {
    for signal in [Signal::KILL, Signal::TERM] {
        let (site, mut server) = serving("");
        site.put("hello.wasm", endless());
        let pid = compiling(&server);
        server.signal(signal);
        server.ended();
        wait_for("its end", || is_gone(pid));
    }
}

#[test]
fn nobody_waits_for_more_than_a_turn_of_a_tenant_with_many() {
    let (site, server) = serving("[compile]\ncpu = \"1s\"\n");
    for number in 0..12 {
        site.put(&format!("evil/bomb{number}.wasm"), long());
    }
    compiling(&server);
    let before = server.out.all().iter().filter(|line| line.starts_with("refused evil/")).count();
    site.put("fair/hello.wasm", version("fair"));
    server.out.after(0, "deployed fair/hello (");
    let refused = server.out.all().iter().filter(|line| line.starts_with("refused evil/")).count();
    println!("{} of 12 bombs went before, {before} of them before it was there", refused);
    // Those that each thread had begun, and those that went while the file was settling.
    assert!(refused - before <= 6, "{refused}: {:#?}", server.out.all());
    assert_eq!(server.text("/fair/hello"), "fair");
}
