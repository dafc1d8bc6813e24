//! CPU: short requests don't wait for long ones, and tenants share what long ones get by their weights.
//!
//! `WASGI_FULL=1 cargo test --release --test tenants fairness -- --nocapture --test-threads=1` measures at full size, and
//! says what was reached.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{PATIENCE, wait_for};
use crate::{Hosted, hosted};

/// Tenants E, that means harm, and V, that minds its own business.
const APPS: [(&str, &str, &str); 2] = [("e/spins", "spins", ""), ("v/hello", "chunks", "")];

/// Who measures should not be measured by another test here.
fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_full() -> bool {
    std::env::var_os("WASGI_FULL").is_some()
}

/// What there is at full size, or in a test among others.
fn sized<T>(full: T, small: T) -> T {
    if is_full() { full } else { small }
}

/// A request that nobody reads the answer of; the client leaves when it is dropped.
fn begin(host: &Hosted, target: &str) -> TcpStream {
    let mut stream = TcpStream::connect(host.server.address).expect("a connection");
    let head = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("a request");
    stream
}

/// How long `target` takes, asked for at a steady pace for a while: from when it was to be sent.
fn steady(host: &Hosted, target: &str, lasting: Duration) -> Vec<Duration> {
    let pause = Duration::from_millis(sized(5, 10));
    let mut link = host.server.connect();
    let began = Instant::now();
    let mut took = Vec::new();
    while began.elapsed() < lasting {
        let due = began + pause * u32::try_from(took.len()).expect("not so many");
        thread::sleep(due.saturating_duration_since(Instant::now()));
        assert_eq!(link.get(target).expect("an answer").status(), 200);
        took.push(due.elapsed());
    }
    took.sort();
    took
}

fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    sorted[(sorted.len() * percent / 100).min(sorted.len() - 1)]
}

fn tell(what: &str, sorted: &[Duration]) {
    let of = |percent| percentile(sorted, percent).as_secs_f64() * 1e3;
    println!("{what:<34} p50 {:>7.2} ms   p99 {:>7.2} ms   max {:>7.2} ms", of(50), of(99), of(100));
}

/// CPU of all requests for `app` that are over, as `status` says.
fn cpu_of_app(host: &Hosted, app: &str) -> Duration {
    Duration::from_micros(host.app(app)["cpu_us"].as_u64().expect("a number"))
}

#[test]
fn a_bystander_hardly_notices_how_many_others_compute() {
    let _turn = turn();
    let host = hosted("[limits]\ncpu = \"5m\"\nwall = \"5m\"\n", &APPS);
    let lasting = Duration::from_millis(sized(10_000, 1_500));
    let asked = "/v/hello?n=1";
    steady(&host, asked, lasting / 4);
    let alone = steady(&host, asked, lasting);
    tell("nobody else", &alone);
    for spinners in [1, 8, 64] {
        let spinning: Vec<_> = (0..spinners).map(|_| begin(&host, "/e/spins?in=handle")).collect();
        let at_work = || host.server.cpu_of_threads("long-") > Duration::from_millis(20);
        wait_for("they compute", || at_work().then_some(()));
        let beside = steady(&host, asked, lasting);
        tell(&format!("beside {spinners} that compute for ever"), &beside);
        let (own, felt) = (percentile(&alone, 99), percentile(&beside, 99));
        if is_full() {
            let allowed = (own * 3 / 2).max(own + Duration::from_millis(1));
            println!("  p99 {felt:?} of {allowed:?} allowed: {}", if felt <= allowed { "reached" } else { "missed" });
        }
        // Each round of them takes 32 ms or more where all wait in one line; and here tests run beside it.
        let (own, felt) = (percentile(&alone, 50), percentile(&beside, 50));
        assert!(felt < own * 3 + Duration::from_millis(20), "{felt:?}, alone {own:?}");
        drop(spinning);
        wait_for("they have gone", || (host.tenant("e")["in_flight"] == 0).then_some(()));
    }
}

