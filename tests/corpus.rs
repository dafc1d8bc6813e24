//! Runs each fuzz target's body over its committed corpus. An input that once failed stays here as a seed.

#![allow(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "fuzz/bodies/mod.rs"]
mod bodies;

#[path = "hostile/random.rs"]
mod random;

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

/// A part of what the fuzzer does, on any compiler: seeds with a few changes, the same in every run; `WASGI_FUZZ` says how
/// many of each target.
#[test]
fn what_is_nearly_a_seed_passes() {
    let count = std::env::var("WASGI_FUZZ").map_or(1_000, |count| count.parse().expect("a number"));
    for (name, run) in bodies::ALL {
        let seeds = fs::read_dir(corpus().join(name)).expect("a corpus for each target");
        let mut seeds: Vec<_> = seeds.map(|seed| seed.expect("a readable directory").path()).collect();
        seeds.sort();
        let seeds: Vec<_> = seeds.iter().map(|path| fs::read(path).expect("a readable seed")).collect();
        let mut random = random::Random(1);
        for number in 0..count {
            let input = changed(&seeds, &mut random);
            // Shown of the one that fails.
            println!("{name} {number}: {}", input.escape_ascii());
            run(&input);
        }
    }
}

/// A seed with a few bytes changed, or a piece of it left out, doubled, or taken from another seed.
fn changed(seeds: &[Vec<u8>], random: &mut random::Random) -> Vec<u8> {
    let mut input = seeds[random.below(seeds.len())].clone();
    for _ in 0..=random.below(3) {
        let at = random.below(input.len() + 1);
        let to = (at + random.below(16)).min(input.len());
        match random.below(4) {
            0 if at < input.len() => input[at] = random.below(256) as u8,
            1 => drop(input.drain(at..to)),
            2 => {
                let piece = input[at..to].to_vec();
                input.splice(at..at, piece);
            }
            _ => {
                let other = &seeds[random.below(seeds.len())];
                let from = random.below(other.len() + 1);
                let piece = other[from..].iter().take(16).copied().collect::<Vec<_>>();
                input.splice(at..at, piece);
            }
        }
    }
    input
}

#[test]
fn every_corpus_has_its_target() {
    let entries = fs::read_dir(corpus()).expect("the corpus");
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string());
    let names: BTreeSet<String> = names.map(|name| name.expect("ASCII")).collect();
    let targets = bodies::ALL.iter().map(|(name, _)| name.to_string());
    assert_eq!(names, targets.collect());
}
