//! The directory itself is moved, emptied and flooded.

use std::fs;
use std::time::{Duration, Instant};

use crate::support::site::Site;
use crate::support::version::version;
use crate::support::wait_for;

/// How soon it is right again, of which compiling is a part: an unoptimised host among other tests takes its time for that.
const SOON: Duration = Duration::from_secs(if cfg!(debug_assertions) { 20 } else { 5 });

#[test]
fn moved_away_and_back_it_is_right_again_within_five_seconds() {
    let site = Site::new();
    site.put("hello.wasm", version("one"));
    let server = site.serve();
    server.up("/hello", "one");
    let away = site.folder().join("away");
    fs::rename(site.apps(), &away).expect("a rename");
    server.log.with("the served directory can't be read");
    assert_eq!(server.text("/hello"), "one", "what can't be seen is not taken for removed");
    fs::write(away.join("hello.wasm"), version("two")).expect("a file");
    fs::write(away.join("new.wasm"), version("new")).expect("a file");
    fs::rename(&away, site.apps()).expect("a rename");
    let back = Instant::now();
    server.answers("/hello", "two");
    server.answers("/new", "new");
    let took = back.elapsed();
    println!("right again after {took:.1?}");
    assert!(took < SOON, "{took:?}");
    site.put("hello.wasm", version("three"));
    server.answers("/hello", "three");
}

#[test]
fn another_directory_in_its_place_is_what_counts() {
    let site = Site::new();
    site.put("old.wasm", version("old"));
    let server = site.serve();
    server.up("/old", "old");
    let new = site.folder().join("other");
    fs::create_dir(&new).expect("a directory");
    fs::write(new.join("new.wasm"), version("new")).expect("a file");
    fs::rename(site.apps(), site.folder().join("away")).expect("a rename");
    fs::rename(new, site.apps()).expect("a rename");
    let there = Instant::now();
    server.answers("/new", "new");
    wait_for("the end of what is gone", || (server.status_of("/old") == 404).then_some(()));
    assert!(there.elapsed() < SOON, "{:?}", there.elapsed());
}

/// One content under three hundred names: as many events at one time, and one compilation.
#[test]
fn three_hundred_files_at_one_time() {
    let site = Site::new();
    let server = site.serve();
    let component = version("many");
    let start = Instant::now();
    for number in 0..300 {
        fs::write(site.file(&format!("app{number}.wasm")), &component).expect("a file");
    }
    let mut client = server.connect();
    let mut answers = |number: usize| client.get(&format!("/app{number}")).expect("a response").status();
    for number in 0..300 {
        wait_for("an application", || (answers(number) == 200).then_some(()));
    }
    println!("300 files with one content answer after {:.1?}", start.elapsed());
    for number in (0..300).step_by(2) {
        site.remove(&format!("app{number}.wasm"));
    }
    for number in 0..300 {
        let expected = if number % 2 == 0 { 404 } else { 200 };
        wait_for("a change", || (answers(number) == expected).then_some(()));
    }
}
