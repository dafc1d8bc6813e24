//! What the toolchain of Python's guests leaks costs the host nothing in the long run.
//!
//! `WASGI_REQUESTS=200000 cargo test --test cli python_memory -- --nocapture` is the whole figure; `cargo test`
//! makes less.

use std::fs;
use std::sync::Arc;
use std::time::Instant;

use crate::support::host::{App, Host};
use crate::support::link::Link;
use crate::support::{guests, python};

fn requests() -> usize {
    std::env::var("WASGI_REQUESTS").map_or(2000, |count| count.parse().expect("WASGI_REQUESTS is a number"))
}

/// How much more than in the second quarter, in KiB. An instance grows with what it answered until it is retired, and the
/// host's memory with it: so what is compared is the least that it comes back to. Where a request comes before the one
/// before it has put its instance back, another one is made, and kept from then on: 20 MiB for Flask's.
const MORE: u64 = 32 << 10;

/// How much more it may be in the meantime: two instances that have grown up to the mark at which they are retired.
const MEANWHILE: u64 = 2 * (64 << 10);

/// Makes so many requests, one after the other on one connection, each of which is answered with so many bytes; and says
/// what became of the host's memory: the least that it was in the second quarter of them, and in the last, and the most
/// that it ever was.
#[track_caller]
fn run(host: &Arc<Host>, app: &App, target: &str, count: usize, bytes: usize) {
    let mut link = Link::to(host.address()).unwrap();
    let mut most = 0;
    let mut quarter = || {
        let ask = |number| {
            let response = link.get_of(&app.authority(), target).unwrap();
            assert_eq!((response.status(), response.body.len()), (200, bytes), "request {number}: {response:?}");
            (number % 4 == 0).then(|| host.memory("VmRSS"))
        };
        let memory: Vec<_> = (0..count / 4).filter_map(ask).collect();
        most = most.max(memory.iter().copied().max().unwrap());
        memory.into_iter().min().unwrap()
    };
    let began = Instant::now();
    let [_, second, _, last] = [(); 4].map(|()| quarter());
    println!(
        "{}: {count} responses of {bytes} bytes in {:.1?}, none failed; the host's memory: at least {} MiB in the second \
         quarter, {} MiB in the last, at most {}",
        app.name(),
        began.elapsed(),
        second >> 10,
        last >> 10,
        most >> 10
    );
    assert!(last < second + MORE, "{second} KiB in the second quarter, {last} KiB in the last");
    assert!(most < second + MEANWHILE, "{second} KiB in the second quarter, {most} KiB at most");
}

#[test]
fn many_requests_through_one_flask_instance_leave_memory_flat() {
    if !python::available() {
        return;
    }
    let project = guests::root().join("examples/flask");
    let host = Host::options().start();
    // One instance serves them all, unless it grows beyond the mark.
    let settings = "[instances]\nreuse = true\nmax_requests = 1000000\n";
    let manifest = settings.to_owned() + &fs::read_to_string(project.join("flask.toml")).unwrap();
    let app = host.deploy_component(&python::built(&project), "flask", &manifest);
    run(&host, &app, "/hello/Ada", requests(), "Hello, Ada!\n".len());
}

#[test]
fn many_megabytes_from_reused_instances_leave_memory_flat() {
    if !python::available() {
        return;
    }
    let host = Host::options().start();
    let component = python::built(&guests::root().join("tests/python-guests"));
    let manifest = "[instances]\nreuse = true\n[env]\nGUEST = \"chunks\"\n";
    let app = host.deploy_component(&component, "chunks", manifest);
    run(&host, &app, "/?n=1&each=1048576", (requests() / 100).max(400), 1 << 20);
}