/// The longest that V waits when 64 calls come at one time that will compute for ever, of applications that nobody has
/// asked for before: of one or of eight, and of eight whose tenant has calls that are known to be long.
#[test]
fn many_new_long_calls_at_one_time_hold_up_a_bystander_no_longer_than_a_few() {
    let _turn = turn();
    let rounds = sized(10, 2);
    let new = |kind: &str, apps: usize| -> Vec<Vec<String>> {
        (0..rounds).map(|round| (0..apps).map(|app| format!("e/{kind}{round}-{app}")).collect()).collect()
    };
    let kinds = [("one", 1, 0), ("eight", 8, 0), ("known", 8, 8)].map(|(kind, apps, known)| (new(kind, apps), known));
    let names: Vec<_> = kinds.iter().flat_map(|(rounds, _)| rounds.iter().flatten().map(String::as_str)).collect();
    let spins = names.iter().chain(&["e/spins"]).map(|name| (*name, "spins", ""));
    let apps: Vec<_> = spins.chain([("v/hello", "chunks", "")]).collect();
    let limits = "[limits]\ncpu = \"5m\"\nwall = \"5m\"\n[tenants.e]\napplications = 1000\nin_flight = 100\n";
    let host = hosted(limits, &apps);
    let asked = "/v/hello?n=1";
    steady(&host, asked, Duration::from_millis(300));
    let burst = |apps: &[String], known: usize| {
        // Their code is loaded at the first request, which takes the burst apart.
        apps.iter().for_each(|app| assert_eq!(host.server.get(&format!("/{app}")).status(), 200));
        let spinning: Vec<_> = (0..known).map(|_| begin(&host, "/e/spins?in=handle")).collect();
        let before = host.server.cpu_of_threads("long-");
        let are_known = || known == 0 || host.server.cpu_of_threads("long-") > before + Duration::from_millis(200);
        wait_for("they are known to be long", || are_known().then_some(()));
        let mut connections: Vec<_> = (0..64).map(|_| host.server.connect()).collect();
        for (connection, app) in connections.iter_mut().zip(apps.iter().cycle()) {
            let head = format!("GET /{app}?in=handle HTTP/1.1\r\nHost: localhost\r\n\r\n");
            connection.send(head.as_bytes()).expect("a request");
        }
        let felt = steady(&host, asked, Duration::from_millis(300));
        drop((connections, spinning));
        wait_for("they have gone", || (host.tenant("e")["in_flight"] == 0).then_some(()));
        percentile(&felt, 100)
    };
    let whats = ["64 new calls of 1 application", "of 8", "of 8, beside 8 that compute"];
    let longest = kinds.map(|(rounds, known)| {
        let mut longest: Vec<_> = rounds.iter().map(|apps| burst(apps, known)).collect();
        longest.sort();
        longest
    });
    whats.iter().zip(&longest).for_each(|(what, longest)| tell(&format!("longest, {what}"), longest));
    // Where each computed until it was known, all in turn, it was 150 ms or more unoptimised. Other tests run beside this one.
    assert!(longest[2][0] < Duration::from_millis(100), "{longest:?}");
    if is_full() {
        let most = Duration::from_millis(100);
        assert!(longest.iter().all(|kind| percentile(kind, 50) < most), "{longest:?}");
    }
}

/// CPU that two tenants get which compute at one time, the first with two calls and the other with sixteen, until the first
/// one's have used up theirs.
fn shared(config: &str) -> (Duration, Duration) {
    let each = Duration::from_millis(sized(4_000, 1_000));
    let limits = format!("[limits]\ncpu = \"{}ms\"\nwall = \"5m\"\n{config}", each.as_millis());
    let host = hosted(&limits, &[("few/spins", "spins", ""), ("many/spins", "spins", "")]);
    let _many: Vec<_> = (0..16).map(|_| begin(&host, "/many/spins?in=handle")).collect();
    let few: Vec<_> = (0..2).map(|_| begin(&host, "/few/spins?in=handle")).collect();
    for mut call in few {
        call.set_read_timeout(Some(PATIENCE)).expect("a patience");
        call.read_exact(&mut [0; 9]).expect("the end of its CPU");
    }
    let few = each * 2;
    (few, host.server.cpu_of_threads("long-").saturating_sub(few))
}

#[test]
fn tenants_share_by_weight_and_not_by_how_much_they_ask_for() {
    let _turn = turn();
    // By the number of their calls it would be 1 : 8. Who measures may have to wait while the sixteen go on alone.
    for (config, weights, expected) in [
        ("", "1 : 1", sized(0.7..1.4, 0.3..1.6)),
        ("[tenants.many]\nweight = 300\n", "1 : 3", sized(0.22..0.48, 0.17..0.6)),
    ] {
        let (few, many) = shared(config);
        println!("weights {weights}: 2 calls got {few:.2?} of CPU, 16 calls {many:.2?}");
        assert!(expected.contains(&few.div_duration_f64(many)), "{weights}: {few:?} {many:?}");
    }
}

