//! The machine fails: the host serves what it can, says what is wrong, and recovers by itself.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Pid, Signal, kill_process};

use crate::support::link::Link;
use crate::support::site::{Server, Site};
use crate::support::version::{padded, version};
use crate::support::{guests, wait_for};

/// A server of `hello`, version one.
fn serving(configure: impl FnOnce(&Site, &mut Command)) -> (Site, Server) {
    let site = Site::new();
    site.put("hello.wasm", version("one"));
    let mut command = site.command();
    configure(&site, &mut command);
    let server = Server::start(command);
    server.up("/hello", "one");
    (site, server)
}

/// What is written to nobody: standard output and error, and an access log in a pipe.
#[test]
fn h11_nobody_reads_the_logs() {
    let site = Site::new();
    site.put("hello.wasm", version("one"));
    let pipe = site.folder().join("pipe");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
    let reader =
        fs::File::options().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(&pipe).expect("a reader");
    // A port that is free, as nobody reads which one it is.
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address");
    let mut command = site.command_on(free);
    command.arg("--access-log").arg(&pipe).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut server = Killed(command.spawn().expect("wasgi"));
    let pid = Pid::from_child(&server.0);
    let asked = |text: &str| {
        wait_for(text, || {
            let response = Link::to(free).ok()?.get("/hello").ok()?;
            (response.status() == 200 && response.text() == padded(text)).then_some(())
        })
    };
    asked("one");
    // More lines of each kind than a pipe holds, which is 64 KiB.
    let mut link = Link::to(free).expect("a connection");
    for _ in 0..1_000 {
        assert_eq!(link.get("/hello").expect("an answer").status(), 200);
    }
    for _ in 0..1_000 {
        kill_process(pid, Signal::HUP).expect("a signal");
        thread::sleep(Duration::from_millis(1));
    }
    for number in 0..2_000 {
        site.put(&format!("odd{number}.txt"), "");
    }
    site.put("hello.wasm", version("two"));
    asked("two");
    let began = Instant::now();
    kill_process(pid, Signal::TERM).expect("a signal");
    let status = wait_for("its end", || server.0.try_wait().expect("a child"));
    println!(
        "H11: with no reader of any log it served, deployed, and ended {:.1?} after it was told to",
        began.elapsed()
    );
    assert_eq!(status.code(), Some(0));
    let mut said = Vec::new();
    let mut stderr = server.0.stderr.take().expect("its log");
    stderr.read_to_end(&mut said).expect("its log");
    assert!(said.len() > 60 << 10, "the pipe was full: {} bytes", said.len());
    drop(reader);
}

/// A process that is killed when it is dropped.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the state holds is gone, or something else, while the host serves.
#[test]
fn the_state_is_damaged_while_it_serves() {
    let (site, server) = serving(|_, command| {
        command.args(["--access-log", "/dev/null"]);
    });
    let state = site.state_folder();
    for folder in ["code", "versions", "log"] {
        fs::remove_dir_all(state.join(folder)).expect("a folder");
        fs::write(state.join(folder), "no folder").expect("a file");
    }
    fs::remove_file(state.join("apps.json")).expect("a file");
    fs::create_dir(state.join("apps.json")).expect("a folder");
    assert_eq!(server.text("/hello?log=something"), "one");
    let before = server.out.count();
    site.put("hello.wasm", version("two"));
    let line = server.out.find(before, "a decision", |line| line.contains(" hello"));
    println!("with a damaged state: {line}");
    let now = if line.starts_with("refused") { "one" } else { "two" };
    for _ in 0..100 {
        assert_eq!(server.text("/hello?log=something"), now);
    }
    for folder in ["code", "versions", "log"] {
        fs::remove_file(state.join(folder)).expect("a file");
        fs::create_dir(state.join(folder)).expect("a folder");
    }
    fs::remove_dir(state.join("apps.json")).expect("a folder");
    // What was refused for that is tried again, and what is put now is deployed.
    server.answers("/hello", "two");
    site.put("hello.wasm", version("three"));
    server.answers("/hello", "three");
    wait_for("the records", || fs::read_to_string(state.join("apps.json")).ok().filter(|text| text.contains("hello")));
    server.stop();
    let server = site.serve();
    server.answers("/hello", "three");
}

/// A folder of control groups for memory, if this user may make one.
fn memory_group(limit: u64) -> Option<Group> {
    let name = format!("wasgi-test-{}", std::process::id());
    let (first, second) =
        (PathBuf::from("/sys/fs/cgroup/memory").join(&name), PathBuf::from("/sys/fs/cgroup").join(&name));
    let (path, file) = match PathBuf::from("/sys/fs/cgroup/memory").is_dir() {
        true => (first, "memory.limit_in_bytes"),
        false => (second, "memory.max"),
    };
    fs::create_dir(&path).ok()?;
    let group = Group(path);
    fs::write(group.0.join(file), limit.to_string()).ok()?;
    Some(group)
}

struct Group(PathBuf);

impl Drop for Group {
    fn drop(&mut self) {
        wait_for("an empty group", || fs::remove_dir(&self.0).ok());
    }
}

