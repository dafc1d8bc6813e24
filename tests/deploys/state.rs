//! The state directory: whose it is, where it may not be, and what happens when it is full.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::support::site::{Site, run, wasgi};
use crate::support::version::version;

#[test]
fn it_is_private() {
    let site = Site::new();
    site.put("hello.wasm", version("hello"));
    let server = site.serve();
    server.up("/hello", "hello");
    let mode = |path| fs::metadata(path).expect("metadata").permissions().mode() & 0o777;
    assert_eq!(mode(site.state()), 0o700);
    assert_eq!(mode(site.state_folder()), 0o700);
    assert_eq!(mode(site.state_folder().join("key")), 0o600);
}

#[test]
fn a_second_server_names_the_first_and_ends() {
    let site = Site::new();
    let first = site.serve();
    let second = run(&mut site.command());
    assert_eq!(second.code, Some(2), "{second:?}");
    assert!(second.err.contains(&first.pid().to_string()), "{}", second.err);
    assert_eq!((second.err.lines().count(), second.out.as_str()), (1, ""), "{second:?}");
    first.stop();
    site.serve().kill();
    site.serve();
}

#[test]
fn it_may_not_lie_in_the_served_directory() {
    let site = Site::new();
    for state in ["", "state", "below/state", "../apps/state"] {
        let mut command = wasgi();
        command.arg("serve").arg(site.apps()).args(["--listen", "127.0.0.1:0", "--state"]).arg(site.apps().join(state));
        let refused = run(&mut command);
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.err.contains("inside") && refused.err.contains("--state"), "{}", refused.err);
        assert_eq!((refused.err.lines().count(), refused.out.as_str()), (1, ""), "{refused:?}");
        assert_eq!(fs::read_dir(site.apps()).expect("the directory").count(), 0, "something was made there");
    }
}

#[test]
fn what_nothing_needs_is_deleted_in_the_end() {
    let site = Site::new();
    let server = site.serve();
    for number in 0..3 {
        let mark = format!("version {number}");
        server.line("deployed hello (", || site.put("hello.wasm", version(&mark)));
    }
    server.stop();
    let server = site.serve();
    server.up("/hello", "version 2");
    let count = |folder| fs::read_dir(site.state_folder().join(folder)).expect("a folder").count();
    crate::support::wait_for("a tidy state", || ((count("code"), count("versions")) == (1, 1)).then_some(()));
    assert_eq!(server.text("/hello"), "version 2");
}

/// A mounted file system of one megabyte, unmounted when dropped.
struct Tiny(std::path::PathBuf);

impl Tiny {
    fn mount(path: std::path::PathBuf) -> Option<Self> {
        fs::create_dir(&path).expect("a directory");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(&path).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(path))
    }
}

impl Drop for Tiny {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_stops_no_application() {
    let site = Site::new();
    let Some(_tiny) = Tiny::mount(site.state()) else {
        println!("skipped: mounting a small file system takes privileges that this user has not got");
        return;
    };
    site.put("hello.wasm", version("one"));
    let server = site.serve();
    server.up("/hello", "one");
    let fill = site.state().join("filling");
    let _full = fs::write(&fill, vec![0; 2 << 20]).expect_err("a full disk");
    let before = server.out.count();
    site.put("hello.wasm", version("two"));
    let line = server.out.find(before, "a decision", |line| line.contains(" hello"));
    println!("on a full disk: {line}");
    let now = if line.starts_with("refused") { "one" } else { "two" };
    assert!(now == "two" || line.ends_with(" stays)"), "{line}");
    for _ in 0..10 {
        assert_eq!(server.text("/hello?log=something"), now);
    }
    fs::remove_file(fill).expect("a file to remove");
    server.answers("/hello", "two");
    site.put("hello.wasm", version("three"));
    server.answers("/hello", "three");
}
