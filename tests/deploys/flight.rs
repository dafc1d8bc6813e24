//! Requests in flight finish on the version they began with.

use std::net::TcpStream;

use crate::support::link::Link;
use crate::support::site::{Server, Site};
use crate::support::version::padded;
use crate::support::version::version;

/// A POST that has got its first piece, which is `mark`, and waits for the end of its body.
fn begun(server: &Server, mark: &str) -> Link<TcpStream> {
    let mut client = server.connect();
    client.send(b"POST /hello HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nab").expect("a request");
    assert_eq!(client.head().expect("a head").status, 200);
    assert_eq!(client.piece().expect("a piece"), Some(padded(mark).into_bytes()));
    client
}

/// Ends the body: the rest comes, from the version that began.
fn finish(mut client: Link<TcpStream>, mark: &str) {
    client.send(b"cd").expect("the body's end");
    assert_eq!(client.piece().expect("a piece"), Some(padded(mark).into_bytes()));
    assert_eq!(client.piece().expect("the end"), None);
}

fn serving() -> (Site, Server) {
    let site = Site::new();
    site.put("hello.wasm", version("one"));
    let server = site.serve();
    server.up("/hello", "one");
    (site, server)
}

#[test]
fn they_finish_after_a_replacement() {
    let (site, server) = serving();
    let first = begun(&server, "one");
    server.line("deployed hello (", || site.put("hello.wasm", version("two")));
    assert_eq!(server.text("/hello"), "two");
    let second = begun(&server, "two");
    server.line("deployed hello (", || site.put("hello.wasm", version("three")));
    finish(first, "one");
    finish(second, "two");
    assert_eq!(server.text("/hello"), "three");
}

#[test]
fn they_finish_after_a_removal() {
    let (site, server) = serving();
    let request = begun(&server, "one");
    server.line("removed hello", || site.remove("hello.wasm"));
    assert_eq!(server.status_of("/hello"), 404);
    finish(request, "one");
}

#[test]
fn a_connection_outlives_the_version_it_was_opened_for() {
    let (site, server) = serving();
    let mut client = server.connect();
    for mark in ["two", "three"] {
        client.get("/hello").expect("a response");
        server.line("deployed hello (", || site.put("hello.wasm", version(mark)));
        assert_eq!(client.get("/hello").expect("a response").text(), padded(mark));
    }
    server.line("removed hello", || site.remove("hello.wasm"));
    assert_eq!(client.get("/hello").expect("a response").status(), 404);
}
