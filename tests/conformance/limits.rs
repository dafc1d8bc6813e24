//! What an application may use, and what its clients see when it uses more.

use std::time::{Duration, Instant};

use crate::support::client::Client;
use crate::support::host::{App, Host, guest, guest_as};
use crate::support::response::Response;
use crate::support::{unique, wait_for};

/// A response that is the host's page, and its outcome.
#[track_caller]
fn refused(app: &App, target: &str, status: u16, outcome: &str) -> Response {
    let tag = unique();
    let response = app.get(&format!("{target}&tag={tag}")).expect_page(status);
    let line = app.wait_access(&tag);
    assert_eq!((line.outcome(), line.status()), (outcome, status.to_string().as_str()), "{target}");
    assert_eq!(response.request_id(), line.get("request"));
    response
}

/// A response that began and was cut, and its outcome.
#[track_caller]
fn cut(app: &App, target: &str, outcome: &str) {
    let tag = unique();
    let mut client = app.connect();
    client.send(app.request("GET", &format!("{target}&tag={tag}")).bytes());
    let response = client.response();
    assert_eq!((response.status(), response.complete), (200, false), "{target}");
    client.expect_end();
    assert_eq!(app.wait_access(&tag).outcome(), outcome, "{target}");
    // An instance that was ended in a call is not closed; between calls a life may end in order.
    assert!(outcome == "life" || app.lines(&format!("closed {tag}")).is_empty(), "{target}");
}

#[test]
fn out_of_cpu_is_503_and_later_a_cut() {
    let app = guest_as("spins", "spins-shortly", "[limits]\ncpu = \"100ms\"");
    for phase in ["handle", "first"] {
        let response = refused(&app, &format!("/?in={phase}"), 503, "cpu");
        assert!(response.head.get("retry-after").is_some());
    }
    cut(&app, "/?in=next", "cpu");
    app.get("/?in=nowhere").expect(200);
}

#[test]
fn out_of_wall_time_is_504_and_later_a_cut() {
    let app = guest_as("sleeps", "sleeps-shortly", "[limits]\nwall = \"1500ms\"");
    for phase in ["handle", "first"] {
        refused(&app, &format!("/?in={phase}&ms=20000"), 504, "wall");
    }
    cut(&app, "/?in=next&ms=20000", "wall");
    // Each call has its own: four short sleeps are none too long.
    guest_as("ticks", "ticks-wall", "[limits]\nwall = \"2s\"").get("/?n=4&ms=600").expect(200);
}

#[test]
fn wall_time_does_not_count_what_the_client_takes() {
    let app = guest_as("lockstep", "lockstep-wall", "[limits]\nwall = \"1500ms\"");
    let mut client = app.connect();
    client.send(app.request("POST", "/").header("Content-Length", "4").bytes());
    client.send("1\n");
    client.head();
    client.chunk();
    // This is what is tried, not a wait for something else.
    std::thread::sleep(Duration::from_millis(3_000));
    client.send("2\n");
    assert_eq!(client.chunk().unwrap(), b"2\n");
    assert_eq!(client.chunk().unwrap(), b"");
}

#[test]
fn a_request_that_lives_too_long_is_504_or_cut() {
    let limit = "[limits]\nlife = \"1500ms\"";
    refused(&guest_as("sleeps", "sleeps-life", limit), "/?in=handle&ms=20000", 504, "life");
    cut(&guest_as("ticks", "ticks-life", limit), "/?n=100000&ms=20", "life");
    // A client that takes nothing is no excuse.
    let app = guest_as("endless", "endless-life", limit);
    let tag = unique();
    let mut client = Client::narrow(app.host.clone());
    client.send(app.request("GET", &format!("/?quiet=1&tag={tag}")).bytes());
    assert_eq!(app.wait_access(&tag).outcome(), "life");
}

#[test]
fn out_of_memory_is_500() {
    let app = guest_as("hogs", "hogs-little", "[limits]\nmemory = \"16MiB\"");
    let tag = unique();
    app.get(&format!("/?tag={tag}")).expect_page(500);
    let line = app.wait_access(&tag);
    assert_eq!(line.outcome(), "memory");
    assert!((8 << 20..=16 << 20).contains(&line.number("memory")), "{line:?}");
    // The default is a limit, too.
    refused(&guest("hogs"), "/?", 500, "memory");
}

#[test]
fn a_refusal_that_was_got_over_is_not_to_blame_for_a_later_trap() {
    let app = guest_as("overreaches", "overreaches-reused", "[instances]\nreuse = true");
    for target in ["/?want=1", "/?"] {
        let tag = unique();
        let response = app.get(&format!("{target}&tag={tag}")).expect(200);
        assert_eq!(response.text(), if target == "/?" { "granted" } else { "refused" });
        app.wait_access(&tag);
    }
    refused(&app, "/?panic=1", 500, "trap");
    refused(&app, "/?want=1&panic=1", 500, "memory");
}

#[test]
fn out_of_stack_is_500() {
    refused(&guest("recurses"), "/?", 500, "stack");
}

#[test]
fn a_trap_is_500() {
    let response = refused(&guest("traps"), "/?in=handle", 500, "trap");
    assert!(!response.text().contains("secret"));
}

#[test]
fn empty_chunks_without_end_are_one_call() {
    let app = guest_as("empties", "empties-shortly", "[limits]\ncpu = \"100ms\"");
    refused(&app, "/?first=", 503, "cpu");
    cut(&app, "/?first=text", "cpu");
}

