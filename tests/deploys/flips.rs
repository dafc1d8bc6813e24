//! Machine code that was changed where it is kept is never loaded: it is compiled again.
//!
//! Code is loaded unchecked, so whether a changed file was loaded shows in the host's own count of loads alone.
//! `WASGI_FLIPS=10000 cargo test --release --test deploys flips -- --nocapture` sends as many through the real server.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::Value;
use wasgi::sandbox::{Codegen, Engine};
use wasgi::state::{Cache, Digest};

use crate::support::site::{Server, Site, run, wasgi};
use crate::support::version::{unique, version};

/// Changes of files, each another, and the same in every run.
struct Damage(u64);

impl Damage {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    /// Mostly one flipped bit; at times some more, or a piece that is missing, doubled or moved.
    fn to(&mut self, good: &[u8]) -> Vec<u8> {
        let mut file = good.to_vec();
        match self.below(20) {
            0 => file.truncate(self.below(good.len())),
            1 => file.extend_from_within(..=self.below(64)),
            2 => drop(file.remove(self.below(good.len()))),
            3 => file.rotate_left(1 + self.below(good.len() - 1)),
            kind => (0..if kind < 6 { 8 } else { 1 }).for_each(|_| file[self.below(good.len())] ^= 1 << self.below(8)),
        }
        file
    }
}

#[test]
fn ten_thousand_changes_and_none_is_loaded() {
    const CHANGES: u64 = 10_000;
    let folder = tempfile::tempdir().expect("a folder");
    let (codegen, engine) = (Codegen::new().expect("a compiler"), Engine::new(1).expect("an engine"));
    let component = version("one");
    let (digest, code) = (Digest::of(&component), codegen.compile(&component).expect("code"));
    let cache = Cache::open(folder.path(), &engine.fingerprint()).expect("a cache");
    cache.put(&digest, code).1.expect("a file");
    let path = only(&folder.path().join("code"));
    let (good, mut damage, began) = (fs::read(&path).expect("a file"), Damage(1), Instant::now());
    for number in 1..=CHANGES {
        let changed = damage.to(&good);
        if changed == good {
            continue; // Two flips of one bit, or a turn of like bytes.
        }
        fs::write(&path, changed).expect("a file");
        if let Some(code) = cache.get(&digest) {
            drop(engine.load(&code));
        }
        assert_eq!((engine.loaded(), path.exists()), (0, false), "change {number}");
    }
    println!("{} of {CHANGES} changes found in {:?}, none loaded", cache.bad(), began.elapsed());
    assert!(cache.bad() > CHANGES - 10, "{}", cache.bad());
    fs::write(&path, good).expect("a file");
    engine.load(&cache.get(&digest).expect("unchanged code")).map(drop).expect("code that loads");
    assert_eq!(engine.loaded(), 1);
}

#[test]
fn a_server_compiles_again_what_was_changed() {
    const APPS: usize = 10;
    let flips: usize = std::env::var("WASGI_FLIPS").map_or(100, |flips| flips.parse().expect("a number"));
    let site = Site::new();
    let applications: Vec<_> = (0..APPS).map(unique).collect();
    for (number, (_, component)) in applications.iter().enumerate() {
        site.put(&format!("app{number}.wasm"), component);
    }
    let answers = |server: &Server| {
        for (number, (mark, _)) in applications.iter().enumerate() {
            server.up(&format!("/app{number}"), mark.trim_end());
        }
        let ended = run(wasgi().args(["status", "--json", "--state"]).arg(site.state()));
        let status: Value = serde_json::from_str(&ended.out).expect("JSON");
        ["compiled", "loaded", "damaged"].map(|name| status["code"][name].as_u64().expect("a number"))
    };
    let [compiled, _, damaged] = answers(&site.serve());
    assert_eq!((compiled, damaged), (APPS as u64, 0));
    let (mut damage, rounds) = (Damage(2), flips.div_ceil(APPS));
    for round in 0..rounds {
        for file in fs::read_dir(site.state_folder().join("code")).expect("a folder") {
            let path = file.expect("a file").path();
            let good = fs::read(&path).expect("a file");
            let mut changed = damage.to(&good);
            while changed == good {
                changed = damage.to(&good);
            }
            fs::write(path, changed).expect("a file");
        }
        // As many loads as compilations: none of them was of a file.
        assert_eq!(answers(&site.serve()), [APPS as u64; 3], "round {round}");
    }
    println!("{} changed files, {} compilations, no other load", rounds * APPS, rounds * APPS);
}

/// The one file of a folder.
fn only(folder: &Path) -> PathBuf {
    let mut files = fs::read_dir(folder).expect("a folder").map(|file| file.expect("a file").path());
    let first = files.next().expect("a file");
    assert!(files.next().is_none());
    first
}
