//! What clients do that mean harm, with V beside: silence, slowness, departures, and many at one time.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::arena::{Arena, Turn};
use crate::size;
use crate::support::link::Link;
use crate::support::site::{Server, Site};
use crate::support::version::version;
use crate::support::{guests, wait_for};

/// Connections that have sent `begin`, and no more.
fn silent(turn: &Turn, count: usize, begin: &[u8]) -> Vec<TcpStream> {
    let open = || {
        let mut stream = TcpStream::connect(turn.arena.server.address).expect("a connection");
        stream.set_read_timeout(Some(crate::support::PATIENCE)).expect("a socket");
        stream.write_all(begin).expect("the beginning");
        stream
    };
    (0..count).map(|_| open()).collect()
}

/// What came before the server closed.
fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

#[test]
fn c1_heads_come_slowly() {
    let turn = Arena::turn();
    let (count, files) = (size::of(1_000), turn.arena.files());
    let took = turn.beside(&format!("C1 {count} slow heads"), || {
        let mut slow = silent(&turn, count, b"GET /victim/echo HTTP/1.1\r\n");
        let began = Instant::now();
        // A byte at a time keeps nobody: it is the head's time that counts, which is 1 s here.
        while slow.iter_mut().any(|stream| stream.write_all(b"X").is_ok()) && began.elapsed() < Duration::from_secs(1) {
            std::thread::sleep(Duration::from_millis(100));
        }
        for stream in slow {
            let answer = rest(stream);
            assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 408 "), "{}", answer.escape_ascii());
        }
        began.elapsed()
    });
    turn.recovered("C1", files);
    println!("C1: all were answered and closed after {took:.1?}, of 1 s that they may take");
    assert!(took < Duration::from_secs(20), "{took:?}");
}

