//! What can't be started is told in one line, with exit code 2, and nothing was started.

use std::fs;
use std::net::TcpListener;
use std::process::Stdio;

use crate::support::guests;
use crate::support::site::{Ended, Site, run, wasgi};
use crate::support::version::version;

#[track_caller]
fn refused(ended: &Ended, said: &str) {
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert_eq!((ended.out.as_str(), ended.err.lines().count()), ("", 1), "{ended:?}");
    assert!(ended.err.starts_with("wasgi: ") && ended.err.contains(said), "{said:?} is not in {:?}", ended.err);
}

#[test]
fn a_path_that_is_missing_or_nothing_to_serve() {
    let site = Site::new();
    fs::write(site.file("notes.txt"), "").unwrap();
    for (path, said) in [("missing", "missing"), ("apps/notes.txt", "notes.txt"), ("apps/missing.wasm", "missing.wasm")]
    {
        let state = site.state();
        let mut command = wasgi();
        command.arg("serve").arg(site.folder().join(path)).args(["--listen", "127.0.0.1:0", "--state"]).arg(&state);
        refused(&run(&mut command), said);
        assert!(!state.exists(), "a state was made");
    }
}

#[test]
fn a_port_that_is_taken() {
    let site = Site::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = wasgi();
    let log = site.folder().join("access.log");
    command.arg("serve").arg(site.apps()).args(["--listen", &address, "--state"]).arg(site.state());
    refused(&run(command.arg("--access-log").arg(&log)), &format!("listening on {address}"));
    // One of two is as bad.
    let mut command = site.command();
    command.args(["--listen", &address]);
    refused(&run(&mut command), &format!("listening on {address}"));
    assert!(!site.state().exists() && !log.exists(), "something was made");
}

/// Whoever reads that it listens may ask for its status.
#[test]
fn a_server_that_can_not_be_asked_does_not_say_that_it_listens() {
    let site = Site::new();
    site.serve().stop();
    let socket = site.state_folder().join("socket");
    fs::remove_file(&socket).unwrap();
    fs::create_dir(&socket).unwrap();
    refused(&run(&mut site.command()), "can't make the socket");
}

#[test]
fn options_that_make_no_sense() {
    let site = Site::new();
    fs::copy(guests::component("version"), site.folder().join("hello.wasm")).unwrap();
    fs::create_dir(site.folder().join("full")).unwrap();
    fs::write(site.folder().join("full/file"), "").unwrap();
    let apps = site.apps().to_string_lossy().into_owned();
    for (arguments, said) in [
        (&["serve"][..], "<PATH>"),
        (&["serve", &apps, "--lisen", "127.0.0.1:0"], "--lisen"),
        (&["serve", &apps, "--listen", "everywhere"], "127.0.0.1:8080"),
        (&["serve", &apps, "--listen", "127.0.0.1:99999"], "127.0.0.1:99999"),
        (&["serve", &apps, "--access-log-format", "xml"], "json"),
        (&["serve", &apps, "--tls-cert", "cert.pem"], "--tls-key"),
        (&["serve", &apps, "more"], "more"),
        (&["serv", &apps], "serv"),
        (&["call", "hello.wasm"], "PATH"),
        (&["call", "hello.wasm", "/", "-H", "nonsense"], "NAME: VALUE"),
        (&["call", "missing.wasm", "/"], "missing.wasm"),
        (&["call", "hello.wasm", "no-path"], "no-path"),
        (&["call", "hello.wasm", "BAD METHOD", "/"], "BAD METHOD"),
        (&["check", "missing.wasm"], "missing.wasm"),
        (&["check", &apps], "directory"),
        (&["build", "missing"], "missing"),
        (&["new", "a b"], "a b"),
        (&["new", "full"], "something in this directory"),
        (&["status", "missing"], "missing"),
        (&["logs", "../x"], "../x"),
        (&["logs", "x", "--dir", "missing"], "missing"),
        (&["demo", "--listen", "everywhere"], "127.0.0.1:8080"),
        (&["demo", "--listen", "127.0.0.1:0"], "in a clone of the project"),
    ] {
        refused(&run(wasgi().args(arguments).current_dir(site.folder())), said);
    }
    assert!(!site.state().exists());
}

#[test]
fn a_configuration_that_is_wrong_is_refused_with_its_place() {
    let site = Site::new();
    let file = site.folder().join("host.toml");
    for (text, place, said) in [
        ("liste = 1\n", "line 1, column 1", "liste"),
        ("\nlisten = \"here\"\n", "line 2, column 10", "here"),
        ("[limits]\nmemory = 0\n", "line 2, column 10", "64KiB"),
        ("[limits\n", "line 1, column ", ""),
        ("instances = 0\n", "line 1, column 13", "between 1 and"),
        ("trusted_proxies = [\"me\"]\n", "line 1, column 19", "me"),
    ] {
        fs::write(&file, text).unwrap();
        let ended = run(site.command().arg("--config").arg(&file));
        refused(&ended, place);
        assert!(ended.err.contains(said) && ended.err.contains("host.toml"), "{ended:?}");
    }
    fs::remove_file(&file).unwrap();
    refused(&run(site.command().arg("--config").arg(&file)), "host.toml");
    fs::write(&file, "[tls]\ncert = \"none.pem\"\nkey = \"none.pem\"\n").unwrap();
    refused(&run(site.command().arg("--config").arg(&file)), "none.pem");
    refused(&run(site.command().args(["--access-log", "/nowhere/access.log"])), "/nowhere/access.log");
    assert!(!site.state().exists(), "a state was made");
}

#[test]
fn help_is_no_error_and_has_examples() {
    let ended = run(wasgi().arg("--help"));
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""));
    assert!(ended.out.contains("Examples:"), "{}", ended.out);
    for command in ["serve", "build", "new", "check", "call", "cgi", "status", "logs", "demo"] {
        assert!(ended.out.contains(&format!("  {command} ")), "{command} is not in {}", ended.out);
        let help = run(wasgi().args([command, "--help"]));
        assert_eq!((help.code, help.err.as_str()), (Some(0), ""), "{command}");
        assert!(help.out.contains("Example"), "{}", help.out);
    }
    let version = run(wasgi().arg("--version"));
    assert_eq!(version.out, format!("wasgi {}\n", env!("CARGO_PKG_VERSION")));
    let nothing = run(&mut wasgi());
    assert_eq!(nothing.code, Some(2));
    assert!(nothing.err.contains("Usage"), "{nothing:?}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let hello = guests::component("starts_late");
    let mut child = wasgi().arg("check").arg(hello).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(0), "a closed pipe is how `| head` ends");

    let site = Site::new();
    site.put("hello.wasm", version("one"));
    let server = site.serve();
    server.up("/hello", "one");
    for arguments in [&["status"][..], &["status", "--json"], &["logs", "hello"]] {
        let mut command = wasgi();
        command.args(arguments).arg("--state").arg(site.state());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let ended = child.wait_with_output().unwrap();
        assert_eq!((ended.status.code(), ended.stderr.as_slice()), (Some(0), &b""[..]), "{arguments:?}");
    }
}
