//! close and the hooks: exactly once, whatever happened, and never at the client's expense.

use std::time::{Duration, Instant};

use crate::support::client::Client;
use crate::support::host::{App, guest, guest_as};
use crate::support::{unique, wait_for};

/// "Within a second", on a machine that is busy with other things too.
const A_SECOND: Duration = Duration::from_secs(4);

/// Asserts that the log of `app` has no line with `part` in it so far.
#[track_caller]
fn expect_none(app: &App, part: &str) {
    assert_eq!(app.lines(part), Vec::<String>::new());
}

#[test]
fn close_and_hooks_come_exactly_once_in_each_ending() {
    let app = guest("endings");
    for (method, end, report, outcome) in [
        ("GET", "ok", "bytes=15 complete=true", "ok"),
        ("HEAD", "ok", "bytes=0 complete=true", "ok"),
        ("GET", "204", "bytes=0 complete=true", "ok"),
        // What the client has in full is the host's page.
        ("GET", "error", "complete=true", "error"),
        ("GET", "unstarted", "complete=true", "protocol"),
        ("GET", "late-error", "bytes=5 complete=false", "error"),
        ("GET", "cut", "bytes=5 complete=false", "error"),
        ("GET", "long", "bytes=3 complete=true", "protocol"),
        ("GET", "short", "bytes=15 complete=false", "protocol"),
    ] {
        let tag = unique();
        app.request(method, &format!("/?end={end}&tag={tag}")).send();
        let line = app.wait_access(&format!("end={end}&tag={tag}"));
        assert_eq!(line.outcome(), outcome, "{method} {end}");
        let own = format!("end={end}&tag={tag}");
        app.wait_lines(&format!("close {own}"), 1);
        let sent = app.wait_lines(&format!("sent {own}"), 1);
        assert!(sent[0].contains(report), "{method} {end}: {sent:?}");
    }
}

#[test]
fn sent_comes_only_where_hooks_wait() {
    let (app, tag) = (guest("endings"), unique());
    app.get(&format!("/?end=ok&hooks=none&tag={tag}")).expect(200);
    app.wait_access(&tag);
    // close and nothing else.
    app.wait_lines(&tag, 1);
}

#[test]
fn a_trapped_instance_is_dropped_without_close() {
    let (app, tag) = (guest("endings"), unique());
    let response = app.get(&format!("/?end=trap&tag={tag}"));
    assert!(!response.complete && response.text() == "chunk");
    assert_eq!(app.wait_access(&tag).outcome(), "trap");
    expect_none(&app, &tag);
}

#[test]
fn a_trap_in_close_or_a_hook_is_not_the_clients_matter() {
    let app = guest("traps");
    for phase in ["close", "sent"] {
        let tag = unique();
        let mut client = app.connect();
        client.send(app.request("GET", &format!("/?in={phase}&tag={tag}")).bytes());
        assert_eq!(client.response().expect(200).text(), "chunkchunkchunk");
        client.send(app.request("GET", "/?in=nowhere").bytes()).response().expect(200);
        assert_eq!(app.wait_access(&tag).outcome(), "trap", "{phase}");
    }
}

/// How a client can leave.
#[derive(Clone, Copy, Debug)]
enum Leaves {
    Closes,
    Resets,
    HalfCloses,
}

impl Leaves {
    const ALL: [Leaves; 3] = [Leaves::Closes, Leaves::Resets, Leaves::HalfCloses];

    /// Leaves; what is given back keeps a half-closed connection.
    fn leave(self, mut client: Client) -> Option<Client> {
        match self {
            Leaves::Closes => drop(client),
            Leaves::Resets => client.reset(),
            Leaves::HalfCloses => {
                client.finish();
                return Some(client);
            }
        }
        None
    }
}

/// The client of `client` leaves; close and hooks follow in time and no more is asked for.
fn expect_end_after(leaves: Leaves, app: &App, tag: &str, client: Client) {
    let left = Instant::now();
    let _kept = leaves.leave(client);
    app.wait_line(&format!("closed {tag}"));
    assert!(left.elapsed() < A_SECOND, "{leaves:?}: closed only after {:?}", left.elapsed());
    let line = app.wait_access(tag);
    assert_eq!(line.outcome(), "client_gone", "{leaves:?}");
    app.wait_lines(&format!("closed {tag}"), 1);
    let sent = app.wait_lines(&format!("sent {tag}"), 1);
    assert!(sent[0].ends_with("complete=false"), "{leaves:?}: {sent:?}");
}

#[test]
fn a_client_that_leaves_ends_the_iteration() {
    let app = guest("ticks");
    for leaves in Leaves::ALL {
        let tag = unique();
        let mut client = app.connect();
        client.send(app.request("GET", &format!("/?n=100000&ms=20&tag={tag}")).bytes());
        client.head();
        client.chunk();
        expect_end_after(leaves, &app, &tag, client);
    }
}

