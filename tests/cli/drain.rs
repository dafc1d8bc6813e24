//! SIGTERM and SIGINT: what is in flight finishes, nobody is turned away who got in, and the exit code is 0.

use std::fs;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::serving;
use crate::support::link::Link;
use crate::support::site::{Server, Site};
use crate::support::version::padded;
use crate::support::wait_for;

/// A POST that has got its first piece, and waits for the end of its body.
fn begun(server: &Server) -> Link<TcpStream> {
    let mut client = server.connect();
    client.send(b"POST /hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nab").unwrap();
    assert_eq!(client.head().unwrap().status, 200);
    assert_eq!(client.piece().unwrap(), Some(padded("one").into_bytes()));
    client
}

#[test]
fn what_is_in_flight_finishes() {
    for signal in [Signal::TERM, Signal::INT] {
        let (_site, mut server) = serving("");
        let mut client = begun(&server);
        server.signal(signal);
        server.log.with("draining");
        wait_for("a closed door", || TcpStream::connect(server.address).err());
        client.send(b"cd").unwrap();
        assert_eq!(client.piece().unwrap(), Some(padded("one").into_bytes()));
        assert_eq!(client.piece().unwrap(), None, "the body is whole");
        assert!(client.is_closed().unwrap());
        assert_eq!(server.ended().code(), Some(0));
    }
}

#[test]
fn an_open_connection_gets_one_more_answer_and_is_told_that_it_is_the_last() {
    let (_site, mut server) = serving("");
    let mut client = server.connect();
    let before = client.get("/hello").unwrap();
    assert_eq!(before.head.get("connection"), None);
    let mut unknown = server.connect();
    unknown.get("/hello").unwrap();
    server.signal(Signal::TERM);
    server.log.with("draining");
    let last = client.get("/hello").unwrap();
    assert_eq!((last.status(), last.head.get("connection")), (200, Some("close")));
    assert!(client.is_closed().unwrap());
    let last = unknown.get("/nobody").unwrap();
    assert_eq!((last.status(), last.head.get("connection")), (404, Some("close")));
    assert_eq!(server.ended().code(), Some(0));
}

#[test]
fn idle_connections_do_not_hold_it_up() {
    let (_site, mut server) = serving("");
    let mut idle: Vec<_> = (0..20).map(|_| server.connect()).collect();
    for client in &mut idle[..10] {
        client.get("/hello").unwrap();
    }
    let start = Instant::now();
    server.signal(Signal::TERM);
    for client in &mut idle {
        assert!(client.is_closed().unwrap());
    }
    assert_eq!(server.ended().code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[test]
fn what_waits_in_the_backlog_is_served() {
    let (_site, mut server) = serving("");
    server.signal(Signal::STOP);
    // More than a task is given at a time.
    let mut waiting: Vec<_> = (0..300).map(|_| server.connect()).collect();
    for client in &mut waiting {
        client.send(b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    }
    server.signal(Signal::TERM);
    server.signal(Signal::CONT);
    for client in &mut waiting {
        let response = client.response().unwrap();
        assert_eq!((response.status(), response.text()), (200, padded("one").as_str()));
    }
    drop(waiting);
    assert_eq!(server.ended().code(), Some(0));
}

#[test]
fn a_burst_of_clients_fits_in_the_backlog() {
    let (_site, server) = serving("");
    let most: usize = fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap().trim().parse().unwrap();
    server.signal(Signal::STOP);
    // Nobody accepts them, and the kernel answers none that it has no place for.
    let connect = || TcpStream::connect_timeout(&server.address, Duration::from_secs(5));
    let burst: Vec<_> = (0..most.min(500)).map_while(|_| connect().ok()).collect();
    assert_eq!(burst.len(), most.min(500));
}

/// Clients at work, each on one connection until it is told that there is nothing more, or none can be opened.
#[test]
fn under_load_no_request_fails() {
    let (mut answered, mut told) = (0, 0);
    for _ in 0..3 {
        let (_site, mut server) = serving("");
        let (count, last) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let mut client = server.connect();
                    loop {
                        let response = client.get("/hello").expect("an answer to every request");
                        assert_eq!(response.status(), 200);
                        count.fetch_add(1, Ordering::Relaxed);
                        if response.head.closes() {
                            last.fetch_add(1, Ordering::Relaxed);
                            break;
                        }
                        // About a thousand requests each second, from all of them.
                        std::thread::sleep(Duration::from_millis(8));
                    }
                });
            }
            wait_for("some load", || (count.load(Ordering::Relaxed) > 200).then_some(()));
            server.signal(Signal::TERM);
        });
        assert_eq!(server.ended().code(), Some(0));
        answered += count.into_inner();
        told += last.into_inner();
    }
    println!(
        "3 drains under load: {answered} requests, 0 failed; {told} of 24 connections were told that it is the end"
    );
    assert_eq!(told, 24);
}

#[test]
fn after_the_limit_what_is_left_is_cut() {
    let (_site, mut server) = serving("drain = \"1s\"\n");
    let mut client = begun(&server);
    let mut old = server.connect();
    old.send(b"POST /hello HTTP/1.0\r\nContent-Length: 4\r\n\r\nab").unwrap();
    old.head().unwrap();
    let start = Instant::now();
    server.signal(Signal::TERM);
    client.piece().expect_err("a response that is cut");
    // One whose end is the connection's is not taken for whole.
    assert_eq!(old.piece().expect_err("a reset").kind(), std::io::ErrorKind::ConnectionReset);
    assert_eq!(server.ended().code(), Some(0));
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
}

#[test]
fn a_second_signal_ends_it_at_once() {
    for second in [Signal::TERM, Signal::INT] {
        let (site, mut server) = serving("drain = \"10m\"\n[access_log]\npath = \"access.log\"\n");
        let _in_flight = begun(&server);
        server.signal(Signal::TERM);
        server.log.with("draining");
        let start = Instant::now();
        server.signal(second);
        assert_eq!(server.ended().code(), Some(0));
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
        expect_line_of_the_cut(&site);
    }
}

/// The one line of what `begun` began: it got a piece, and had sent half of its body.
#[track_caller]
fn expect_line_of_the_cut(site: &Site) {
    let log = fs::read_to_string(site.folder().join("access.log")).unwrap();
    let lines: Vec<_> = log.lines().filter(|line| line.contains(" POST ")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(lines[0].contains(" POST /hello 200 cut app=default/hello version="), "{log}");
    assert!(lines[0].contains(" in=2 out=32 ") && !lines[0].contains(" memory=0 "), "{log}");
}

#[test]
fn what_is_cut_has_its_line_in_the_access_log() {
    let (site, mut server) = serving("drain = \"1s\"\n[access_log]\npath = \"access.log\"\n[limits]\nin_flight = 1\n");
    let _in_flight = begun(&server);
    let mut queued = server.connect();
    queued.send(b"GET /hello?queued HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    server.signal(Signal::TERM);
    assert_eq!(server.ended().code(), Some(0));
    expect_line_of_the_cut(&site);
    let log = fs::read_to_string(site.folder().join("access.log")).unwrap();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("queued")).collect();
    assert!(lines.len() == 1 && lines[0].contains(" GET /hello?queued - cut app=default/hello "), "{log}");
    let log = fs::read_to_string(site.state_folder().join("log/default/hello.log")).unwrap();
    assert_eq!(log.matches("was cut with its connection").count(), 2, "{log}");
}
