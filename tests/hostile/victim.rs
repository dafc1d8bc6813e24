//! V: a tenant with a steady load, whatever its neighbours do, and how long its answers take.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::link::Link;

/// Its requests come on so many connections …
const CONNECTIONS: usize = 4;
/// … each with this time between two of them: 200 in a second.
const PACE: Duration = Duration::from_millis(20);

/// What V felt: the time of each answer, in order of size.
pub struct Felt(Vec<Duration>);

/// Lets V send its requests while `attack` runs. Each answer has to be V's own: its body came with its request.
#[track_caller]
pub fn beside<T>(address: SocketAddr, attack: impl FnOnce() -> T) -> (Felt, T) {
    let done = AtomicBool::new(false);
    let mut felt = Vec::new();
    let result = thread::scope(|scope| {
        let begin = |number| {
            scope.spawn({
                let done = &done;
                move || steadily(address, number, done)
            })
        };
        let clients: Vec<_> = (0..CONNECTIONS).map(begin).collect();
        let end = OnDrop(&done);
        let result = attack();
        drop(end);
        felt = clients.into_iter().flat_map(|client| client.join().expect("V's client")).collect();
        result
    });
    felt.sort_unstable();
    (Felt(felt), result)
}

/// One connection of V's. A request that was due while the one before it still waited counts from when it was due.
fn steadily(address: SocketAddr, number: usize, done: &AtomicBool) -> Vec<Duration> {
    static REQUESTS: AtomicUsize = AtomicUsize::new(0);
    let mut link = Link::to(address).expect("a connection for V");
    let (mut due, mut felt) = (Instant::now() + PACE * number as u32 / CONNECTIONS as u32, Vec::new());
    while !done.load(Relaxed) {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let own = format!("only V's {}", REQUESTS.fetch_add(1, Relaxed));
        let response = link.post("/victim/echo", own.as_bytes()).expect("an answer to V");
        assert_eq!((response.status(), response.text()), (200, own.as_str()));
        felt.push(due.elapsed());
        due += PACE;
    }
    felt
}

impl Felt {
    /// That `part` (0.99) of the answers took no longer.
    pub fn part(&self, part: f64) -> Duration {
        let last = self.0.len().saturating_sub(1);
        self.0.get((last as f64 * part).round() as usize).copied().unwrap_or_default()
    }

    /// For people.
    pub fn figures(&self) -> String {
        let [half, most, all] = [0.5, 0.99, 1.0].map(|part| self.part(part));
        format!("V: {} requests, 0 failed, p50 {half:.2?}, p99 {most:.2?}, max {all:.2?}", self.0.len())
    }
}

/// Ends V's load, also where an attack fails.
struct OnDrop<'a>(&'a AtomicBool);

impl Drop for OnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}
