//! Everything at one time, for ten minutes: what guests, clients and deploys do that mean harm, while B works and V has
//! its steady load. V is answered, always by itself, and the host is afterwards what it was before.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use crate::arena::{Arena, Attack, Seen, attacks_for};
use crate::level::{INSTANCES, Level};
use crate::support::version::version;
use crate::tenants::{CPU, LOGS, MEMORY, TRAPS};
use crate::victim::beside;
use crate::{classes, clients, damaged, size};

/// Guests that mean harm in other ways than the matrix's.
const OTHERS: Attack<'_> = Attack {
    clients: 8,
    targets: &[
        "/evil/spins?in=close",
        "/evil/recurses",
        "/evil/hoards",
        "/evil/lies?what=header",
        "/evil/lies?what=chunk",
        "/evil/headers?X=a%0d%0aY:%20b",
        "/evil/status?status=101%20Switching",
        "/evil/empties",
        "/evil/endless?quiet=1",
        "/evil/big_chunk?mb=4",
        "/evil/overreads",
        "/evil/starts_twice",
        "/evil/late_calls",
        "/evil/sleeps?in=next&ms=60000",
        "/evil/forbidden?port=80",
        "/evil/again",
        "/evil/d0",
        "/evil/d1",
    ],
    // What was deployed by chance is nobody's, or does what it likes.
    ends: &[200, 404, 500, 503, 504, 0],
};

/// B does its work, and may have more of it than a stranger gets requests a second.
const BUSY: Attack<'_> =
    Attack { clients: 2, targets: &["/busy/chunks?n=20&each=1000&end=unknown"], ends: &[200, 503] };

/// How many damaged applications E has at one time.
const DAMAGED: usize = 4;

/// How long it lasts.
fn lasting() -> Duration {
    Duration::from_secs(if size::is_full() { 600 } else { 6 })
}

/// Clients of each kind.
fn crowd() -> usize {
    if size::is_full() { 100 } else { 10 }
}

/// What was done in one run of it.
#[derive(Debug, Default)]
struct Done {
    seen: Seen,
    busy: Seen,
    clients: BTreeMap<&'static str, usize>,
    deploys: usize,
    clean: usize,
}

/// One kind of harm, done once; the number says how often it was before.
type Harm = fn(&Arena, usize);

