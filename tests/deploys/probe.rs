//! What instantiating a component shows: whether it fits, and whether it ever ends.

use std::fs;
use std::time::{Duration, Instant};

use crate::support::component::with_module;
use crate::support::site::Site;
use crate::support::version::version;
use crate::support::wait_for;

/// A start function that ends after about half a second of CPU.
const SPINS_A_WHILE: &str = "(module (func $spin (local $left i64) (local.set $left (i64.const 1000000000))
    (loop (br_if 0 (i64.ne (local.tee $left (i64.sub (local.get $left) (i64.const 1))) (i64.const 0)))))
    (start $spin))";

#[test]
fn a_start_that_never_ends_is_refused_and_keeps_nobody_waiting() {
    let site = Site::new();
    site.put("hello.wasm", version("one"));
    let server = site.serve();
    server.up("/hello", "one");
    let before = server.out.count();
    site.put("hello.wasm", with_module(&version("two"), "(module (func $spin (loop (br 0))) (start $spin))", 1));
    let mut took = Vec::new();
    let refused = wait_for("the end of the probe", || {
        let start = Instant::now();
        assert_eq!(server.text("/hello"), "one");
        took.push(start.elapsed());
        server.out.all().into_iter().skip(before).find(|line| line.starts_with("refused hello: "))
    });
    // Of a machine that has little time for it, it is the wall clock that ends first.
    assert!(refused.contains(" time") && refused.ends_with(" stays)"), "{refused}");
    took.sort_unstable();
    println!("{} requests were answered beside it, the slowest after {:.1?}", took.len(), took[took.len() - 1]);
    // None waited for it; one or two may have waited for the machine.
    assert!(took[took.len() * 9 / 10] < Duration::from_secs(1), "{took:?}");
}

#[test]
fn a_start_that_takes_too_long_for_a_request_is_503() {
    let site = Site::new();
    site.put("hello.toml", "[limits]\ncpu = \"20ms\"");
    site.put("hello.wasm", with_module(&version("one"), SPINS_A_WHILE, 1));
    let mut command = site.command();
    command.arg("--access-log").arg(site.folder().join("access.log"));
    let server = crate::support::site::Server::start(command);
    // The probe is more patient than a request.
    server.out.after(0, "deployed hello (");
    let response = server.get("/hello");
    assert_eq!((response.status(), response.head.get("retry-after")), (503, Some("1")), "{}", response.text());
    let line = wait_for("its line", || {
        let log = fs::read_to_string(site.folder().join("access.log")).expect("a log");
        log.lines().find(|line| line.contains(" /hello ")).map(str::to_owned)
    });
    assert!(line.contains(" 503 cpu app=default/hello "), "{line}");
}

/// What a guest computes while it is instantiated counts like all that it computes: it is a long call, beside which short
/// requests go first.
#[test]
fn a_start_that_computes_for_long_is_a_long_call() {
    let site = Site::new();
    site.put("hello.wasm", with_module(&version("one"), SPINS_A_WHILE, 1));
    let server = site.serve();
    server.out.after(0, "deployed hello (");
    let before = server.cpu_of_threads("long-");
    // Of the first request it is not known yet that it will be one.
    assert_eq!(server.text("/hello"), "one");
    let used = server.cpu_of_threads("long-") - before;
    println!("a start used {used:.1?} of CPU as a long call");
    assert!(used > Duration::from_millis(100), "{used:?}");
}

/// CPython's component has 400 core instances and a table with close to 50,000 elements.
#[test]
fn a_component_of_cpythons_size_fits() {
    let site = Site::new();
    let large = with_module(&version("one"), "(module (table 49000 funcref))", 1);
    let large = with_module(&large, "(module (global (mut i32) (i32.const 0)) (func (export \"f\")))", 400);
    site.put("hello.wasm", large);
    let server = site.serve();
    server.out.after(0, "deployed hello (");
    for _ in 0..20 {
        assert_eq!(server.text("/hello"), "one");
    }
}
