//! `wasgi call`: one request without a server.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::guests;
use crate::support::site::{Site, run, wasgi};

fn call(guest: &str, arguments: &[&str]) -> Command {
    let mut command = wasgi();
    command.arg("call").arg(guests::component(guest)).args(arguments);
    command
}

#[test]
fn get_is_what_is_sent_without_a_body() {
    let ended = run(&mut call("environ", &["/some/where?a=1&b"]));
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{ended:?}");
    for line in
        ["REQUEST_METHOD=GET", "PATH_INFO=/some/where", "QUERY_STRING=a=1&b", "SCRIPT_NAME=", "wsgi.url_scheme=http"]
    {
        assert!(ended.out.lines().any(|given| given == line), "{line} is not in {}", ended.out);
    }
}

#[test]
fn a_body_is_sent_by_post() {
    let ended = run(&mut call("echo", &["/", "-d", "the body"]));
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "the body"), "{ended:?}");
    let ended = run(&mut call("environ", &["/", "-d", "the body"]));
    for line in ["REQUEST_METHOD=POST", "CONTENT_LENGTH=8"] {
        assert!(ended.out.lines().any(|given| given == line), "{line} is not in {}", ended.out);
    }
}

#[test]
fn method_and_headers_can_be_given() {
    let ended = run(&mut call(
        "environ",
        &["DELETE", "/items/7", "-H", "X-One: 1", "-H", "Host: shop.example.com", "-H", "X-One: 2"],
    ));
    for line in ["REQUEST_METHOD=DELETE", "HTTP_HOST=shop.example.com"] {
        assert!(ended.out.lines().any(|given| given == line), "{line} is not in {}", ended.out);
    }
    assert!(ended.out.lines().any(|line| line.starts_with("HTTP_X_ONE=1") && line.ends_with('2')), "{}", ended.out);
}

#[test]
fn the_head_is_shown_where_it_is_asked_for() {
    let ended = run(&mut call("version", &["/", "-i"]));
    let (head, body) = ended.out.split_once("\n\n").expect("a head and a body");
    assert!(head.starts_with("200 OK\n") && head.to_lowercase().contains("\ncontent-type: text/plain"), "{head}");
    assert_eq!(body, "<the mark of this very version.>");
    let ended = run(&mut call("status", &["/?status=299%20As%20It%20Is", "-i"]));
    assert!(ended.out.starts_with("299 As It Is\n"), "{ended:?}");
}

#[test]
fn the_version_is_what_a_server_names_it() {
    let site = Site::new();
    let file = site.file("hello.wasm");
    fs::copy(guests::component("environ"), &file).unwrap();
    let server = site.serve();
    let line = server.out.after(0, "deployed hello (");
    let version = line.split(['(', ')']).nth(1).unwrap();
    let ended = run(wasgi().arg("call").arg(&file).arg("/"));
    assert!(ended.out.lines().any(|line| line == format!("wasgi.version={version}")), "{version}: {}", ended.out);
}

#[test]
fn what_is_logged_goes_to_standard_error() {
    let ended = run(&mut call("version", &["/?log=something-to-say"]));
    assert_eq!((ended.code, ended.out.as_str()), (Some(0), "<the mark of this very version.>"));
    assert!(ended.err.contains("something-to-say"), "{ended:?}");
}

#[test]
fn an_error_of_the_application_is_exit_code_one() {
    for target in ["/500", "/503"] {
        let ended = run(&mut call("fails", &[target]));
        assert_eq!(ended.code, Some(1), "{ended:?}");
    }
    let ended = run(&mut call("traps", &["/?in=handle"]));
    assert_eq!(ended.code, Some(1), "{ended:?}");
}

#[test]
fn the_manifest_beside_it_counts() {
    let site = Site::new();
    let file = site.file("hello.wasm");
    fs::copy(guests::component("version"), &file).unwrap();
    let go = |file: &Path| run(wasgi().arg("call").arg(file).arg("/"));
    fs::write(site.file("hello.toml"), "[env]\nGREETING = \"of the manifest\"\n").unwrap();
    assert!(go(&file).out.ends_with("of the manifest"));
    fs::write(site.file("hello.toml"), "[env\n").unwrap();
    let ended = go(&file);
    assert_eq!((ended.code, ended.err.lines().count()), (Some(2), 1), "{ended:?}");
    assert!(ended.err.contains("line 1"), "{ended:?}");
    fs::write(&file, "nonsense").unwrap();
    fs::remove_file(site.file("hello.toml")).unwrap();
    let ended = go(&file);
    assert_eq!((ended.code, ended.err.lines().count()), (Some(2), 1), "{ended:?}");
    assert!(ended.err.contains("an application is a WebAssembly component"), "{ended:?}");
}