#[test]
fn a_client_is_seen_to_leave_behind_bytes_that_nobody_read() {
    let app = guest("ticks");
    for leaves in Leaves::ALL {
        for (length, sent) in [(1_000_000_u32, 500_000), (1_000_000, 40_000), (40_000, 40_000), (10, 10)] {
            if sent > 40_000 && matches!(leaves, Leaves::HalfCloses) {
                continue; // its FIN waits behind bytes for which the receiver has no window: it has not come
            }
            let tag = unique();
            let mut client = app.connect();
            let length = length.to_string();
            let request = app.request("POST", &format!("/?n=100000&ms=20&tag={tag}")).header("Content-Length", &length);
            client.send(request.bytes());
            client.head();
            // The application reads none of it.
            let mut sender = client.sender();
            sender.set_nonblocking(true).unwrap();
            let _ = std::io::Write::write(&mut sender, &vec![b'x'; sent]);
            sender.set_nonblocking(false).unwrap();
            drop(sender);
            client.chunk();
            expect_end_after(leaves, &app, &tag, client);
        }
    }
}

#[test]
fn a_client_is_seen_to_leave_behind_pipelined_requests() {
    let app = guest("ticks");
    for leaves in Leaves::ALL {
        let (tag, later) = (unique(), unique());
        let mut client = app.connect();
        client.send(app.request("GET", &format!("/?n=100000&ms=20&tag={tag}")).bytes());
        client.head();
        client.send(app.request("GET", &format!("/?n=1&tag={later}")).bytes());
        client.chunk();
        expect_end_after(leaves, &app, &tag, client);
    }
}

#[test]
fn a_client_that_leaves_while_its_buffers_are_full_is_seen() {
    let app = guest("endless");
    for leaves in [Leaves::Closes, Leaves::Resets] {
        let tag = unique();
        let mut client = Client::narrow(app.host.clone());
        client.send(app.request("GET", &format!("/?quiet=1&tag={tag}")).bytes());
        client.head();
        client.skim(1 << 20);
        expect_end_after(leaves, &app, &tag, client);
        let line = app.wait_access(&tag);
        let report = app.wait_line(&format!("sent {tag}"));
        assert!(line.number("out") >= 1 << 20, "{line:?}");
        assert!(report.contains(&format!("bytes={} ", line.number("out"))), "{report} {line:?}");
    }
}

#[test]
fn a_client_that_takes_nothing_has_left() {
    let app = guest_as("endless", "endless-impatient", "[limits]\nstall = \"500ms\"");
    let tag = unique();
    let mut client = Client::narrow(app.host.clone());
    client.send(app.request("GET", &format!("/?quiet=1&tag={tag}")).bytes());
    client.head();
    assert_eq!(app.wait_access(&tag).outcome(), "client_gone");
    app.wait_lines(&format!("closed {tag}"), 1);
    client.skim(usize::MAX);
}

#[test]
fn a_client_that_leaves_before_the_first_byte_gets_its_application_closed() {
    let app = guest("sleeps");
    let tag = unique();
    let mut client = app.connect();
    client.send(app.request("GET", &format!("/?in=first&ms=300&tag={tag}")).bytes());
    app.wait_line(&format!("next 0 {tag}"));
    expect_end_after(Leaves::Closes, &app, &tag, client);
    // No further chunk is asked for.
    expect_none(&app, &format!("next 1 {tag}"));
}

#[test]
fn a_running_call_has_a_second_to_return() {
    let app = guest("sleeps");
    // It returns in time: close and hooks run. A busy machine may wake it late, hence not more of its second.
    let tag = unique();
    let mut client = app.connect();
    client.send(app.request("GET", &format!("/?in=next&ms=300&tag={tag}")).bytes());
    client.head();
    app.wait_line(&format!("next 1 {tag}"));
    expect_end_after(Leaves::Closes, &app, &tag, client);

    // It doesn't: the instance is dropped without them.
    let tag = unique();
    let mut client = app.connect();
    client.send(app.request("GET", &format!("/?in=next&ms=20000&tag={tag}")).bytes());
    client.head();
    app.wait_line(&format!("next 1 {tag}"));
    let left = Instant::now();
    drop(client);
    let line = app.wait_access(&tag);
    assert_eq!(line.outcome(), "client_gone");
    let took = left.elapsed();
    assert!(took > Duration::from_millis(900) && took < A_SECOND + Duration::from_secs(1), "{took:?}");
    expect_none(&app, &format!("closed {tag}"));
}

#[test]
fn hooks_run_in_order_after_close_and_before_the_access_log() {
    let (app, tag) = (guest("hooks"), unique());
    app.get(&format!("/?tag={tag}")).expect(200);
    app.wait_access(&tag);
    let said: Vec<_> =
        app.wait_lines(&tag, 5).iter().map(|line| line.split(' ').skip(2).collect::<Vec<_>>().join(" ")).collect();
    let expected = [
        format!("closed {tag}"),
        format!("hook 1 {tag} bytes=6 complete=true"),
        format!("hook 2 {tag} bytes=6 complete=true"),
        format!("hook 3 {tag} bytes=6 complete=true"),
        format!("sent {tag} bytes=6 complete=true"),
    ];
    assert_eq!(said, expected, "all run though the second one fails");
    app.wait_line("posthook failed: HookError: the second one");
}

