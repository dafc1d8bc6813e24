//! A file that is there is live, and one that is gone is not.

use std::fs::{self, File};
use std::io::Write;
use std::time::{Duration, Instant};

use crate::support::component::slow_to_compile;
use crate::support::site::Site;
use crate::support::version::version;
use crate::support::wait_for;

#[test]
fn a_file_that_is_renamed_in_is_live() {
    let site = Site::new();
    let server = site.serve();
    let first = server.line("deployed hello (", || site.put("hello.wasm", version("one")));
    assert!(first.contains(") at /hello in "), "{first}");
    assert_eq!(server.text("/hello"), "one");
    let second = server.line("deployed hello (", || site.put("hello.wasm", version("two")));
    assert_eq!(server.text("/hello"), "two");
    let digest = |line: &str| line.split(['(', ')']).nth(1).map(str::to_owned);
    assert_ne!(digest(&first), digest(&second));
    let third = server.line("deployed hello (", || site.put("hello.wasm", version("one")));
    assert_eq!(digest(&first), digest(&third), "the same content is the same version");
}

#[test]
fn from_the_rename_to_the_first_answer() {
    let site = Site::new();
    let server = site.serve();
    let mut took = Vec::new();
    for number in 0..5 {
        let (mark, component) = (format!("version {number}"), version(&format!("version {number}")));
        let new = site.folder().join("new");
        fs::write(&new, component).expect("a file");
        let start = Instant::now();
        fs::rename(new, site.file("hello.wasm")).expect("a rename");
        server.answers("/hello", &mark);
        took.push(start.elapsed());
    }
    took.sort();
    println!("from mv to the first answer: {took:.0?}");
    let bound = if cfg!(debug_assertions) { Duration::from_secs(10) } else { Duration::from_millis(300) };
    assert!(took[0] <= bound, "{took:?}");
}

#[test]
fn a_file_is_not_taken_while_it_is_written() {
    let site = Site::new();
    let server = site.serve();
    let component = version("slow");
    let mut file = File::create(site.file("slow.wasm")).expect("a file");
    for part in component.chunks(component.len() / 3 + 1) {
        file.write_all(part).expect("a write");
        // A deploy after it shows that enough time has passed for the file to be taken as it is.
        server.line("deployed other (", || {
            site.put("other.wasm", version(&format!("{} bytes", file.metadata().expect("metadata").len())))
        });
        assert_eq!(server.status_of("/slow"), 404);
    }
    let closed = server.line("deployed slow (", || drop(file));
    assert!(closed.contains("at /slow"));
    assert_eq!(server.text("/slow"), "slow");
    assert!(!server.out.all().iter().any(|line| line.starts_with("refused")), "{:?}", server.out.all());
}

#[test]
fn a_file_that_is_rewritten_in_place_is_the_next_version() {
    let site = Site::new();
    site.put("hello.wasm", version("one"));
    let server = site.serve();
    server.up("/hello", "one");
    server.line("deployed hello (", || fs::write(site.file("hello.wasm"), version("two")).expect("a write"));
    assert_eq!(server.text("/hello"), "two");
}

#[test]
fn what_is_removed_is_gone_and_can_come_again() {
    let site = Site::new();
    site.put("hello.wasm", version("one"));
    let server = site.serve();
    server.up("/hello", "one");
    for round in 0..3 {
        server.line("removed hello", || site.remove("hello.wasm"));
        assert_eq!(server.status_of("/hello"), 404);
        let mark = format!("again {round}");
        server.line("deployed hello (", || site.put("hello.wasm", version(&mark)));
        assert_eq!(server.text("/hello"), mark);
    }
}

#[test]
fn a_file_under_another_name_is_another_application() {
    let site = Site::new();
    site.put("one.wasm", version("it"));
    let server = site.serve();
    server.up("/one", "it");
    fs::rename(site.file("one.wasm"), site.file("two.wasm")).expect("a rename");
    server.answers("/two", "it");
    wait_for("the old route's end", || (server.status_of("/one") == 404).then_some(()));
}

#[test]
fn a_file_that_is_only_touched_is_no_deploy() {
    let site = Site::new();
    site.put("hello.wasm", version("one"));
    let server = site.serve();
    server.up("/hello", "one");
    let before = server.out.count();
    site.put("hello.wasm", version("one"));
    // Decided after it, and told after it.
    server.line("deployed other (", || site.put("other.wasm", version("other")));
    assert_eq!(server.out.all().len(), before + 1, "{:?}", server.out.all());
}

#[test]
fn one_component_alone_answers_at_the_root() {
    let site = Site::new();
    site.put("hello.wasm", version("one"));
    site.put("other.wasm", version("other"));
    let mut command = crate::support::site::wasgi();
    command.arg("serve").arg(site.file("hello.wasm")).args(["--listen", "127.0.0.1:0", "--state"]).arg(site.state());
    let server = crate::support::site::Server::start(command);
    server.up("/", "one");
    assert_eq!(server.text("/anything/below"), "one");
    server.line("deployed hello (", || site.put("hello.wasm", version("two")));
    assert_eq!(server.text("/other"), "two");
}

#[test]
fn what_waits_for_its_first_compilation_says_when_to_come_again() {
    let site = Site::new();
    let server = site.serve();
    let busy = std::sync::atomic::AtomicBool::new(true);
    let waiting = std::thread::scope(|scope| {
        let seen = scope.spawn(|| {
            let mut client = server.connect();
            loop {
                let response = client.get("/last").expect("a response");
                match response.status() {
                    503 => break Some(response),
                    200 => break None,
                    404 if busy.load(std::sync::atomic::Ordering::Relaxed) => {}
                    other => panic!("{other}: {}", response.text()),
                }
            }
        });
        // Others go before it, and it takes long itself.
        for number in 0..8 {
            site.put(&format!("a{number}.wasm"), version(&format!("a{number}")));
        }
        site.put("last.wasm", slow_to_compile(&version("last")));
        let seen = seen.join().expect("a thread");
        busy.store(false, std::sync::atomic::Ordering::Relaxed);
        seen
    });
    let waiting = waiting.expect("an answer before it was compiled");
    assert!(waiting.head.get("retry-after").is_some_and(|after| after.parse::<u32>().is_ok()), "{waiting:?}");
    server.answers("/last", "last");
}
