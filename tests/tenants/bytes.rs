//! Bytes of responses and of logs, a second.

use std::time::{Duration, Instant};

use crate::hosted;
use crate::support::site::{run, wasgi};
use crate::support::wait_for;

#[test]
fn responses_beyond_their_bytes_are_paced() {
    let config = "[tenants.acme]\nresponse_bytes_per_second = \"1MiB\"\n";
    let host = hosted(config, &[("acme/a", "endless", ""), ("acme/b", "write", ""), ("umbra/a", "endless", "")]);
    let took = |target: &str| {
        let began = Instant::now();
        let response = host.server.get(target);
        assert_eq!((response.status(), response.body.len()), (200, 3 << 20), "{target}");
        began.elapsed()
    };
    // A second's worth at once, and the rest in its time; it is one rate, however many ask.
    std::thread::scope(|scope| {
        let both = [scope.spawn(|| took("/acme/a?mb=3&quiet=1")), scope.spawn(|| took("/acme/a?mb=3&quiet=1"))];
        let neighbour = took("/umbra/a?mb=3&quiet=1");
        let both = both.map(|one| one.join().expect("a response"));
        let longest = both.into_iter().max().expect("two");
        println!("6 MiB at 1 MiB/s: {longest:.1?}; the neighbour's 3 MiB: {neighbour:.1?}");
        assert!(longest > Duration::from_millis(4_500) && longest < Duration::from_secs(15), "{longest:?}");
        assert!(neighbour < Duration::from_secs(3), "{neighbour:?}");
    });
}

#[test]
fn a_client_that_leaves_while_its_response_is_paced_is_seen() {
    let config = "[tenants.acme]\nresponse_bytes_per_second = \"64KiB\"\n[tenants.acme.limits]\nlife = \"4s\"\n";
    let host = hosted(config, &[("acme/a", "endless", "")]);
    let mut client = host.server.connect();
    client.send(b"GET /acme/a?quiet=1&tag=leaves HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("a request");
    client.head().expect("a head");
    drop(client);
    assert!(host.server.log.with("tag=leaves").contains(" client_gone "));
    // One that stays gets what its life has time for.
    let response = host.server.connect().get("/acme/a?quiet=1&tag=stays");
    assert!(response.is_err(), "it was cut");
    assert!(host.server.log.with("tag=stays").contains(" life "));
}

#[test]
fn log_lines_beyond_their_bytes_are_dropped_and_counted() {
    let config = "[tenants.acme]\nlog_bytes_per_second = \"10KiB\"\n";
    let host = hosted(config, &[("acme/a", "floods", ""), ("umbra/a", "floods", ""), ("acme/b", "logs", "")]);
    let log = |app: &str| {
        let ended = run(wasgi().args(["logs", app, "--state"]).arg(host.site.state()));
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.out
    };
    assert_eq!(host.server.text("/umbra/a?lines=50"), "logged");
    let began = Instant::now();
    assert_eq!(host.server.text("/acme/a?lines=500"), "logged");
    let counted = |text: &str| -> u64 {
        let number = |line: &str| line.split_once(" host ")?.1.split_once(" lines were dropped")?.0.parse::<u64>().ok();
        text.lines().filter_map(number).sum()
    };
    let took = began.elapsed();
    let kept = |text: &str, what: &str| text.lines().filter(|line| line.contains(what)).count() as u64;
    // 500 lines, and one of a MiB that is cut to the longest text there may be, which is told in a line.
    let all = |text: &str| {
        ["xxxx", "yyyy", "more bytes were dropped"].iter().map(|what| kept(text, what)).sum::<u64>() + counted(text)
    };
    let text = wait_for("all are there or counted", || Some(log("acme/a")).filter(|text| all(text) >= 502));
    assert_eq!((all(&text), host.tenant("acme")["dropped_lines"].as_u64()), (502, Some(counted(&text))));
    let most = 20 + 10 * took.as_secs();
    assert!(kept(&text, "xxxx") <= most, "{} lines of a thousand bytes in {took:?}", kept(&text, "xxxx"));
    let neighbours = log("umbra/a");
    assert_eq!((0..50).filter(|n| neighbours.contains(&format!(" errors {n} xxxx"))).count(), 50);
    assert_eq!(host.tenant("umbra")["dropped_lines"], 0);
}
