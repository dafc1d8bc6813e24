//! SIGTERM under load, and a restart on the same port: nobody is turned away who asks again.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::size;
use crate::support::link::Link;
use crate::support::site::{Server, Site};
use crate::support::version::{padded, version};

/// Clients, each with this time between two requests: somewhat more than 1,000 in a second. What was due while there was
/// no server is asked for as soon as there is one.
const CLIENTS: usize = 16;
const PACE: Duration = Duration::from_millis(15);

/// A client asks again for so long where a connection is refused, or closed before the first byte of its response. An
/// unoptimised server among other tests takes its time to start.
fn retries() -> Duration {
    if size::is_full() { Duration::from_secs(2) } else { crate::support::PATIENCE }
}

#[derive(Default)]
struct Counts {
    answered: AtomicUsize,
    retried: AtomicUsize,
    longest: std::sync::Mutex<Duration>,
}

/// One request, asked again as above. Anything else that goes wrong is a failure.
fn ask(address: SocketAddr, kept: &mut Option<Link<std::net::TcpStream>>, counts: &Counts) {
    let (began, expected) = (Instant::now(), padded("one"));
    loop {
        let answer = match kept.take() {
            Some(link) => Ok(link),
            None => Link::to(address),
        };
        let answer = answer.and_then(|mut link| {
            link.send(b"GET /app HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
            // At its first byte it is not asked again any more.
            if link.is_closed()? {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            Ok(link)
        });
        if let Ok(mut link) = answer {
            let response = link.response().expect("a whole answer");
            assert_eq!((response.status(), response.text()), (200, expected.as_str()));
            counts.answered.fetch_add(1, Relaxed);
            let mut longest = counts.longest.lock().expect("the longest");
            *longest = (*longest).max(began.elapsed());
            if !response.head.closes() {
                *kept = Some(link);
            }
            return;
        }
        assert!(began.elapsed() < retries(), "no answer within {:?}", retries());
        counts.retried.fetch_add(1, Relaxed);
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn h1_a_hundred_restarts_fail_no_request() {
    let restarts = size::of(100).max(3);
    let site = Site::new();
    site.put("app.wasm", version("one"));
    let mut server = site.serve();
    server.up("/app", "one");
    let address = server.address;
    let (counts, done) = (Counts::default(), AtomicBool::new(false));
    let began = Instant::now();
    thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (counts, done) = (&counts, &done);
            scope.spawn(move || {
                let (mut kept, mut due) = (None, Instant::now() + PACE * number as u32 / CLIENTS as u32);
                while !done.load(Relaxed) {
                    ask(address, &mut kept, counts);
                    due += PACE;
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                }
            });
        }
        let end = OnDrop(&done);
        for _ in 0..restarts {
            thread::sleep(Duration::from_millis(300));
            server.signal(Signal::TERM);
            assert_eq!(server.ended().code(), Some(0), "{:#?}", server.log.all());
            let mut command = site.command_on(address);
            command.args(["--access-log", "/dev/null"]);
            server = Server::start(command);
        }
        thread::sleep(Duration::from_millis(300));
        drop(end);
    });
    let rate = counts.answered.load(Relaxed) as f64 / began.elapsed().as_secs_f64();
    let (answered, retried) = (counts.answered.into_inner(), counts.retried.into_inner());
    let longest = counts.longest.into_inner().expect("the longest");
    println!(
        "H1: {restarts} restarts under load: {answered} requests, {rate:.0} a second, 0 failed, {retried} tried again, \
         longest {longest:.0?}"
    );
    assert!(answered > restarts * if size::is_full() { 100 } else { 10 }, "{answered}");
}

struct OnDrop<'a>(&'a AtomicBool);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}
