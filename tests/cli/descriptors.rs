//! A host whose clients have all of its file descriptors.

use std::net::TcpStream;
use std::process::Command;

use crate::support::link::Link;
use crate::support::site::{Server, Site};
use crate::support::version::version;
use crate::support::wait_for;

/// File descriptors of the host, of which it needs some forty itself.
const FILES: usize = 64;

/// A server of `hello` that may open no more files than that, and more connections than it has files for.
fn exhausted(before: impl FnOnce(&Server)) -> (Site, Server, Vec<Link<TcpStream>>) {
    let site = Site::new();
    site.put("hello.wasm", version("one"));
    // It believes that it has room for more, so that the kernel's limit is what is met.
    let config = site.folder().join("host.toml");
    std::fs::write(&config, "[connections]\ntotal = 1000\n").expect("a configuration");
    let mut serve = site.command();
    serve.arg("--config").arg(config);
    let mut command = Command::new("sh");
    command.args(["-c", &format!("ulimit -n {FILES}; exec \"$@\""), "sh"]).arg(serve.get_program());
    let server = Server::start({
        command.args(serve.get_args());
        command
    });
    server.up("/hello", "one");
    before(&server);
    let clients = (0..FILES).map(|_| server.connect()).collect();
    server.log.with("accepting a connection failed");
    (site, server, clients)
}

#[test]
fn who_is_connected_is_served_and_the_others_wait() {
    let (site, server, mut clients) = exhausted(|_| ());
    let last = clients.pop().expect("a client");
    let accepted = &mut clients[..10];
    for client in accepted {
        assert_eq!(client.get("/hello").unwrap().status(), 200);
    }
    drop(clients);
    let mut last = last;
    assert_eq!(last.get("/hello").unwrap().status(), 200, "there is room again");
    server.line("deployed other (", || site.put("other.wasm", version("other")));
    let told = server.log.all().iter().filter(|line| line.contains("accepting a connection failed")).count();
    assert!(told <= 2, "{:#?}", server.log.all());
    wait_for("a new connection", || Link::to(server.address).ok()?.get("/other").ok());
}
