//! What the sources promise of themselves: which module names what.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::guests::root;

/// Every source of the host, by its path under `host/src`.
fn sources() -> Vec<(String, String)> {
    let src = root().join("host/src");
    let mut files = Vec::new();
    collect(&src, &mut files);
    let read = |path: PathBuf| {
        let name = path.strip_prefix(&src).expect("a path below").to_string_lossy().into_owned();
        (name, fs::read_to_string(path).expect("a source"))
    };
    files.into_iter().map(read).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The lines that are code, and not in a comment.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(|line| line.split("//").next().unwrap_or_default())
}

/// Whether `line` has `path` as a whole word, used as a path: `wasmtime::` or `use clap`.
fn names(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + word.len()..]);
        !before.ends_with(part) && !after.starts_with(part) && (after.starts_with("::") || before.ends_with("use "))
    })
}

#[track_caller]
fn only(word: &str, allowed: impl Fn(&str) -> bool) {
    let mut found = 0;
    for (name, text) in sources() {
        let named = code(&text).any(|line| names(line, word));
        assert!(!named || allowed(&name), "{name} names {word}");
        found += usize::from(named);
    }
    assert!(found > 0, "nobody names {word}");
}

#[test]
fn only_the_sandbox_names_wasmtime() {
    for word in ["wasmtime", "wasmtime_wasi"] {
        only(word, |name| name.starts_with("sandbox/"));
    }
}

#[test]
fn only_the_watcher_names_notify() {
    only("notify", |name| name == "deploy/watch.rs");
}

#[test]
fn only_the_command_line_names_clap() {
    only("clap", |name| name.starts_with("cli/"));
}

#[test]
fn only_the_policy_names_what_confines() {
    for word in ["seccompiler", "landlock"] {
        only(word, |name| name.starts_with("policy/"));
    }
}

#[test]
fn gateway_and_deploy_never_name_each_other() {
    for (name, text) in sources() {
        let other = match name.split('/').next() {
            Some("gateway") => "deploy",
            Some("deploy") => "gateway",
            _ => continue,
        };
        assert!(!code(&text).any(|line| names(line, other)), "{name} names {other}");
    }
}

#[test]
fn the_protocol_names_nothing_of_the_host() {
    for (name, text) in sources().into_iter().filter(|(name, _)| name.starts_with("wsgi/")) {
        for line in code(&text).filter(|line| line.contains("crate::")) {
            assert!(line.contains("crate::wsgi"), "{name}: {line}");
        }
    }
}

#[test]
fn the_engine_alone_is_unsafe() {
    for (name, text) in sources() {
        let unsafe_code =
            code(&text).any(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe"));
        assert!(!unsafe_code || name == "sandbox/engine.rs" || name == "build/new.rs", "{name} has unsafe code");
    }
}
