//! What an instance is granted, and what it remembers.

use std::time::Duration;

use crate::support::host::{App, Host, guest, guest_as};
use crate::support::{unique, wait_for, wait_until_still};

#[test]
fn only_the_manifests_environment_variables_reach_the_guest() {
    assert_eq!(guest("surroundings").get("/").expect(200).text(), "");
    let app = guest_as("surroundings", "surroundings-set", "[env]\nSECRET_KEY = \"gr\u{fc}\u{df}e\"\nEMPTY = \"\"");
    let text = app.get("/").expect(200);
    let mut lines: Vec<_> = text.text().lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["EMPTY=", "SECRET_KEY=gr\u{fc}\u{df}e"]);
}

#[test]
fn files_and_network_are_out_of_reach() {
    let app = guest("forbidden");
    let response = app.get(&format!("/?port={}", app.host.address().port())).expect(200);
    assert_eq!(response.text().lines().count(), 11);
    assert!(response.text().lines().all(|line| line.contains(": refused")), "{}", response.text());
}

#[test]
fn random_numbers_differ_between_instances() {
    let app = guest("random");
    let seen: std::collections::HashSet<_> =
        (0..20).map(|_| app.get("/").expect(200).text().split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(seen.len(), 20);
}

fn count(app: &App, query: &str) -> String {
    app.get(&format!("/?{query}")).expect(200).text().to_owned()
}

#[test]
fn a_fresh_instance_remembers_nothing() {
    let app = guest("counts");
    let mut client = app.connect();
    for _ in 0..5 {
        assert_eq!(client.send(app.request("GET", "/").bytes()).response().expect(200).text(), "1");
    }
}

/// Waits until the request before has given its instance back: its access line is written after that.
fn count_after(app: &App, query: &str) -> String {
    let tag = unique();
    let counted = count(app, &format!("{query}&tag={tag}"));
    app.wait_access(&tag);
    counted
}

#[test]
fn a_reused_instance_keeps_its_state() {
    let app = guest_as("counts", "counts-reused", "[instances]\nreuse = true");
    let counted: Vec<_> = (0..5).map(|_| count_after(&app, "")).collect();
    assert_eq!(counted, ["1", "2", "3", "4", "5"]);
}

#[test]
fn a_reused_instance_serves_one_request_at_a_time() {
    let app = guest_as("counts", "counts-busy", "[instances]\nreuse = true");
    // Both at one time, and each takes longer than the other may be late.
    let mut clients = [app.connect(), app.connect()];
    for client in &mut clients {
        client.send(app.request("GET", "/?ms=3000").bytes());
    }
    let answers = clients.map(|mut client| client.response().expect(200).text().to_owned());
    assert_eq!(answers, ["1", "1"], "another instance");
}

#[test]
fn a_reused_instance_is_retired_after_its_requests() {
    let app = guest_as("counts", "counts-retired", "[instances]\nreuse = true\nmax_requests = 3");
    let counted: Vec<_> = (0..7).map(|_| count_after(&app, "")).collect();
    assert_eq!(counted, ["1", "2", "3", "1", "2", "3", "1"]);
}

#[test]
fn a_reused_instance_is_retired_above_its_memory_mark() {
    let app = guest_as("counts", "counts-large", "[instances]\nreuse = true\nmax_memory = \"8MiB\"");
    let grown: Vec<_> = ["", "grow=1", "", "grow=10", "", ""].iter().map(|query| count_after(&app, query)).collect();
    assert_eq!(grown, ["1", "2", "3", "4", "1", "2"]);
}

#[test]
fn a_reused_instance_is_retired_once_it_wanted_more_memory_than_it_may_have() {
    let app = guest_as(
        "counts",
        "counts-full",
        "[instances]\nreuse = true\nmax_memory = \"64MiB\"\n[limits]\nmemory = \"64MiB\"",
    );
    let counted: Vec<_> = ["", "ask=100", "", ""].iter().map(|query| count_after(&app, query)).collect();
    assert_eq!(counted, ["1", "2", "1", "2"]);
}

#[test]
fn a_reused_instance_is_dropped_after_a_trap_or_a_timeout() {
    let app = guest_as("counts", "counts-broken", "[instances]\nreuse = true\n[limits]\nwall = \"3s\"");
    for (query, status) in [("panic=1", 500), ("ms=20000", 504)] {
        assert_eq!(count_after(&app, ""), "1");
        assert_eq!(count_after(&app, ""), "2");
        let tag = unique();
        app.get(&format!("/?{query}&tag={tag}")).expect_page(status);
        app.wait_access(&tag);
        assert_eq!(count_after(&app, ""), "1", "{query}");
        let tag = unique();
        app.get(&format!("/?panic=1&tag={tag}")).expect_page(500);
        app.wait_access(&tag);
    }
}

#[test]
fn a_handle_of_an_earlier_request_is_of_no_use() {
    let app = guest_as("keeps_handles", "keeps_handles-reused", "[instances]\nreuse = true");
    let mut client = app.connect();
    let tag = unique();
    client
        .send(app.request("GET", &format!("/?{tag}")).header("Secret", "of-the-first").bytes())
        .response()
        .expect(200);
    app.wait_access(&tag);
    let tag = unique();
    client.send(app.request("GET", &format!("/?{tag}")).bytes()).response().expect_page(500);
    assert_eq!(app.wait_access(&tag).outcome(), "trap");
    app.wait_line("of an earlier request was used");
}

#[test]
fn memory_of_earlier_requests_is_never_seen() {
    let host = Host::options().config("instances = 2\n").start();
    let app = host.deploy("residue");
    let mut client = app.connect();
    for _ in 0..6 {
        assert_eq!(client.send(app.request("GET", "/").bytes()).response().expect(200).text(), "0");
    }
}

#[test]
fn traps_and_departures_leave_nothing_behind() {
    let host = Host::options().config("instances = 20\n").start();
    let (traps, ticks, chunks) = (host.deploy("traps"), host.deploy("ticks"), host.deploy("chunks"));
    let files = || std::fs::read_dir(format!("/proc/{}/fd", host.pid())).unwrap().count();
    let trouble = |times: usize| {
        for n in 0..times {
            traps.get(["/?in=handle", "/?in=next", "/?in=close"][n % 3]);
            let mut client = ticks.connect();
            client.send(ticks.request("GET", "/?n=1000&ms=1").bytes());
            client.head();
        }
        // Twenty instances at once are refused for ever if one in a hundred is kept.
        wait_for("all slots are free", || {
            let all: Vec<_> = (0..20)
                .map(|_| {
                    let mut client = chunks.connect();
                    client.send(chunks.request("GET", "/?n=3").bytes());
                    client
                })
                .collect();
            let statuses: Vec<_> = all.into_iter().map(|mut client| client.response().status()).collect();
            statuses.iter().all(|status| *status == 200).then_some(())
        });
    };
    trouble(50);
    let before = wait_until_still("all connections are closed", Duration::from_millis(600), files);
    let memory = host.memory("VmRSS");
    trouble(300);
    wait_for("no file is left open", || (files() <= before).then_some(()));
    let grown = host.memory("VmRSS").saturating_sub(memory);
    assert!(grown < 16 << 10, "{grown} KiB more memory");
}
