//! `wasgi new` and `wasgi build`.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::support::guests;
use crate::support::site::{Server, Site, run, wasgi};

/// `wasgi build`, as nobody's child: its cargo compiles where the other guests are compiled, so that what all of them
/// need is there already.
fn build(project: &Path) -> Command {
    let mut command = wasgi();
    command.env_remove("CARGO").env("CARGO_TARGET_DIR", guests::target_dir().join("guests"));
    command.arg("build").arg(project);
    command
}

#[test]
fn a_new_application_builds_outside_a_clone_and_answers() {
    let site = Site::new();
    let made = run(wasgi().args(["new", "newcomer"]).current_dir(site.folder()));
    assert_eq!((made.code, made.err.as_str()), (Some(0), ""), "{made:?}");
    assert!(made.out.contains("wasgi build newcomer"), "{made:?}");
    let project = site.folder().join("newcomer");
    let file = site.file("newcomer.wasm");
    let first = Instant::now();
    let built = run(build(&project).arg("-o").arg(&file));
    assert_eq!(built.code, Some(0), "{built:?}");
    assert!(built.out.starts_with(&format!("built {} (", file.display())), "{built:?}");
    let (first, content) = (first.elapsed(), fs::read(&file).unwrap());

    let mut command = wasgi();
    command.arg("serve").arg(&file).args(["--listen", "127.0.0.1:0", "--state"]).arg(site.state());
    let server = Server::start(command);
    server.answers("/", "Hello, World! This is newcomer.");
    assert_eq!(server.text("/?name=Ada"), "Hello, Ada! This is newcomer.");

    let second = Instant::now();
    let again = run(build(&project).arg("-o").arg(&file));
    assert_eq!(again.code, Some(0), "{again:?}");
    println!("built in {first:.1?}, and again in {:.1?}", second.elapsed());
    assert_eq!(fs::read(&file).unwrap(), content, "the same source is the same component");

    // The next version, deployed by building it.
    let source = project.join("src/lib.rs");
    let text = fs::read_to_string(&source).unwrap().replace("Hello, ", "Goodbye, ");
    fs::write(&source, &text).unwrap();
    assert_eq!(run(build(&project).arg("-o").arg(&file)).code, Some(0));
    server.answers("/", "Goodbye, World! This is newcomer.");

    // What does not compile is shown as the compiler shows it, and what was built stays.
    fs::write(&source, text.replace("String, Error>", "Strong, Error>")).unwrap();
    let content = fs::read(&file).unwrap();
    let failed = run(build(&project).arg("-o").arg(&file));
    assert_eq!(failed.code, Some(1), "{failed:?}");
    assert!(failed.err.contains("Strong") && failed.err.contains("src/lib.rs:"), "{failed:?}");
    assert!(failed.err.lines().last().unwrap().starts_with("wasgi: "), "{failed:?}");
    assert_eq!(fs::read(&file).unwrap(), content);
}

#[test]
fn what_is_no_project_is_told_in_one_line() {
    let site = Site::new();
    let ended = run(&mut build(&site.apps()));
    assert_eq!(ended.code, Some(2));
    assert_eq!((ended.out.as_str(), ended.err.lines().count()), ("", 1), "{ended:?}");
    assert!(ended.err.contains("not a project"), "{ended:?}");
    let library = site.folder().join("library");
    fs::create_dir_all(library.join("src")).unwrap();
    fs::write(library.join("src/lib.rs"), "").unwrap();
    fs::write(library.join("Cargo.toml"), "[package]\nname = \"library\"\nedition = \"2024\"\n[workspace]\n").unwrap();
    let ended = run(&mut build(&library));
    assert_eq!(ended.code, Some(2));
    assert!(ended.err.contains("crate-type = [\"cdylib\"]"), "{ended:?}");
}

#[test]
fn a_name_that_can_not_be_one_or_a_place_that_is_taken() {
    let site = Site::new();
    fs::create_dir_all(site.folder().join("taken/src")).unwrap();
    for (name, said) in
        [("1st", "begin with a letter"), ("fn", "another meaning"), ("taken", "something in this directory")]
    {
        let ended = run(wasgi().args(["new", name]).current_dir(site.folder()));
        assert_ne!(ended.code, Some(0));
        assert_eq!((ended.out.as_str(), ended.err.lines().count()), ("", 1), "{ended:?}");
        assert!(ended.err.contains(said), "{ended:?}");
    }
    assert_eq!(fs::read_dir(site.folder().join("taken")).unwrap().count(), 1);
}
