//! Memory after many requests, traps and departures among them: what grows for ever shows here.

use std::fs;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use crate::anonymous;
use crate::size;
use crate::support::guests;
use crate::support::link::Link;
use crate::support::site::{Server, Site};
use crate::support::wait_until_still;

/// Clients at one time.
const CLIENTS: usize = 8;

/// Sends `count` requests: of twenty, one traps, one is cut and one is left by its client.
fn ask(server: &Server, count: usize) {
    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let expect = |link: &mut Link<TcpStream>, target: &str, status: u16| match link.get(target) {
        Ok(response) if response.status() == status => {}
        _ => drop(failed.fetch_add(1, Relaxed)),
    };
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut link = server.connect();
                loop {
                    match next.fetch_add(1, Relaxed) {
                        number if number >= count => return,
                        number if number % 20 == 1 => expect(&mut link, "/traps?in=handle", 500),
                        number if number % 20 == 2 => {
                            let _ = Link::to(server.address).and_then(|mut link| link.get("/traps?in=next"));
                        }
                        number if number % 20 == 3 => {
                            let mut left = server.connect();
                            let _ = left.send(b"GET /endless?quiet=1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
                            let _ = left.head();
                        }
                        _ => expect(&mut link, "/chunks?n=1", 200),
                    }
                }
            });
        }
    });
    assert_eq!(failed.into_inner(), 0, "requests that were not answered as they should be");
}

/// The anonymous memory once it has been the same for a while, in bytes.
fn quiet(server: &Server) -> u64 {
    wait_until_still("memory", Duration::from_secs(2), || anonymous(server) >> 14);
    anonymous(server)
}

#[test]
fn g6_a_million_requests_leave_nothing_behind() {
    let site = Site::new();
    for guest in ["chunks", "traps", "endless"] {
        site.put(&format!("{guest}.wasm"), fs::read(guests::component(guest)).expect("a component"));
    }
    // What is kept ready for the next instances is a part of it, and has a bound: it is reached early.
    fs::write(site.folder().join("host.toml"), "instances = 50\n").expect("a configuration");
    let mut command = site.command();
    command.args(["--access-log", "/dev/null", "--config"]).arg(site.folder().join("host.toml"));
    let server = Server::start(command);
    for guest in ["chunks", "traps", "endless"] {
        server.out.after(0, &format!("deployed {guest} ("));
    }
    let (first, second) = (size::of(200_000), size::of(1_200_000));
    ask(&server, first);
    let before = quiet(&server);
    ask(&server, second - first);
    let after = quiet(&server);
    let more = after.saturating_sub(before);
    println!(
        "G6: {} KiB after {first} requests, {} KiB after {second}: {} KiB more",
        before >> 10,
        after >> 10,
        more >> 10
    );
    // A hundredth of the requests says little of a leak: it may only be less than 1 KiB for each of them.
    let most = if size::is_full() { 1 << 20 } else { (second - first) as u64 * 1024 };
    assert!(more <= most, "{more} bytes");
}
