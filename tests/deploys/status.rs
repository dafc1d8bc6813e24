//! `wasgi status` and `wasgi logs`, of a server that runs.

use std::process::Stdio;

use serde_json::Value;

use crate::support::lines::Lines;
use crate::support::site::{Ended, Site, run, wasgi};
use crate::support::version::version;
use crate::support::wait_for;

fn ask(site: &Site, what: &[&str]) -> Ended {
    run(wasgi().args(what).arg("--state").arg(site.state()))
}

fn json(site: &Site) -> Value {
    let ended = ask(site, &["status", "--json"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    serde_json::from_str(&ended.out).expect("JSON")
}

fn site() -> Site {
    let site = Site::new();
    for name in ["hello", "shop"] {
        site.put(&format!("{name}.wasm"), version(name));
    }
    site.put("shop.toml", "routes = [\"shop.example.com\", \"/shop\"]\n");
    site.put("bad.wasm", "bad");
    site.put("README", "");
    site
}

#[test]
fn the_table_tells_what_is_deployed_and_why_not() {
    let site = site();
    let server = site.serve();
    server.up("/hello", "hello");
    server.up("/shop", "shop");
    server.out.after(0, "refused bad: ");
    let table = ask(&site, &["status"]);
    assert_eq!(table.code, Some(0), "{table:?}");
    let lines: Vec<_> = table.out.lines().collect();
    let row = |name: &str| {
        let line = lines.iter().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name}: {lines:#?}"));
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(row("APPLICATION"), ["APPLICATION", "VERSION", "STATE", "ROUTES", "REQUESTS", "ERRORS", "CPU"]);
    let hello = row("hello");
    assert_eq!((hello[1].len(), &hello[2..4], &hello[5]), (8, &["serving".into(), "/hello".into()][..], &"0".into()));
    assert_eq!(row("shop")[2..5], ["serving", "shop.example.com,", "/shop"]);
    assert_eq!(row("bad")[1..4], ["-", "refused", "-"]);
    assert!(lines.iter().any(|line| line.starts_with("  refused: it is something else")), "{lines:#?}");
    assert!(lines.iter().any(|line| line.starts_with("ignored README: ")), "{lines:#?}");
    server.line("refused hello: ", || site.put("hello.wasm", "bad"));
    assert!(ask(&site, &["status"]).out.contains("serving old"));
}

#[test]
fn json_has_the_same_and_counts_requests() {
    let site = site();
    let server = site.serve();
    server.up("/hello", "hello");
    server.up("/shop", "shop");
    server.out.after(0, "refused bad: ");
    let app = |name: &str| {
        let status = json(&site);
        let apps = status["applications"].as_array().expect("a list").clone();
        apps.into_iter().find(|app| app["application"] == name).expect("the application")
    };
    let counted = |name: &str| app(name)["requests"].as_u64().expect("a number");
    let before = counted("hello");
    for _ in 0..5 {
        server.text("/hello");
    }
    wait_for("five requests more", || (counted("hello") == before + 5).then_some(()));
    let shop = app("shop");
    assert_eq!(shop["tenant"], "default");
    assert_eq!(shop["state"], "serving");
    assert_eq!(shop["routes"], serde_json::json!(["shop.example.com", "/shop"]));
    assert_eq!(shop["errors"], 0);
    let bad = app("bad");
    assert_eq!((&bad["state"], &bad["version"]), (&Value::from("refused"), &Value::Null));
    assert!(bad["reason"].as_str().is_some_and(|reason| reason.contains("something else")));
    let status = json(&site);
    assert_eq!(status["pid"], server.pid());
    assert_eq!(status["ignored"][0]["name"], "README");
}

#[test]
fn it_is_asked_by_directory_too() {
    let site = site();
    let server = site.serve();
    server.up("/hello", "hello");
    let apps = site.apps();
    let ended = run(wasgi().arg("status").arg(&apps).arg("--state").arg(site.state()));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    server.stop();
    for ended in [
        ask(&site, &["status"]),
        ask(&site, &["logs", "hello"]),
        run(wasgi().arg("status").arg(&apps).arg("--state").arg(site.state())),
    ] {
        assert_eq!((ended.code, ended.out.as_str(), ended.err.lines().count()), (Some(1), "", 1), "{ended:?}");
        assert!(ended.err.contains("no server is running"), "{ended:?}");
    }
}

#[test]
fn logs_show_what_was_logged_and_follow() {
    let site = site();
    let server = site.serve();
    server.up("/hello", "hello");
    server.text("/hello?log=first-of-all");
    let shown = wait_for("the log's line", || {
        let ended = ask(&site, &["logs", "hello"]);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.out.contains("first-of-all").then_some(ended.out)
    });
    assert!(shown.lines().any(|line| line.contains(" host version ")), "{shown}");
    let mut following = wasgi()
        .args(["logs", "hello", "-f", "--state"])
        .arg(site.state())
        .stdout(Stdio::piped())
        .spawn()
        .expect("wasgi");
    let lines = Lines::of(following.stdout.take().expect("its output"));
    lines.with("first-of-all");
    for number in 0..3 {
        server.text(&format!("/hello?log=line-{number}"));
        lines.with(&format!("line-{number}"));
    }
    server.line("deployed hello (", || site.put("hello.wasm", version("two")));
    lines.find(0, "the deploy", |line| line.contains(" host version "));
    server.stop();
    let status = wait_for("the end with the server", || following.try_wait().expect("a child"));
    assert!(status.code().is_some());
}

#[test]
fn a_name_that_is_not_deployed_is_told() {
    let site = site();
    let server = site.serve();
    server.up("/hello", "hello");
    let ended = ask(&site, &["logs", "nobody"]);
    assert_eq!((ended.code, ended.err.lines().count()), (Some(1), 1), "{ended:?}");
    assert!(ended.err.contains("nobody"), "{ended:?}");
    let ended = ask(&site, &["logs", "../key"]);
    assert_eq!(ended.code, Some(2), "{ended:?}");
}

#[test]
fn logs_lie_in_the_state_by_tenant_and_name() {
    let site = site();
    let server = site.serve();
    server.up("/hello", "hello");
    server.text("/hello?log=kept-in-a-file");
    let file = site.state_folder().join("log/default/hello.log");
    wait_for("the log's file", || std::fs::read_to_string(&file).ok()?.contains("kept-in-a-file").then_some(()));
}