#[test]
fn h5_there_are_512_mib_of_memory() {
    let Some(group) = memory_group(512 << 20) else {
        println!("skipped: control groups take privileges that this user has not got");
        return;
    };
    let site = Site::new();
    site.put("hello.wasm", version("one"));
    site.put("evil/hogs.wasm", fs::read(guests::component("hogs")).expect("a component"));
    site.put("evil/grows.wasm", fs::read(guests::component("counts")).expect("a component"));
    // The group's limit is known only to who sees its path; in a container it has to be said.
    fs::write(site.folder().join("host.toml"), "memory = \"256MiB\"\ninstances = 50\n[compile]\nmemory = \"200MiB\"\n")
        .expect("a configuration");
    let serve = site.command();
    let mut command = Command::new("sh");
    command.args(["-c", "echo $$ > \"$0/cgroup.procs\" && exec \"$@\""]).arg(&group.0).arg(serve.get_program());
    command.args(serve.get_args()).args(["--access-log", "/dev/null", "--config"]).arg(site.folder().join("host.toml"));
    let server = Server::start(command);
    server.up("/hello", "one");
    for name in ["evil/hogs", "evil/grows"] {
        server.out.after(0, &format!("deployed {name} ("));
    }
    let statuses = thread::scope(|scope| {
        let client = |number: usize| {
            let server = &server;
            scope.spawn(move || {
                let target = ["/evil/hogs", "/evil/grows?grow=100&ms=50"][number % 2];
                let ask =
                    |_| Link::to(server.address).and_then(|mut link| link.get(target)).map_or(0, |it| it.status());
                (0..20).map(ask).collect::<Vec<_>>()
            })
        };
        let clients: Vec<_> = (0..16).map(client).collect();
        for _ in 0..200 {
            let status = server.status_of("/hello");
            assert!(matches!(status, 200 | 503), "{status}");
        }
        clients.into_iter().flat_map(|client| client.join().expect("a client")).collect::<Vec<_>>()
    });
    let of = |wanted: u16| statuses.iter().filter(|status| **status == wanted).count();
    println!(
        "H5: in 512 MiB {} requests for more: {} were 500, {} were 503, {} were granted",
        statuses.len(),
        of(500),
        of(503),
        of(200)
    );
    assert!(statuses.iter().all(|status| matches!(status, 200 | 500 | 503)), "{statuses:?}");
    assert!(of(503) + of(500) > 0);
    assert_eq!(server.text("/hello"), "one");
    server.stop();
}

/// The system's clock jumps, of which a library tells the server that stands before the system's own.
#[test]
fn h6_the_clock_jumps() {
    const SHIM: &str = r#"
        #define _GNU_SOURCE
        #include <fcntl.h>
        #include <stdlib.h>
        #include <sys/mman.h>
        #include <sys/syscall.h>
        #include <time.h>
        #include <unistd.h>
        static volatile long *by;
        __attribute__((constructor)) static void begin(void) {
            int file = open(getenv("CLOCK_JUMP"), O_RDONLY);
            by = file < 0 ? NULL : mmap(NULL, sizeof *by, PROT_READ, MAP_SHARED, file, 0);
        }
        int clock_gettime(clockid_t clock, struct timespec *time) {
            long result = syscall(SYS_clock_gettime, clock, time);
            if (result == 0 && clock == CLOCK_REALTIME && by && by != MAP_FAILED) time->tv_sec += *by;
            return result;
        }
    "#;
    let folder = tempfile::tempdir().expect("a folder");
    let [source, library, by] = ["shim.c", "shim.so", "by"].map(|name| folder.path().join(name));
    fs::write(&source, SHIM).expect("a source");
    fs::write(&by, 0_i64.to_ne_bytes()).expect("a jump");
    let built = Command::new("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(&source).status();
    assert!(built.expect("a C compiler").success());
    let (site, server) = serving(|_, command| {
        command.env("LD_PRELOAD", &library).env("CLOCK_JUMP", &by);
    });
    let mut link = server.connect();
    let mut years = Vec::new();
    for (number, years_on) in [1_i64, -1, 40, -40, 0].into_iter().enumerate() {
        let jump = (years_on * 365 * 86_400).to_ne_bytes();
        let file = fs::File::options().write(true).open(&by).expect("a jump");
        std::os::unix::fs::FileExt::write_all_at(&file, &jump, 0).expect("a jump");
        let (mark, before) = (format!("after {number}"), server.log.count());
        site.put("hello.wasm", version(&mark));
        server.answers("/hello", &mark);
        assert_eq!(link.get("/hello").expect("an answer on the old connection").text(), padded(&mark));
        // The access log begins each second anew, and not each line.
        let now = httpdate::fmt_http_date(std::time::SystemTime::now())[12..16].parse::<i64>().expect("a year");
        let expected = [now + years_on - 1, now + years_on].map(|year| format!("{year}-"));
        wait_for("a line of that year", || {
            assert_eq!(server.status_of("/hello"), 200);
            let lines = server.log.all();
            lines[before..].iter().any(|line| expected.iter().any(|year| line.starts_with(year))).then_some(())
        });
        years.push(years_on);
    }
    println!("H6: served and deployed while the clock went on by {years:?} years");
    let log = server.log.all();
    assert!(!log.iter().any(|line| line.contains("panicked")), "{log:#?}");
    server.stop();
}