#[test]
fn a_full_application_is_503_with_retry_after() {
    let app = guest_as("lockstep", "lockstep-alone", "[limits]\nin_flight = 1\nqueue = 0");
    let mut running = app.connect();
    let tag = unique();
    running.send(app.request("POST", &format!("/{tag}")).header("Content-Length", "4").bytes());
    running.send("1\n");
    running.head();
    running.chunk();
    let response = refused(&app, "/?", 503, "unavailable");
    assert!(response.head.get("retry-after").is_some());
    running.send("2\n");
    running.chunk();
    assert_eq!(running.chunk().unwrap(), b"");
    app.wait_access(&tag);
    app.get("/").expect(200);
}

#[test]
fn a_short_queue_waits_its_turn() {
    let app = guest_as("lockstep", "lockstep-queue", "[limits]\nin_flight = 1\nqueue = 1");
    let mut running = app.connect();
    running.send(app.request("POST", "/running").header("Content-Length", "4").bytes());
    running.send("1\n");
    running.head();
    running.chunk();
    let mut others = [app.connect(), app.connect()];
    for other in &mut others {
        other.send(app.request("POST", "/other").body("q\n").bytes());
    }
    // Whichever came first waits, and the other one has no room beside it.
    let refused = wait_for("the queue is full", || others.iter_mut().position(Client::has_come));
    others[refused].response().expect_page(503);
    let queued = &mut others[1 - refused];
    queued.expect_nothing_yet();
    running.send("2\n");
    assert_eq!(queued.response().expect(200).text(), "q\n");
}

#[test]
fn who_leaves_the_queue_takes_no_turn_and_no_place() {
    let app = guest_as("lockstep", "lockstep-left", "[limits]\nin_flight = 1\nqueue = 1");
    let mut running = app.connect();
    running.send(app.request("POST", "/running").header("Content-Length", "4").bytes());
    running.send("1\n");
    running.head();
    running.chunk();
    for _ in 0..3 {
        // Each has the one place in the queue, and leaves it to the next.
        let tag = unique();
        let mut queued = app.connect();
        queued.send(app.request("POST", &format!("/{tag}")).body("q\n").bytes());
        app.host.connect().send(format!("GET /{tag}-after HTTP/1.1\r\nHost: nobody\r\n\r\n")).response();
        queued.expect_nothing_yet();
        drop(queued);
        let line = app.wait_access(&format!("/{tag} "));
        assert_eq!((line.outcome(), line.status(), line.number("cpu_us")), ("client_gone", "-", 0));
    }
    running.send("2\n");
    running.chunk();
    assert_eq!(running.chunk().unwrap(), b"");
    assert_eq!(app.post("/", "after\n").expect(200).text(), "after\n");
}

#[test]
fn one_application_never_has_all_of_the_hosts_instances() {
    let host = Host::options().config("instances = 4\n").start();
    let greedy = host.deploy_as("ticks", "greedy", "[limits]\nin_flight = 100\n");
    let bystander = host.deploy("chunks");
    let begin = || {
        let mut client = greedy.connect();
        client.send(greedy.request("GET", "/?n=100000&ms=20").bytes());
        client
    };
    let mut running: Vec<_> = (0..8).map(|_| begin()).collect();
    let began =
        |clients: &mut [Client]| clients.iter_mut().filter_map(|client| client.has_come().then_some(())).count();
    wait_for("as many as may run", || (began(&mut running) == 2).then_some(()));
    bystander.get("/?n=3").expect(200);
    // Neither does its next version, while requests go on on the one before.
    host.place("greedy.toml", b"routes = [\"greedy.test\"]\n[limits]\nin_flight = 99\n");
    wait_for("the next version", || {
        (host.said().iter().filter(|line| line.starts_with("deployed greedy ")).count() == 2).then_some(())
    });
    let mut later: Vec<_> = (0..4).map(|_| begin()).collect();
    for _ in 0..20 {
        bystander.get("/?n=3").expect(200);
    }
    assert_eq!((began(&mut running), began(&mut later)), (2, 0));
    // Where one leaves, another one has its turn.
    let first = running.iter_mut().position(Client::has_come).unwrap();
    drop(running.remove(first));
    wait_for("another one's turn", || (began(&mut running) + began(&mut later) == 2).then_some(()));
}

#[test]
fn who_computes_for_ever_does_not_keep_others_waiting() {
    let limits = "[limits]\ncpu = \"1s\"\nwall = \"10m\"";
    others_are_served_beside(&guest_as("spins", "spins-long", limits), "/?in=handle");
}

#[test]
fn who_sends_nothing_for_ever_does_not_keep_others_waiting() {
    let limits = "[limits]\ncpu = \"1s\"\nwall = \"10m\"";
    others_are_served_beside(&guest_as("empties", "empties-long", limits), "/?first=");
}

/// Each request to `target` is out of CPU after a second; several of them for each processor.
#[track_caller]
fn others_are_served_beside(spinner: &App, target: &str) {
    let bystander = guest("chunks");
    // Its code is loaded then, and the others spin from the beginning.
    spinner.get(target).expect_page(503);
    let spinning: Vec<_> = (0..6)
        .map(|_| {
            let mut client = spinner.connect();
            client.send(spinner.request("GET", target).bytes());
            client
        })
        .collect();
    let (mut took, all) = (Vec::new(), Instant::now());
    while all.elapsed() < Duration::from_secs(2) || took.len() < 20 {
        let began = Instant::now();
        bystander.get("/?n=3").expect(200);
        took.push(began.elapsed());
    }
    took.sort_unstable();
    // Each of them would wait for one that computes; one or two may wait for the machine.
    let most = took[took.len() * 9 / 10];
    assert!(most < Duration::from_millis(900), "{took:?}");
    for mut client in spinning {
        client.response().expect_page(503);
    }
}

#[test]
fn handles_are_bounded() {
    let app = guest("hoards");
    app.get("/?n=9000").expect(200);
    app.get("/?n=10001").expect_page(500);
    app.wait_line("cannot allocate another handle");
}
