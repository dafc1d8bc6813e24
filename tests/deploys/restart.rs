//! What a restart brings back, after a proper end and after a crash, and what it does not do again.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use crate::support::site::Site;
use crate::support::version::version;

fn code(site: &Site) -> BTreeMap<String, SystemTime> {
    let files = fs::read_dir(site.state_folder().join("code")).expect("the code cache");
    let file = |entry: std::io::Result<fs::DirEntry>| {
        let entry = entry.expect("an entry");
        let made = entry.metadata().and_then(|metadata| metadata.modified()).expect("a time");
        (entry.file_name().to_string_lossy().into_owned(), made)
    };
    files.map(file).collect()
}

#[test]
fn unchanged_files_are_neither_compiled_nor_deployed_again() {
    let site = Site::new();
    for name in ["a", "b"] {
        site.put(&format!("{name}.wasm"), version(name));
    }
    site.put("b.toml", "routes = [\"/bee\"]\n");
    let server = site.serve();
    server.up("/a", "a");
    server.up("/bee", "b");
    server.stop();
    let compiled = code(&site);
    assert_eq!(compiled.len(), 2);
    let server = site.serve();
    server.out.after(0, "serving a (");
    server.out.after(0, "serving b (");
    assert_eq!(server.text("/a"), "a");
    assert_eq!(server.text("/bee"), "b");
    let lines = server.stop();
    assert!(!lines.iter().any(|line| line.starts_with("deployed")), "{lines:?}");
    assert_eq!(code(&site), compiled);
}

#[test]
fn what_changed_meanwhile_is_deployed_and_what_is_gone_is_gone() {
    let site = Site::new();
    for name in ["changed", "removed", "same"] {
        site.put(&format!("{name}.wasm"), version(name));
    }
    let server = site.serve();
    for name in ["changed", "removed", "same"] {
        server.up(&format!("/{name}"), name);
    }
    server.stop();
    site.put("changed.wasm", version("changed indeed"));
    site.remove("removed.wasm");
    site.put("new.wasm", version("new"));
    let server = site.serve();
    server.out.after(0, "serving same (");
    server.out.after(0, "removed removed");
    assert_eq!(server.status_of("/removed"), 404);
    server.answers("/changed", "changed indeed");
    server.answers("/new", "new");
    assert_eq!(server.text("/same"), "same");
}

#[test]
fn the_last_good_version_answers_where_the_file_is_bad_by_then() {
    let site = Site::new();
    site.put("hello.wasm", version("good"));
    let server = site.serve();
    server.up("/hello", "good");
    server.line("refused hello: ", || site.put("hello.wasm", "bad"));
    server.stop();
    for _ in 0..2 {
        let server = site.serve();
        server.out.after(0, "refused hello: ");
        assert_eq!(server.text("/hello"), "good");
        server.stop();
    }
    // A manifest that is bad by then is no different.
    site.put("hello.wasm", version("good"));
    site.put("hello.toml", "nonsense");
    let server = site.serve();
    server.out.after(0, "refused hello: ");
    assert_eq!(server.text("/hello"), "good");
    server.line("deployed hello (", || {
        // In this order nothing but the better one can ever be deployed.
        site.put("hello.wasm", version("better"));
        site.remove("hello.toml");
    });
    assert_eq!(server.text("/hello"), "better");
}

#[test]
fn a_crash_loses_nothing_that_was_told() {
    let site = Site::new();
    let mut server = site.serve();
    for round in 0..3 {
        let mark = format!("round {round}");
        server.line("deployed hello (", || site.put("hello.wasm", version(&mark)));
        server.kill();
        // What lies there is half written by then; what answers is the version that was told to be deployed.
        site.put("hello.wasm", "half");
        server = site.serve();
        server.out.after(0, "refused hello: ");
        assert_eq!(server.text("/hello"), mark);
    }
}

#[test]
fn a_crash_while_deploying_leaves_what_can_be_started_from() {
    let site = Site::new();
    for round in 0..4 {
        let server = site.serve();
        for number in 0..3 {
            site.put(&format!("app{number}.wasm"), version(&format!("app{number} of {round}")));
        }
        server.out.find(0, "a deploy", |line| line.starts_with("deployed"));
        server.kill();
    }
    let server = site.serve();
    for number in 0..3 {
        server.answers(&format!("/app{number}"), &format!("app{number} of 3"));
    }
}

#[test]
fn damaged_code_is_compiled_again_and_never_loaded() {
    let site = Site::new();
    for name in ["cut", "flipped", "foreign", "whole"] {
        site.put(&format!("{name}.wasm"), version(name));
    }
    let server = site.serve();
    for name in ["cut", "flipped", "foreign", "whole"] {
        server.up(&format!("/{name}"), name);
    }
    server.stop();
    let folder = site.state_folder().join("code");
    let before = code(&site);
    let damage: [&dyn Fn(&Path); 3] = [
        &|file| {
            let content = fs::read(file).expect("code");
            fs::write(file, &content[..content.len() / 2]).expect("a write");
        },
        &|file| {
            let mut content = fs::read(file).expect("code");
            let middle = content.len() / 2;
            content[middle] ^= 1;
            fs::write(file, content).expect("a write");
        },
        &|file| fs::write(file, b"\x7fELF of somebody else").expect("a write"),
    ];
    for (name, damage) in before.keys().zip(damage) {
        damage(&folder.join(name));
    }
    let server = site.serve();
    for name in ["cut", "flipped", "foreign", "whole"] {
        assert_eq!(server.text(&format!("/{name}")), name);
    }
    let warnings = |lines: &[String]| lines.iter().filter(|line| line.contains("compiled code was damaged")).count();
    let log = server.log.clone();
    server.stop();
    let said = log.to_end();
    assert_eq!(warnings(&said), 3, "{said:#?}");
    let server = site.serve();
    for name in ["cut", "flipped", "foreign", "whole"] {
        assert_eq!(server.text(&format!("/{name}")), name);
    }
    let log = server.log.clone();
    server.stop();
    assert_eq!(warnings(&log.to_end()), 0, "what was compiled again is good");
}

#[test]
fn records_that_are_damaged_are_put_aside() {
    let site = Site::new();
    site.put("hello.wasm", version("hello"));
    let server = site.serve();
    server.up("/hello", "hello");
    server.stop();
    fs::write(site.state_folder().join("apps.json"), "{\"format\":").expect("a write");
    let server = site.serve();
    server.log.with("everything is deployed anew");
    server.answers("/hello", "hello");
}