/// Does all of it for `time`.
fn harm(arena: &Arena, time: Duration) -> Done {
    let over = AtomicBool::new(false);
    let mut done = Done::default();
    thread::scope(|scope| {
        let over = &over;
        let again_and_again = |what: Harm| {
            scope.spawn(move || {
                let mut count = 0;
                while !over.load(Relaxed) {
                    what(arena, count);
                    count += 1;
                }
                count
            })
        };
        let depart: Harm = |arena, number| {
            let _ = clients::depart(arena.server.address, number);
        };
        let kinds: [(&'static str, Harm); 9] = [
            ("departures", depart),
            ("departures", depart),
            ("departures", depart),
            ("malformed", malformed),
            ("departures", depart),
            ("slow heads", |arena, _| wait_for_their_end(crowd_of(arena, b"GET /evil/echo HTTP/1.1\r\nX"), b"X")),
            ("bodies that stop", |arena, _| {
                let begin = b"POST /evil/swallows HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nno more";
                wait_for_their_end(crowd_of(arena, begin), b"");
            }),
            ("readers of nothing", |arena, _| {
                let begin = b"GET /evil/endless?quiet=1 HTTP/1.1\r\nHost: localhost\r\n\r\n";
                let silent = crowd_of(arena, begin);
                thread::sleep(Duration::from_millis(1_500));
                drop(silent);
            }),
            ("idle", |arena, _| {
                let idle = crowd_of(arena, b"GET /evil/chunks?n=1 HTTP/1.1\r\nHost: localhost\r\n\r\n");
                thread::sleep(Duration::from_secs(2));
                drop(idle);
            }),
        ];
        let clients = kinds.map(|(name, what)| (name, again_and_again(what)));
        let deploys = again_and_again(deploy);
        let clean = scope.spawn(|| {
            // Memory that nobody else was in: of all that E leaves, nothing is there.
            let (mut link, mut count) = (arena.server.connect(), 0);
            while !over.load(Relaxed) {
                let response = link.get("/victim/residue").expect("an answer to V");
                assert_eq!((response.status(), response.text()), (200, "0"), "V's memory");
                count += 1;
                thread::sleep(Duration::from_millis(50));
            }
            count
        });
        let busy = scope.spawn(|| attacks_for(arena, &[BUSY], time));
        let end = OnDrop(over);
        done.seen = attacks_for(arena, &[CPU, MEMORY, LOGS, TRAPS, OTHERS], time);
        drop(end);
        done.busy = busy.join().expect("B's clients");
        for (name, kind) in clients {
            *done.clients.entry(name).or_default() += kind.join().expect("clients");
        }
        done.deploys = deploys.join().expect("deploys");
        done.clean = clean.join().expect("V's memory");
    });
    done
}

/// One class of what is no HTTP/1 after the other.
fn malformed(arena: &Arena, number: usize) {
    static CLASSES: std::sync::OnceLock<Vec<classes::Class>> = std::sync::OnceLock::new();
    let classes = CLASSES.get_or_init(classes::all);
    let (name, bytes, _) = &classes[number % classes.len()];
    let Ok(mut stream) = TcpStream::connect(arena.server.address) else { return };
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    let (_, _, mut answer) = (stream.write_all(bytes), stream.shutdown(Shutdown::Write), Vec::new());
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4") || answer.starts_with(b"HTTP/1.1 5"), "{name}");
    thread::sleep(Duration::from_millis(2));
}

/// Connections that have sent `begin`, as many as can be had.
fn crowd_of(arena: &Arena, begin: &[u8]) -> Vec<TcpStream> {
    let open = |_| {
        let mut stream = TcpStream::connect(arena.server.address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        stream.write_all(begin).ok()?;
        Some(stream)
    };
    (0..crowd()).filter_map(open).collect()
}

/// Sends a little from time to time, until none of them is listened to any more; at most as long as any limit of E's is.
fn wait_for_their_end(mut slow: Vec<TcpStream>, little: &[u8]) {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(2) && slow.iter_mut().any(|stream| stream.write_all(little).is_ok()) {
        thread::sleep(Duration::from_millis(100));
    }
}

/// A new version of what is asked for, and one of what is damaged, which now and then is taken away again.
fn deploy(arena: &Arena, number: usize) {
    arena.site.put("evil/again.wasm", version(&format!("version {number}")));
    let name = format!("evil/d{}.wasm", number % DAMAGED);
    arena.site.put(&name, damaged::component(number).1);
    if number % 16 >= 16 - DAMAGED {
        arena.site.remove(&name);
    }
    thread::sleep(Duration::from_millis(50));
}

#[test]
fn everything_at_one_time_for_ten_minutes() {
    let turn = Arena::of_its_own(&format!("instances = {INSTANCES}\n"));
    let arena = &*turn.arena;
    // Waits until nothing is left of it but `files`, and says what that is.
    let clear = |files: usize| {
        let before = arena.server.out.count();
        arena.site.put("evil/again.wasm", version("the last"));
        arena.server.out.after(before, "deployed evil/again (");
        for name in (0..DAMAGED).map(|number| format!("evil/d{number}.wasm")).chain(["evil/again.wasm".to_owned()]) {
            let _ = fs::remove_file(arena.site.file(&name));
        }
        crate::support::wait_for("E's other applications to be gone", || {
            (arena.server.status_of("/evil/again") == 404).then_some(())
        });
        turn.recovered("all at one time", files);
        Level::of(&arena.server)
    };
    // Each application that says something has its log open from then on.
    harm(arena, lasting() / 6);
    let before = clear(usize::MAX / 2);
    let (felt, done) = beside(arena.server.address, || harm(arena, lasting()));
    let after = clear(before.files);
    done.seen.is_as_expected("all at one time", &[OTHERS, MEMORY]);
    done.busy.is_as_expected("B at work", &[BUSY]);
    let served = done.busy.statuses.get(&200).copied().unwrap_or_default() as u64;
    assert!(served >= 20 * lasting().as_secs(), "B is hardly served: {:?}", done.busy);
    let [p50, p99, max] = [0.5, 0.99, 1.0].map(|part| arena.alone.part(part));
    println!("all at one time, {:?}: {}", lasting(), arena.compared(&felt));
    println!("  V with nobody else: p50 {p50:.2?}, p99 {p99:.2?}, max {max:.2?}");
    println!("  V's memory was looked at {} times, and nobody's was in it", done.clean);
    println!("  B's clients: {:?}", done.busy);
    println!("  E's clients: {:?}; {} at a time, again and again: {:?}", done.seen, crowd(), done.clients);
    println!("  {} times 2 deploys; before {before:?}, after {after:?}", done.deploys);
    let panics: Vec<_> = arena.server.log.all().into_iter().filter(|line| line.contains("panicked")).collect();
    assert!(panics.is_empty(), "{panics:#?}");
    after.is_as(&before);
}

struct OnDrop<'a>(&'a AtomicBool);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}
