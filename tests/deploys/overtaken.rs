//! Files that are replaced faster than they compile.

use std::thread;
use std::time::{Duration, Instant};

use crate::support::PATIENCE;
use crate::support::component::slow_to_compile;
use crate::support::site::Site;
use crate::support::version::{marked, unmarked, version};

/// Longer than a file has to be quiet to settle, and much shorter than it takes to compile.
const PACE: Duration = Duration::from_millis(120);

#[test]
fn versions_that_come_faster_than_they_compile_go_live_in_their_order() {
    let site = Site::new();
    site.put("hello.wasm", version("0"));
    let server = site.serve();
    server.up("/hello", "0");
    let (slow, start) = (slow_to_compile(unmarked()), Instant::now());
    let (mut put, mut live) = (0, vec![0]);
    while live.len() < 4 {
        assert!(start.elapsed() < 2 * PATIENCE, "of {put} versions only {live:?} went live");
        put += 1;
        site.put("hello.wasm", marked(&slow, &put.to_string()));
        thread::sleep(PACE);
        let answered: u32 = server.text("/hello").parse().expect("a number");
        if live.last() != Some(&answered) {
            live.push(answered);
        }
    }
    println!("of {put} versions in {:.1?} these went live: {live:?}", start.elapsed());
    assert!(live.is_sorted(), "{live:?}");
    assert!(live.len() < put as usize / 2, "they were not faster: {live:?} of {put}");
    // The one that was put last is the one that stays.
    server.answers("/hello", &put.to_string());
    assert!(!server.out.all().iter().any(|line| line.starts_with("refused")), "{:?}", server.out.all());
}
