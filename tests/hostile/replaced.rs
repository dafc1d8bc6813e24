//! Replaced again and again while requests come at a steady rate: none fails, and each is answered by one version, whole.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::size;
use crate::support::site::{Server, Site};
use crate::support::version::{padded, version};
use crate::support::{link::Link, response::Response};

/// Between two requests of one client; there are four, which makes 500 in a second.
const PACE: Duration = Duration::from_millis(8);

#[derive(Default)]
struct Seen {
    one: AtomicUsize,
    two: AtomicUsize,
    fresh: AtomicUsize,
}

impl Seen {
    fn take(&self, response: std::io::Result<Response>) {
        let response = response.expect("an answer to every request");
        let text = response.text();
        assert_eq!(response.status(), 200, "{text}");
        if text == padded("one") {
            self.one.fetch_add(1, Ordering::Relaxed);
        } else {
            assert_eq!(text, padded("two"));
            self.two.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[test]
fn d6_a_thousand_replacements_fail_no_request() {
    // Fewer would not show what happens to those that overtake each other.
    let replacements = size::of(1_000).max(500);
    let site = Site::new();
    let versions = [version("one"), version("two")];
    site.put("hello.wasm", &versions[0]);
    let server = site.serve();
    server.up("/hello", "one");
    let (seen, done) = (Seen::default(), AtomicBool::new(false));
    let start = Instant::now();
    thread::scope(|scope| {
        for number in 0..4 {
            let (server, seen, done) = (&server, &seen, &done);
            scope.spawn(move || steadily(done, client(server, seen, number % 2 == 0)));
        }
        // Whatever fails must not leave the clients going for ever.
        let _end = OnDrop(&done);
        replace(&site, &versions, &seen, replacements);
        server.line("deployed last (", || site.put("last.wasm", version("last")));
    });
    let lines = server.out.all();
    let deployed = lines.iter().filter(|line| line.starts_with("deployed hello (")).count();
    let [one, two, fresh] = [&seen.one, &seen.two, &seen.fresh].map(|count| count.load(Ordering::Relaxed));
    println!(
        "D6: {replacements} replacements in {:.1?}, of which {deployed} were deployed: {} requests ({fresh} on connections of \
         their own), 0 failed, {one} of one version and {two} of the other",
        start.elapsed(),
        one + two
    );
    assert!(!lines.iter().any(|line| line.starts_with("refused")), "{lines:?}");
    assert!(one > 0 && two > 0 && deployed > replacements / 2);
}

/// One client: on one connection, or on a new one for each request.
fn client<'a>(server: &'a Server, seen: &'a Seen, keep: bool) -> impl FnMut() + 'a {
    let mut kept = keep.then(|| server.connect());
    move || match &mut kept {
        Some(client) => seen.take(client.get("/hello")),
        None => {
            seen.fresh.fetch_add(1, Ordering::Relaxed);
            seen.take(Link::to(server.address).and_then(|mut client| client.get("/hello")));
        }
    }
}

/// At a steady rate, whatever the answers take.
fn steadily(done: &AtomicBool, mut request: impl FnMut()) {
    let mut next = Instant::now();
    while !done.load(Ordering::Relaxed) {
        request();
        next += PACE;
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

/// Waits for each version, but for the first two of every ten: those are replaced while they settle.
fn replace(site: &Site, versions: &[Vec<u8>; 2], seen: &Seen, replacements: usize) {
    for number in 1..=replacements {
        let new = site.folder().join("new");
        fs::write(&new, &versions[number % 2]).expect("a file");
        fs::rename(&new, site.file("hello.wasm")).expect("a rename");
        let counter = if number % 2 == 0 { &seen.one } else { &seen.two };
        if !matches!(number % 10, 1 | 2) {
            let before = counter.load(Ordering::Relaxed);
            let seen = || counter.load(Ordering::Relaxed) > before + 2;
            crate::support::wait_for("the version that was put last", || seen().then_some(()));
        }
    }
}

struct OnDrop<'a>(&'a AtomicBool);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
