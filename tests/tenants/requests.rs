//! Requests in flight, requests that wait, and requests a second.

use std::time::{Duration, Instant};

use crate::support::wait_for;
use crate::{finish, hosted, refused};

#[test]
fn requests_in_flight_are_counted_over_all_applications_of_a_tenant() {
    let config = "[tenants.acme]\nin_flight = 2\nqueue = 1\n";
    let apps = [("acme/a", "lockstep", ""), ("acme/b", "lockstep", ""), ("umbra/a", "lockstep", "")];
    let host = hosted(config, &apps);
    let running = [host.begin("/acme/a"), host.begin("/acme/b")];
    let mut third = host.post("/acme/a");
    wait_for("the third waits", || (host.tenant("acme")["queued"] == 1).then_some(()));
    assert_eq!(host.tenant("acme")["in_flight"], 2);
    // The next one has no room to wait, whichever application it is for; the neighbour has all of its own.
    for target in ["/acme/a", "/acme/b"] {
        refused(&host.server.get(target));
    }
    host.server.log.with("reason=\"the tenant's requests in flight\"");
    let neighbours: Vec<_> = (0..20).map(|_| host.begin("/umbra/a")).collect();
    neighbours.into_iter().for_each(finish);
    let [first, second] = running;
    finish(first);
    assert_eq!(third.head().expect("a head").status, 200);
    assert_eq!(third.piece().expect("a chunk").expect("a chunk"), b"1\n");
    finish(second);
    finish(third);
    wait_for("all are gone", || (host.tenant("acme")["in_flight"] == 0).then_some(()));
    let acme = host.tenant("acme");
    assert_eq!((&acme["queued"], &acme["refused"]), (&0.into(), &2.into()), "{acme}");
    assert_eq!(host.tenant("umbra")["refused"], 0);
}

#[test]
fn a_client_that_leaves_gives_its_place_in_the_line_back() {
    let host = hosted("[tenants.acme]\nin_flight = 1\nqueue = 1\n", &[("acme/a", "lockstep", "")]);
    let running = host.begin("/acme/a");
    for _ in 0..3 {
        let waiting = host.post("/acme/a");
        wait_for("one waits", || (host.tenant("acme")["queued"] == 1).then_some(()));
        drop(waiting);
        wait_for("nobody waits", || (host.tenant("acme")["queued"] == 0).then_some(()));
    }
    finish(running);
    finish(host.begin("/acme/a"));
}

#[test]
fn a_request_that_ends_badly_gives_its_place_back() {
    let config = "[tenants.acme]\nin_flight = 1\nqueue = 0\n";
    let host = hosted(config, &[("acme/traps", "traps", ""), ("acme/a", "lockstep", "")]);
    for phase in ["handle", "next", "close"] {
        let _ = host.server.connect().get(&format!("/acme/traps?in={phase}"));
        wait_for("its end", || (host.tenant("acme")["in_flight"] == 0).then_some(()));
    }
    drop(host.begin("/acme/a"));
    wait_for("the end of one that was left", || (host.tenant("acme")["in_flight"] == 0).then_some(()));
    finish(host.begin("/acme/a"));
}

#[test]
fn requests_beyond_their_rate_are_refused_until_there_may_be_more() {
    let rate = 5_u32;
    let config = format!("[tenants.acme]\nrequests_per_second = {rate}\n");
    let host = hosted(&config, &[("acme/a", "chunks", ""), ("acme/b", "chunks", ""), ("umbra/a", "chunks", "")]);
    let began = Instant::now();
    let (mut served, mut retry) = (0, None);
    let mut client = host.server.connect();
    for number in 0..200 {
        let target = ["/acme/a?n=1", "/acme/b?n=1"][number % 2];
        let response = client.get(target).expect("a response");
        match response.status() {
            200 => served += 1,
            _ => retry = Some(refused(&response)),
        }
        assert_eq!(client.get("/umbra/a?n=1").expect("a response").status(), 200, "the neighbour");
    }
    let may = f64::from(rate) * (1.0 + began.elapsed().as_secs_f64());
    assert!(served >= rate && f64::from(served) <= may + 1.0, "{served} were served, {may} may be");
    assert_eq!(retry, Some(1));
    host.server.log.with("reason=\"the tenant's requests a second\"");
    assert_eq!(host.tenant("acme")["refused"], 200 - served);
    // After as long as it was told to wait it is served again.
    let told = Instant::now();
    wait_for("more may come", || (client.get("/acme/a?n=1").expect("a response").status() == 200).then_some(()));
    assert!(told.elapsed() < Duration::from_secs(5), "{:?}", told.elapsed());
}

#[test]
fn the_operators_own_applications_have_no_rate_and_strangers_have_one() {
    let host = hosted("[tenant_defaults]\nrequests_per_second = 1\n", &[("a", "chunks", ""), ("acme/a", "chunks", "")]);
    let mut client = host.server.connect();
    let mut of = |target: &str| (0..50).filter(|_| client.get(target).expect("a response").status() == 200).count();
    assert_eq!(of("/a?n=1"), 50);
    assert!(of("/acme/a?n=1") < 50);
}
