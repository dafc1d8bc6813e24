//! SIGHUP: the configuration is read again, and a bad one leaves the old one in force.

use std::fs;

use rustix::process::Signal;

use crate::serving;
use crate::support::component::slow_to_compile;
use crate::support::site::{Server, Site};
use crate::support::version::version;
use crate::support::wait_for;

fn posted(server: &Server) -> u16 {
    server.connect().post("/hello", &[b'x'; 2048]).unwrap().status()
}

#[test]
fn what_can_change_is_in_force_after_it() {
    let (site, server) = serving("");
    assert_eq!(posted(&server), 200);
    let mut open = server.connect();
    open.get("/hello").unwrap();
    fs::write(site.folder().join("host.toml"), "[limits]\nbody = \"1KiB\"\n").unwrap();
    server.signal(Signal::HUP);
    server.log.with("read again and in force");
    wait_for("the new limit", || (posted(&server) == 413).then_some(()));
    assert_eq!(open.get("/hello").unwrap().status(), 200, "open connections stay");
    fs::write(site.folder().join("host.toml"), "[limits]\nbody = \"1MiB\"\n").unwrap();
    server.signal(Signal::HUP);
    wait_for("the next limit", || (posted(&server) == 200).then_some(()));
    assert_eq!(server.text("/hello"), "one");
}

#[test]
fn a_bad_file_leaves_the_old_one_in_force() {
    let (site, server) = serving("[limits]\nbody = \"1KiB\"\n");
    assert_eq!(posted(&server), 413);
    for text in ["[limits]\nbody = \"lots\"\n", "[limits\n", "unknown = 1\n"] {
        fs::write(site.folder().join("host.toml"), text).unwrap();
        let before = server.log.count();
        server.signal(Signal::HUP);
        let line = server.log.find(before, "a complaint", |line| line.contains("the configuration stays as it is"));
        assert!(line.contains("line ") && line.contains("column "), "{line}");
        assert_eq!(posted(&server), 413);
    }
    fs::remove_file(site.folder().join("host.toml")).unwrap();
    let before = server.log.count();
    server.signal(Signal::HUP);
    server.log.find(before, "a complaint", |line| line.contains("the configuration stays as it is"));
    assert_eq!(posted(&server), 413);
}

/// From its first line on, a signal means what it says.
#[test]
fn a_signal_right_after_the_first_line_is_understood() {
    for _ in 0..3 {
        let site = Site::new();
        let mut server = site.serve();
        server.signal(Signal::HUP);
        server.log.with("read again and in force");
        server.signal(Signal::TERM);
        assert_eq!(server.ended().code(), Some(0));
        let mut server = site.serve();
        server.signal(Signal::INT);
        assert_eq!(server.ended().code(), Some(0));
    }
}

#[test]
fn limits_reach_what_is_being_compiled_too() {
    let (site, server) = serving("");
    site.put("slow.wasm", slow_to_compile(&version("slow")));
    wait_for("its compilation", || (server.status_of("/slow") == 503).then_some(()));
    fs::write(site.folder().join("host.toml"), "[limits]\nbody = \"1KiB\"\n").unwrap();
    server.signal(Signal::HUP);
    server.log.with("in force");
    server.out.after(0, "deployed slow (");
    // At once, unless it was compiled before the signal came.
    wait_for("its limit", || (server.connect().post("/slow", &[b'x'; 2048]).unwrap().status() == 413).then_some(()));
}