#[test]
fn c2_nothing_comes() {
    let turn = Arena::turn();
    let (count, files) = (size::of(1_000), turn.arena.files());
    turn.beside(&format!("C2 {count} that say nothing, and {count} that speak TLS"), || {
        let silent_ones = silent(&turn, count, b"");
        let hello = silent(&turn, count, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03");
        for stream in hello {
            let answer = rest(stream);
            assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400 "), "{}", answer.escape_ascii());
        }
        drop(silent_ones);
    });
    turn.recovered("C2", files);
}

#[test]
fn c3_bodies_stop_coming() {
    let turn = Arena::turn();
    let (count, files) = (size::of(500).min(60), turn.arena.files());
    turn.beside(&format!("C3 {count} bodies that stop"), || {
        let begin = b"POST /evil/swallows HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nand no more";
        for stream in silent(&turn, count, begin) {
            let answer = rest(stream);
            assert!(answer.starts_with(b"HTTP/1.1 408 "), "{}", answer[..answer.len().min(80)].escape_ascii());
        }
    });
    turn.recovered("C3", files);
}

#[test]
fn c4_readers_are_slow() {
    let turn = Arena::turn();
    let (count, files) = (size::of(500), turn.arena.files());
    let before = turn.arena.server.rss();
    let most = turn.beside(&format!("C4 {count} that read nothing"), || {
        let begin = b"GET /evil/endless?quiet=1 HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let slow = silent(&turn, count, begin);
        let mut most = 0;
        wait_for("the server to give them up", || {
            most = most.max(turn.arena.server.rss());
            let evil = turn.arena.tenant("evil");
            (evil["in_flight"] == 0 && evil["queued"] == 0).then_some(())
        });
        drop(slow);
        most
    });
    turn.recovered("C4", files);
    println!("C4: the server's memory went from {before} KiB to {most} KiB");
}

/// Phases in which a client leaves: what it has sent, and how much of the answer it has read.
const DEPARTURES: &[(&str, &[u8], usize)] = &[
    ("having sent nothing", b"", 0),
    ("in the request line", b"GET /ev", 0),
    ("in the head", b"POST /evil/echo HTTP/1.1\r\nHost: local", 0),
    ("before the body", b"POST /evil/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n", 0),
    ("in the body", b"POST /evil/echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nabc", 0),
    ("in a chunk", b"POST /evil/echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc", 0),
    ("before the head", b"GET /evil/sleeps?in=handle&ms=50 HTTP/1.1\r\nHost: localhost\r\n\r\n", 0),
    ("in the response's head", b"GET /evil/endless?quiet=1 HTTP/1.1\r\nHost: localhost\r\n\r\n", 10),
    ("in the response's body", b"GET /evil/endless?quiet=1 HTTP/1.1\r\nHost: localhost\r\n\r\n", 100_000),
    (
        "in a pipeline",
        b"GET /evil/chunks?n=9 HTTP/1.1\r\nHost: a\r\n\r\nGET /evil/chunks?n=9 HTTP/1.1\r\nHost: a\r\n\r\n",
        20,
    ),
];

#[test]
fn c5_clients_leave_in_every_phase() {
    let turn = Arena::turn();
    let (count, files) = (size::of(100_000), turn.arena.files());
    turn.beside(&format!("C5 {count} departures"), || {
        (0..count).for_each(|number| depart(turn.arena.server.address, number).expect("a part of a request"));
    });
    turn.recovered("C5", files);
}

/// A client that leaves: one of each phase after the other, in one of three ways.
pub fn depart(address: SocketAddr, number: usize) -> io::Result<()> {
    let (_, sent, read) = DEPARTURES[number % DEPARTURES.len()];
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(sent)?;
    let mut answer = vec![0; read];
    let _ = stream.read_exact(&mut answer);
    match number / DEPARTURES.len() % 3 {
        0 => SockRef::from(&stream).set_linger(Some(Duration::ZERO))?,
        1 => drop(stream.shutdown(Shutdown::Write)),
        _ => {}
    }
    Ok(())
}

/// A server of one application, for what is measured of a process.
fn serving(guest: &str) -> (Site, Server) {
    let site = Site::new();
    let component =
        if guest == "version" { version("one") } else { fs::read(guests::component(guest)).expect("a component") };
    site.put("app.wasm", component);
    let mut command = site.command();
    command.args(["--access-log", "/dev/null"]);
    let server = Server::start(command);
    server.out.after(0, "deployed app (");
    (site, server)
}

#[test]
fn c6_ten_thousand_connections_are_idle() {
    const MOST: u64 = 20 << 10;
    let count = if size::is_full() { 10_000 } else { 500 };
    let (_site, server) = serving("version");
    let idle = |count: usize| -> Vec<Link<TcpStream>> {
        let open = || {
            let mut link = server.connect();
            assert_eq!(link.get("/app").expect("an answer").status(), 200);
            link
        };
        (0..count).map(|_| open()).collect()
    };
    // What the first ones cost is the process's warming up, and not theirs.
    drop(idle(100));
    let before = crate::anonymous(&server);
    let mut connections = idle(count);
    let each = crate::anonymous(&server).saturating_sub(before) / count as u64;
    println!("C6 {count} idle connections: {each} bytes of anonymous memory each");
    assert!(each <= MOST, "{each} bytes for each");
    let last = connections.last_mut().expect("a connection");
    assert_eq!(last.get("/app").expect("an answer").status(), 200);
}

/// After its client has left, a guest that returns is closed within a second, and one that doesn't is ended within two.
#[test]
fn who_left_is_served_no_more() {
    let turn = Arena::turn();
    // B's limits are longer than that: only its client's departure can end the last one.
    for (what, tenant, target, most) in [
        ("returns", "evil", "/evil/ticks?n=100000&ms=20", Duration::from_secs(1)),
        ("returns with much", "evil", "/evil/endless?quiet=1", Duration::from_secs(1)),
        ("doesn't return", "busy", "/busy/spins?in=next", Duration::from_secs(2)),
    ] {
        let mut times = Vec::new();
        for _ in 0..size::of(1_000).min(30) {
            let mut link = turn.arena.server.connect();
            link.send(format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).expect("a request");
            link.head().expect("a head");
            link.piece().expect("a chunk");
            let left = Instant::now();
            drop(link);
            wait_for("its end", || (turn.arena.tenant(tenant)["in_flight"] == 0).then_some(()));
            times.push(left.elapsed());
        }
        times.sort_unstable();
        let (half, all) = (times[times.len() / 2], times[times.len() - 1]);
        println!(
            "after its client left, a guest that {what} was gone: {} times, p50 {half:.0?}, max {all:.0?}",
            times.len()
        );
        // Among other tests it is the machine that is measured.
        let slack = if size::is_full() { Duration::from_millis(500) } else { crate::support::PATIENCE };
        assert!(all < most + slack, "{what}: {all:?}");
    }
}