#[test]
fn hooks_run_after_an_error_too() {
    let (app, tag) = (guest("hooks"), unique());
    app.get(&format!("/?fail=1&tag={tag}")).expect_page(500);
    app.wait_access(&tag);
    for n in 1..=3 {
        app.wait_lines(&format!("hook {n} {tag} "), 1);
    }
}

#[test]
fn close_and_hooks_never_delay_the_client() {
    let app = guest("sleeps");
    for phase in ["close", "sent"] {
        let (tag, next) = (unique(), unique());
        let mut client = app.connect();
        // As long as two responses may take where an interpreter has to be woken for each on a busy machine.
        client.send(app.request("GET", &format!("/?in={phase}&ms=4000&tag={tag}")).bytes());
        assert_eq!(client.response().expect(200).text(), "chunkchunkchunk");
        // The next request on the same connection doesn't wait either.
        client.send(app.request("GET", &format!("/?tag={next}")).bytes()).response().expect(200);
        expect_none(&app, &format!("sent {tag}"));
        let began = Instant::now();
        let line = app.wait_access(&tag);
        assert!(began.elapsed() < Duration::from_secs(10) && line.number("elapsed_us") >= 4_000_000, "{line:?}");
        assert_eq!(line.outcome(), "ok", "{phase}");
        app.wait_lines(&format!("sent {tag} bytes=15 complete=true"), 1);
    }
}

#[test]
fn a_client_that_has_everything_may_leave() {
    let app = guest("sleeps");
    let tag = unique();
    let mut client = app.connect();
    client.send(app.request("GET", &format!("/?in=close&ms=300&tag={tag}")).bytes());
    client.response().expect(200);
    drop(client);
    assert_eq!(app.wait_access(&tag).outcome(), "ok");
    app.wait_line(&format!("sent {tag} bytes=15 complete=true"));
}

#[test]
fn hooks_have_a_deadline() {
    let app = guest_as("spins", "spins-hooks", "[limits]\ncpu = \"500ms\"");
    for phase in ["close", "sent"] {
        let tag = unique();
        assert_eq!(app.get(&format!("/?in={phase}&tag={tag}")).expect(200).text(), "chunkchunkchunk");
        assert_eq!(app.wait_access(&tag).outcome(), "cpu", "{phase}");
    }
    let app = guest_as("sleeps", "sleeps-hooks", "[limits]\nwall = \"2s\"");
    for phase in ["close", "sent"] {
        let tag = unique();
        assert_eq!(app.get(&format!("/?in={phase}&ms=20000&tag={tag}")).expect(200).text(), "chunkchunkchunk");
        assert_eq!(app.wait_access(&tag).outcome(), "wall", "{phase}");
    }
}

#[test]
fn the_report_counts_what_the_socket_took() {
    let app = guest("endless");
    let tag = unique();
    let mut client = Client::narrow(app.host.clone());
    client.send(app.request("GET", &format!("/?mb=200&quiet=1&tag={tag}")).bytes());
    client.head();
    let read = client.skim(3 << 20);
    drop(client);
    let line = wait_for("the report", || app.lines(&format!("sent {tag}")).pop());
    let bytes: usize = line.split("bytes=").nth(1).and_then(|rest| rest.split(' ').next()).unwrap().parse().unwrap();
    // Framing is 10 bytes for 64 KiB; the rest of what was not read lay in the sockets' buffers.
    assert!(bytes + 2000 >= read && bytes < read + (16 << 20), "read {read}, {line}");
}

#[test]
fn hooks_of_a_delivered_response_outlive_the_client_of_the_next() {
    let (app, tag) = (guest("sleeps"), unique());
    let mut client = app.connect();
    client.send(app.request("GET", &format!("/?in=sent&ms=1500&tag={tag}one")).bytes());
    assert_eq!(client.response().status(), 200);
    client.send(app.request("GET", &format!("/?in=handle&ms=10000&tag={tag}two")).bytes());
    drop(client);
    assert_eq!(app.wait_access(&format!("{tag}two")).outcome(), "client_gone");
    assert_eq!(app.wait_access(&format!("{tag}one")).outcome(), "ok");
}

#[test]
fn life_ends_with_the_last_byte() {
    let app = guest_as("sleeps", "sleeps-short-life", "[limits]\nlife = \"4s\"\n");
    let tag = unique();
    assert_eq!(app.get(&format!("/?in=sent&ms=4500&tag={tag}")).status(), 200);
    assert_eq!(app.wait_access(&tag).outcome(), "ok");
}
