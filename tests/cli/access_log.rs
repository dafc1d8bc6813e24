//! One line for each request, as text or as JSON.

use std::fs;
use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::site::{Server, Site};
use crate::support::version::version;
use crate::support::wait_for;

fn serving(arguments: &[&str]) -> (Site, Server) {
    let site = Site::new();
    site.put("hello.wasm", version("one"));
    let mut command = site.command();
    command.arg("--access-log").arg(site.folder().join("access.log")).args(arguments);
    let server = Server::start(command);
    server.up("/hello", "one");
    (site, server)
}

/// The line of a request, once it is there.
fn line(file: &Path, part: &str) -> String {
    wait_for(part, || {
        let text = fs::read_to_string(file).unwrap_or_default();
        text.split_inclusive('\n').find(|line| line.contains(part) && line.ends_with('\n')).map(str::to_owned)
    })
}

#[test]
fn as_text() {
    let (site, server) = serving(&[]);
    let log = site.folder().join("access.log");
    server.connect().post("/hello?post", b"12345").unwrap();
    let post = line(&log, "?post");
    let fields: Vec<_> = post.split_whitespace().collect();
    assert_eq!(fields[1..6], ["127.0.0.1", "POST", "/hello?post", "200", "ok"], "{post}");
    assert!(fields[0].ends_with('Z') && fields[0].contains('T'), "{post}");
    let value = |name: &str| {
        fields
            .iter()
            .find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
            .unwrap_or_else(|| panic!("no {name} in {post}"))
    };
    assert_eq!((value("app"), value("in"), value("out")), ("default/hello", "5", "64"));
    assert_eq!((value("version").len(), value("request").len()), (8, 16));
    for number in ["cpu_us", "memory", "first_byte_us", "elapsed_us"] {
        assert!(value(number).parse::<u64>().is_ok_and(|number| number > 0), "{post}");
    }
    server.get("/nobody");
    let nobody = line(&log, "/nobody");
    assert!(nobody.contains(" 404 ") && nobody.contains("app=- version=-"), "{nobody}");
}

#[test]
fn as_json() {
    let (site, server) = serving(&["--access-log-format", "json"]);
    server.connect().post("/hello?post", b"12345").unwrap();
    let post: Value = serde_json::from_str(&line(&site.folder().join("access.log"), "?post")).unwrap();
    for (name, expected) in [
        ("client.address", Value::from("127.0.0.1")),
        ("http.request.method", "POST".into()),
        ("url.original", "/hello?post".into()),
        ("http.response.status_code", 200.into()),
        ("outcome", "ok".into()),
        ("tenant", "default".into()),
        ("app", "hello".into()),
        ("http.request.body.size", 5.into()),
        ("http.response.body.size", 64.into()),
    ] {
        assert_eq!(post[name], expected, "{name} in {post}");
    }
    assert!(post["cpu_us"].as_u64().is_some_and(|cpu| cpu > 0), "{post}");
}

#[test]
fn the_hosts_own_log_can_be_json_too() {
    let site = Site::new();
    let config = site.folder().join("host.toml");
    fs::write(&config, "[log]\nformat = \"json\"\n[access_log]\nformat = \"json\"\n").unwrap();
    let mut command = site.command();
    command.arg("--config").arg(&config);
    let server = Server::start(command);
    server.get("/nobody");
    server.log.with("/nobody");
    server.signal(Signal::TERM);
    let lines: Vec<Value> =
        server.log.to_end().iter().map(|line| serde_json::from_str(line).expect("an object")).collect();
    assert!(lines.iter().any(|line| line["level"] == "INFO" && line["message"] == "drained"), "{lines:#?}");
    assert!(lines.iter().any(|line| line["url.original"] == "/nobody"), "{lines:#?}");
}

#[test]
fn every_request_has_its_line_also_when_the_server_ends() {
    let (site, server) = serving(&[]);
    let mut client = server.connect();
    for number in 0..50 {
        client.get(&format!("/hello?number-{number}-")).unwrap();
    }
    server.stop();
    let text = fs::read_to_string(site.folder().join("access.log")).unwrap();
    for number in 0..50 {
        assert_eq!(text.matches(&format!("?number-{number}-")).count(), 1, "{number}");
    }
}

#[test]
fn it_can_be_rotated() {
    let (site, server) = serving(&[]);
    let log = site.folder().join("access.log");
    server.text("/hello?before");
    line(&log, "?before");
    let old = site.folder().join("access.log.1");
    fs::rename(&log, &old).unwrap();
    server.signal(Signal::HUP);
    server.log.with("read again and in force");
    assert!(log.exists());
    server.text("/hello?after");
    line(&log, "?after");
    assert!(!fs::read_to_string(&old).unwrap().contains("?after"));
}

#[test]
fn standard_error_is_a_dash() {
    let site = Site::new();
    site.put("hello.wasm", version("one"));
    let mut command = site.command();
    command.args(["--access-log", "-"]);
    let server = Server::start(command);
    server.up("/hello", "one");
    server.text("/hello?to-standard-error");
    server.log.with("GET /hello?to-standard-error 200 ok");
}
