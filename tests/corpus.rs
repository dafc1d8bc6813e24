//! Runs each fuzz target's body over its committed corpus. An input that once failed stays here as a seed.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "fuzz/bodies/mod.rs"]
mod bodies;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

fn corpus() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus")
}

#[test]
fn seeds_of_every_target_pass() {
    for (name, run) in bodies::ALL {
        let seeds = fs::read_dir(corpus().join(name)).expect("a corpus for each target");
        let mut count = 0;
        for seed in seeds {
            let path = seed.expect("a readable directory").path();
            println!("{}", path.display()); // shown of the one that fails
            run(&fs::read(path).expect("a readable seed"));
            count += 1;
        }
        assert!(count > 0, "no seed for {name}");
    }
}

#[test]
fn every_corpus_has_its_target() {
    let entries = fs::read_dir(corpus()).expect("the corpus");
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string());
    let names: BTreeSet<String> = names.map(|name| name.expect("ASCII")).collect();
    let targets = bodies::ALL.iter().map(|(name, _)| name.to_string());
    assert_eq!(names, targets.collect());
}