#[test]
fn a_tenant_beyond_its_cpu_waits_and_only_a_calls_own_limit_ends_it() {
    let _turn = turn();
    let config = "[limits]\nwall = \"3s\"\n[tenants.e]\ncpu_per_second = \"100ms\"\n";
    let host = hosted(config, &APPS);
    let answer = host.server.get("/e/spins?in=handle");
    assert_eq!(answer.status(), 504);
    // It is counted once it is over, which its client may know before.
    wait_for("its end", || (host.app("e/spins")["requests"] == 1).then_some(()));
    let used = cpu_of_app(&host, "e/spins");
    // What comes in a second may be used at once, and then as it comes.
    assert!((Duration::from_millis(50)..Duration::from_millis(600)).contains(&used), "{used:?}");
    assert_eq!(host.server.status_of("/v/hello?n=1"), 200);
    let e: Value = host.tenant("e");
    assert_eq!((&e["weight"], &e["most_cpu_us_per_second"]), (&100.into(), &100_000.into()), "{e}");
    assert!(e["cpu_us"].as_u64().expect("a number") >= 50_000, "{e}");
}

#[test]
fn a_long_call_leaves_the_io_threads_and_comes_back_when_it_is_short_again() {
    let _turn = turn();
    let host = hosted("", &[("v/computes", "computes", "")]);
    let long = || host.server.cpu_of_threads("long-");
    // It computes for some 100 ms, and then hardly.
    let mut link = host.server.connect();
    link.send(b"GET /v/computes?rounds=100000&n=600&ms=20 HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("a request");
    assert_eq!(link.head().expect("a head").status, 200);
    let moved = long();
    assert!(moved > Duration::from_millis(5), "{moved:?}");
    // How soon depends on how short its bursts are, on a machine with other things to do.
    let is_home = (0..20).any(|_| {
        let before = long();
        (0..30).for_each(|_| drop(link.piece().expect("a chunk").expect("a chunk")));
        long() == before
    });
    assert!(is_home, "it never came back to stay");
}

#[test]
fn an_application_whose_requests_are_long_begins_among_long_ones() {
    let _turn = turn();
    let host = hosted("", &[("v/computes", "computes", "")]);
    let mut link = host.server.connect();
    let mut ask = |rounds: u32| {
        let before = host.server.cpu_of_threads("long-");
        let answer = link.get(&format!("/v/computes?rounds={rounds}&n=1")).expect("an answer");
        assert_eq!(answer.status(), 200);
        host.server.cpu_of_threads("long-") - before
    };
    assert_eq!(ask(0), Duration::ZERO);
    assert!((0..8).map(|_| ask(100_000)).sum::<Duration>() > Duration::ZERO);
    // The system may count a thread's last moments when it next has something to do.
    assert!((0..4).map(|_| ask(0)).sum::<Duration>() > Duration::ZERO, "it is expected to be long");
    wait_for("it is expected to be short again", || (ask(0) == Duration::ZERO).then_some(()));
}

#[test]
fn what_an_application_does_after_its_response_holds_up_no_other_request() {
    let _turn = turn();
    let host = hosted("[limits]\ncpu = \"3s\"\nwall = \"10m\"\n", &APPS);
    let mut link = host.server.connect();
    for _ in 0..3 {
        assert_eq!(link.get("/e/spins?in=close&tag=tail").expect("an answer").status(), 200);
        // The same connection, as a proxy uses it for all.
        let took = {
            let began = Instant::now();
            assert_eq!(link.get("/v/hello?n=1").expect("an answer").status(), 200);
            began.elapsed()
        };
        assert!(took < Duration::from_secs(2), "{took:?}");
    }
    assert!(host.server.log.all().iter().all(|line| !line.contains("tag=tail")), "they have not ended yet");
    let ended = host.server.log.with("tag=tail");
    assert!(ended.contains(" cpu "), "{ended}");
}

#[test]
fn limits_end_a_call_soon_however_many_wait_with_it() {
    let _turn = turn();
    let (calls, wall) = (sized(64, 16), Duration::from_millis(1_500));
    let host = hosted("[limits]\ncpu = \"5m\"\nwall = \"1500ms\"\n", &APPS);
    let mut late: Vec<_> = thread::scope(|scope| {
        let call = |_| {
            scope.spawn(|| {
                let mut link = host.server.connect();
                let began = Instant::now();
                assert_eq!(link.get("/e/spins?in=handle").expect("an answer").status(), 504);
                began.elapsed().saturating_sub(wall)
            })
        };
        let calls: Vec<_> = (0..calls).map(call).collect();
        let beside = steady(&host, "/v/hello?n=1", wall);
        tell("V, beside them", &beside);
        calls.into_iter().map(|call| call.join().expect("a client")).collect()
    });
    late.sort();
    tell(&format!("beyond the wall limit, {calls} calls"), &late);
    assert!(percentile(&late, 50) < Duration::from_millis(sized(500, 5_000)), "{late:?}");
}
