//! What is written down: each application's log, and a line for each request.

use crate::support::host::{Host, guest};
use crate::support::{unique, wait_for};

#[test]
fn errors_and_standard_streams_go_to_the_applications_log() {
    let (app, tag) = (guest("logs"), unique());
    app.get(&format!("/?tag={tag}")).expect(200);
    for (source, text) in [
        ("errors", "errors gr\u{fc}\u{df}e \u{6771}\u{4eac} \u{1f980}"),
        ("errors", "two"),
        ("errors", "lines"),
        ("stdout", "stdout gr\u{fc}\u{df}e"),
        ("stderr", "stderr gr\u{fc}\u{df}e"),
        ("stderr", "without an end"),
    ] {
        let line = app.wait_line(&format!("{tag} {text}"));
        assert_eq!(line.split(' ').nth(1), Some(source), "{line}");
    }
    assert!(app.wait_line(&format!("{tag} without an end")).ends_with("without an end"));
}

#[test]
fn a_log_repeats_no_control_characters() {
    let (app, tag) = (guest("logs"), unique());
    app.get(&format!("/?tag={tag}")).expect(200);
    let line = app.wait_line(&format!("{tag} escape"));
    assert!(line.ends_with("\\x1b[31mred\\x07 bell \\u{202e}reordered"), "{line}");
    assert!(!app.log().chars().any(|c| c.is_control() && c != '\n' && c != '\t'));
}

#[test]
fn no_text_forges_a_line() {
    let (app, tag) = (guest("logs"), format!("{}%0A2030-01-01T00:00:00.000Z%20host%20forged", unique()));
    app.get(&format!("/?tag={tag}")).expect(200);
    app.wait_line("host forged errors");
    let stamped = |line: &str| line.get(..20).is_some_and(|stamp| stamp.starts_with("20") && stamp.contains('T'));
    assert!(app.log().lines().all(stamped));
    assert!(!app.log().contains("\n2030-01-01"), "{}", app.log());
}

#[test]
fn a_log_is_bounded() {
    let host = Host::options().start();
    let app = host.deploy("floods");
    let tag = unique();
    app.get(&format!("/?lines=20000&{tag}")).expect(200);
    // What is missing is missing in whole lines, and the log says how many.
    let dropped = |line: &str| line.split_once(" host ")?.1.split_once(" lines were dropped")?.0.parse::<usize>().ok();
    let log = wait_for("each line is there or counted", || {
        let log = app.log();
        let kept = log.lines().filter(|line| line.contains("xxx") || line.contains("yyy")).count();
        (kept + log.lines().filter_map(dropped).sum::<usize>() == 20_001).then_some(log)
    });
    let longest = log.lines().map(str::len).max().unwrap();
    assert!(longest < 9 << 10, "{longest}");
}

#[test]
fn each_request_has_one_line_in_the_access_log() {
    let (app, tag) = (guest("chunks"), unique());
    app.get(&format!("/?n=3&tag={tag}")).expect(200);
    let line = app.wait_access(&tag);
    let fields: Vec<_> = line.0.split(' ').collect();
    assert!(fields[0].len() == 24 && fields[0].ends_with('Z'), "{line:?}");
    assert_eq!(fields[1..6], ["127.0.0.1", "GET", &format!("/?n=3&tag={tag}"), "200", "ok"]);
    assert_eq!((line.get("app"), line.get("version").len(), line.get("request").len()), ("default/chunks", 8, 16));
    assert_eq!((line.number("in"), line.number("out")), (0, 6));
    assert!(line.number("cpu_us") > 0 && line.number("memory") > 65_536 && line.number("elapsed_us") > 0);
    assert!(line.number("first_byte_us") <= line.number("elapsed_us"));
    assert_eq!(app.host.wait_accesses(&tag, 1).len(), 1);
}

#[test]
fn an_access_line_can_be_json() {
    let host = Host::options().arguments(["--access-log-format", "json"]).start();
    let app = host.deploy("echo");
    let tag = unique();
    app.post(&format!("/?{tag}"), "12345").expect(200);
    let line: serde_json::Value = serde_json::from_str(&host.wait_access(&tag)).unwrap();
    for (name, value) in [("outcome", "ok"), ("app", "echo"), ("tenant", "default"), ("http.request.method", "POST")] {
        assert_eq!(line[name], value, "{line}");
    }
    for (name, value) in
        [("http.response.status_code", 200), ("http.request.body.size", 5), ("http.response.body.size", 5)]
    {
        assert_eq!(line[name], value, "{line}");
    }
    for name in [
        "time",
        "client.address",
        "url.original",
        "version",
        "request_id",
        "cpu_us",
        "memory",
        "first_byte_us",
        "elapsed_us",
    ] {
        assert!(!line[name].is_null(), "{name}: {line}");
    }
}

#[test]
fn what_no_application_answers_has_a_line_too() {
    let host = Host::shared();
    let tag = unique();
    let mut client = host.connect();
    client.send(format!("GET /{tag} HTTP/1.1\r\nHost: nobody.test\r\n\r\n")).response().expect_page(404);
    let line = host.wait_access(&tag);
    assert!(line.contains(" 404 not_found app=- version=- "), "{line}");
}

#[test]
fn a_guests_fault_is_no_error_of_the_host() {
    let host = Host::options().start();
    for (name, target) in [
        ("traps", "/?in=handle"),
        ("traps", "/?in=next"),
        ("recurses", "/"),
        ("fails", "/?when=first"),
        ("never_starts", "/"),
    ] {
        host.deploy(name).get(target);
    }
    let complaints = host.complaints();
    assert!(!complaints.contains("ERROR") && !complaints.contains("panicked"), "{complaints}");
}
