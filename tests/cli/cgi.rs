//! `wasgi cgi`: a component as a CGI/1.1 program (RFC 3875), by itself and under a web server that runs such.

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::lines::Lines;
use crate::support::site::{Site, feed, run, state_home, wasgi};
use crate::support::{PATIENCE, guests, wait_for};

/// As a web server would run it: nothing in the environment but the request.
fn cgi(component: &Path, meta: &[(&str, &str)]) -> Command {
    let mut command = wasgi();
    command.env_clear().env("XDG_STATE_HOME", state_home()).arg("cgi").arg(component);
    let standard = [
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        ("REQUEST_METHOD", "GET"),
        ("SCRIPT_NAME", "/cgi-bin/app"),
        ("SERVER_NAME", "www.example.com"),
        ("SERVER_PORT", "8081"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("SERVER_SOFTWARE", "tests/1"),
        ("REMOTE_ADDR", "192.0.2.7"),
    ];
    command.envs(standard).envs(meta.iter().copied());
    command
}

/// Head and body.
fn split(out: &str) -> (&str, &str) {
    out.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head in {out:?}"))
}

#[test]
fn meta_variables_become_the_environ() {
    let meta = [
        ("PATH_INFO", "/a b/é%2F"),
        ("QUERY_STRING", "x=1&y=%20"),
        ("HTTP_USER_AGENT", "tests"),
        ("HTTP_X_LONG_NAME", "value"),
        // They are said without HTTP_, and there is no body.
        ("HTTP_CONTENT_LENGTH", "7"),
        ("HTTP_CONTENT_TYPE", "text/plain"),
        ("HTTP_TRANSFER_ENCODING", "chunked"),
        ("HTTPS", "on"),
        ("AUTH_TYPE", "Basic"),
        ("REMOTE_USER", "zo\u{eb}"),
        ("REMOTE_HOST", "client.example.com"),
        ("REMOTE_IDENT", ""),
        ("SECRET_OF_THE_SERVER", "not for guests"),
    ];
    let ended = run(&mut cgi(guests::component("environ"), &meta));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let (head, body) = split(&ended.out);
    assert!(head.starts_with("Status: 200 OK\r\n"), "{head}");
    for line in [
        "REQUEST_METHOD=GET",
        "SCRIPT_NAME=/cgi-bin/app",
        "PATH_INFO=/a b/é%2F",
        "QUERY_STRING=x=1&y=%20",
        "SERVER_PORT=8081",
        "SERVER_PROTOCOL=HTTP/1.1",
        "REMOTE_ADDR=192.0.2.7",
        "AUTH_TYPE=Basic",
        "REMOTE_USER=zo\u{eb}",
        "REMOTE_HOST=client.example.com",
        "SERVER_NAME=www.example.com",
        "HTTP_USER_AGENT=tests",
        "HTTP_X_LONG_NAME=value",
        "wsgi.url_scheme=https",
    ] {
        assert!(body.lines().any(|given| given == line), "{line} is not in {body}");
    }
    assert!(!body.contains("not for guests"), "{body}");
    // Nothing is made up: nobody sent them.
    for name in
        ["REMOTE_IDENT=", "HTTP_HOST=", "CONTENT_LENGTH=", "CONTENT_TYPE=", "HTTP_CONTENT_", "HTTP_TRANSFER_ENCODING="]
    {
        assert!(!body.lines().any(|line| line.starts_with(name)), "{name} in {body}");
    }
    let meta = [("HTTP_HOST", "other.example.com:8081"), ("SERVER_PROTOCOL", "HTTP/2.0")];
    let ended = run(&mut cgi(guests::component("environ"), &meta));
    for line in ["HTTP_HOST=other.example.com:8081", "SERVER_NAME=www.example.com", "SERVER_PROTOCOL=HTTP/2.0"] {
        assert!(ended.out.lines().any(|given| given == line), "{line} is not in {}", ended.out);
    }
}

#[test]
fn exactly_the_body_is_read() {
    let meta = [("REQUEST_METHOD", "POST"), ("CONTENT_LENGTH", "5"), ("CONTENT_TYPE", "text/plain")];
    let ended = feed(&mut cgi(guests::component("echo"), &meta), b"12345 and more").unwrap();
    assert_eq!((ended.code, split(&ended.out).1), (Some(0), "12345"), "{ended:?}");
    let empty = [("REQUEST_METHOD", "POST"), ("CONTENT_LENGTH", "")];
    let ended = feed(&mut cgi(guests::component("echo"), &empty), b"ignored").unwrap();
    assert_eq!((ended.code, split(&ended.out).1), (Some(0), ""), "{ended:?}");
    let large = vec![b'x'; 300_000];
    let meta = [("REQUEST_METHOD", "PUT"), ("CONTENT_LENGTH", "300000")];
    let ended = feed(&mut cgi(guests::component("echo"), &meta), &large).unwrap();
    assert_eq!(split(&ended.out).1.len(), 300_000);
}

#[test]
fn status_and_errors_are_headers() {
    let ended = run(&mut cgi(guests::component("status"), &[("QUERY_STRING", "status=404%20Not%20Here")]));
    assert!(ended.code == Some(0) && ended.out.starts_with("Status: 404 Not Here\r\n"), "{ended:?}");
    let ended = run(&mut cgi(guests::component("traps"), &[("QUERY_STRING", "in=handle")]));
    assert!(ended.out.starts_with("Status: 500 "), "{ended:?}");
}

/// The URL comes in three variables: the path decoded, the query as it was sent.
#[test]
fn bytes_of_the_url_stay_what_they_are() {
    let environ = |path: &str, query: &[u8]| {
        let mut command = cgi(guests::component("environ"), &[("PATH_INFO", path)]);
        run(command.env("QUERY_STRING", OsStr::from_bytes(query)))
    };
    for (path, query) in [
        ("/caf\u{e9}", "q=caf\u{e9}"),
        // A client that encodes twice is decoded once.
        ("/caf%C3%A9", "q=caf%C3%A9"),
        ("/a+b?c#d", "q=a+b?c/d&%2523"),
    ] {
        let ended = environ(path, query.as_bytes());
        for line in [format!("PATH_INFO={path}"), format!("QUERY_STRING={query}")] {
            assert!(ended.out.lines().any(|given| given == line), "{line} is not in {ended:?}");
        }
    }
    // As `wasgi serve`, which answers both with 400.
    for (query, said) in [(&b"q=caf\xe9"[..], "q=caf\u{fffd}"), (b"q=a b", "q=a b")] {
        let ended = environ("/", query);
        assert_eq!((ended.code, ended.out.as_str(), ended.err.lines().count()), (Some(2), "", 1), "{ended:?}");
        assert!(ended.err.contains("QUERY_STRING") && ended.err.contains(said), "{ended:?}");
    }
}

#[test]
fn what_is_no_request_or_no_application_is_not_started() {
    let site = Site::new();
    let (sound, bad) = (site.file("sound.wasm"), site.file("bad.wasm"));
    fs::copy(guests::component("echo"), &sound).unwrap();
    fs::write(site.file("sound.toml"), "[limitz]\n").unwrap();
    fs::write(&bad, "no component").unwrap();
    let echo = guests::component("echo");
    let mut unset = cgi(echo, &[]);
    unset.env_remove("REQUEST_METHOD");
    for (mut command, said) in [
        (unset, "REQUEST_METHOD"),
        (cgi(echo, &[("REQUEST_METHOD", "BAD METHOD")]), "BAD METHOD"),
        (cgi(echo, &[("CONTENT_LENGTH", "many")]), "CONTENT_LENGTH"),
        (cgi(&sound, &[]), "sound.toml: line 1, column 2"),
        (cgi(&bad, &[]), "bad.wasm"),
        (cgi(&site.file("missing.wasm"), &[]), "missing.wasm"),
    ] {
        let ended = run(&mut command);
        assert_eq!((ended.code, ended.out.as_str(), ended.err.lines().count()), (Some(2), "", 1), "{ended:?}");
        assert!(ended.err.contains(said), "{said} is not in {ended:?}");
    }
}

#[test]
fn chunks_are_written_as_they_are_made() {
    let query = [("QUERY_STRING", "n=3&ms=2000&tag=cgi")];
    let mut child =
        cgi(guests::component("ticks"), &query).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = Lines::of(child.stdout.take().unwrap());
    lines.with("tick 0");
    assert!(!lines.all().iter().any(|line| line.contains("tick 2")), "it came all at once");
    assert!(child.try_wait().unwrap().is_none());
    lines.with("tick 2");
    assert_eq!(wait_for("its end", || child.try_wait().unwrap()).code(), Some(0));
}

#[test]
fn code_is_compiled_once() {
    let site = Site::new();
    let state = site.folder().join("state-home");
    let go = || {
        let mut command = cgi(guests::component("status"), &[]);
        command.env("XDG_STATE_HOME", &state);
        run(&mut command)
    };
    assert_eq!(go().code, Some(0));
    let root = rustix::process::geteuid().is_root();
    let cache = if root { Path::new("/var/lib/wasgi").to_owned() } else { state.join("wasgi") };
    let code = || {
        let files = fs::read_dir(cache.join("call/code")).expect("a cache of code");
        files
            .map(|file| file.unwrap())
            .map(|file| (file.file_name(), file.metadata().unwrap().modified().unwrap()))
            .collect::<Vec<_>>()
    };
    let compiled = code();
    assert!(!compiled.is_empty());
    assert_eq!(go().code, Some(0));
    if !root {
        assert_eq!(code(), compiled);
    }
}

/// Python's, which hands scripts on to whatever they say; ends with the test.
struct WebServer {
    child: Child,
    port: u16,
}

impl WebServer {
    fn start(folder: &Path) -> Result<Self, String> {
        let mut python = Command::new("python3");
        python.args(["-u", "-m", "http.server", "0", "--cgi", "--bind", "127.0.0.1"]).current_dir(folder);
        python.env("XDG_STATE_HOME", folder.join("state")).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = python.spawn().map_err(|error| format!("python3 can't be run: {error}"))?;
        let (out, err) = (Lines::of(child.stdout.take().unwrap()), Lines::of(child.stderr.take().unwrap()));
        let line = wait_for("python's server", || match child.try_wait().unwrap() {
            Some(_) => Some(Err(format!("this python has no web server with CGI: {:?}", err.to_end().last()))),
            None => out.all().into_iter().next().map(Ok),
        })?;
        let port = line.split_whitespace().skip_while(|word| *word != "port").nth(1);
        let port = port.and_then(|port| port.parse().ok()).ok_or(line)?;
        Ok(Self { child, port })
    }

    fn ask(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn any_web_server_that_runs_cgi_programs_runs_components() {
    let site = Site::new();
    let folder = site.folder();
    // As root it runs programs as nobody, who must be able to read them.
    let open = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    open(folder);
    fs::create_dir(folder.join("cgi-bin")).unwrap();
    fs::create_dir(folder.join("state")).unwrap();
    fs::set_permissions(folder.join("state"), fs::Permissions::from_mode(0o777)).unwrap();
    let wasgi = folder.join("wasgi");
    let binary = env!("CARGO_BIN_EXE_wasgi");
    if fs::hard_link(binary, &wasgi).is_err() {
        fs::copy(binary, &wasgi).unwrap();
    }
    for guest in ["environ", "echo"] {
        let component = folder.join(format!("{guest}.wasm"));
        fs::copy(guests::component(guest), &component).unwrap();
        fs::set_permissions(&component, fs::Permissions::from_mode(0o644)).unwrap();
        let script = folder.join("cgi-bin").join(guest);
        fs::write(&script, format!("#!/bin/sh\nexec {} cgi {}\n", wasgi.display(), component.display())).unwrap();
        open(&script);
    }
    let server = match WebServer::start(folder) {
        Ok(server) => server,
        Err(reason) => return println!("skipped: {reason}"),
    };
    let answer = server
        .ask("GET /cgi-bin/environ/some/where?x=1 HTTP/1.0\r\nHost: www.example.com\r\nUser-Agent: tests\r\n\r\n");
    for line in [
        "SCRIPT_NAME=/cgi-bin/environ",
        "PATH_INFO=/some/where",
        "QUERY_STRING=x=1",
        "REMOTE_ADDR=127.0.0.1",
        "HTTP_USER_AGENT=tests",
    ] {
        assert!(answer.lines().any(|given| given == line), "{line} is not in {answer}");
    }
    assert!(answer.contains("Status: 200 OK\r\n"), "{answer}");
    let body = "x".repeat(1000);
    let answer = server
        .ask(&format!("POST /cgi-bin/echo HTTP/1.0\r\nContent-Type: text/plain\r\nContent-Length: 1000\r\n\r\n{body}"));
    assert!(answer.ends_with(&format!("\r\n\r\n{body}")), "{answer}");
}
