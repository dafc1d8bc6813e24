//! A manifest's change is a deploy like any other; a bad one is refused with its place.

use rustix::process::Signal;

use crate::support::site::Site;
use crate::support::version::version;

#[test]
fn a_manifest_is_part_of_the_version() {
    let site = Site::new();
    site.put("hello.wasm", version("hello"));
    let server = site.serve();
    server.up("/hello", "hello");
    let greeting = |text: &str| format!("[env]\nGREETING = \"{text}\"\n");
    let mut versions = Vec::new();
    for text in ["good morning", "good evening"] {
        versions.push(server.line("deployed hello (", || site.put("hello.toml", greeting(text))));
        assert!(server.text("/hello").ends_with(text));
    }
    versions.push(server.line("deployed hello (", || site.remove("hello.toml")));
    assert_eq!(server.text("/hello"), "hello");
    let digest = |line: &String| line.split(['(', ')']).nth(1).map(str::to_owned);
    assert_ne!(digest(&versions[0]), digest(&versions[1]));
}

#[test]
fn only_the_manifests_variables_reach_the_guest() {
    let site = Site::new();
    site.put("hello.wasm", version("hello"));
    let mut command = site.command();
    command.env("GREETING", "of the host");
    let server = crate::support::site::Server::start(command);
    server.up("/hello", "hello");
}

#[test]
fn a_bad_manifest_is_refused_with_line_and_column_and_the_others_load() {
    let site = Site::new();
    for name in ["good", "bad"] {
        site.put(&format!("{name}.wasm"), version(name));
    }
    site.put("bad.toml", "routes = [\"/bad\"\n");
    site.put("good.toml", "routes = [\"/good\"]\n");
    let server = site.serve();
    server.up("/good", "good");
    let line = server.out.after(0, "refused bad: ");
    assert!(line.contains("bad.toml") && line.contains("line "), "{line}");
    assert_eq!(server.status_of("/bad"), 404);
    server.line("deployed bad (", || site.put("bad.toml", "routes = [\"/now-good\"]\n"));
    assert_eq!(server.text("/now-good"), "bad");
    for (text, place, said) in [
        ("roots = [\"/x\"]\n", "line 1, column 1", "roots"),
        ("routes = [\"/x\"]\n[limits]\nmemery = \"1MiB\"\n", "line 3, column 1", "memery"),
        ("[limits]\nmemory = \"lots\"\n", "line 2, column 10", "lots"),
        ("routes = [\"x y\"]\n", "line 1, column 10", "x y"),
        ("[instances]\nreuse = 1\n", "line 2, column 9", "boolean"),
        ("\u{0}", "line 1, column ", ""),
    ] {
        let line = server.line("refused bad: ", || site.put("bad.toml", text));
        assert!(line.contains(place) && line.contains(said), "{text:?}: {line}");
        assert!(line.ends_with(" stays)"), "{line}");
        assert_eq!(server.text("/now-good"), "bad");
    }
    let line = server.line("refused bad: ", || site.put("bad.toml", b"\xff\xfe"));
    assert!(line.contains("UTF-8"), "{line}");
    assert_eq!(server.text("/now-good"), "bad");
}

#[test]
fn a_manifest_that_comes_with_its_component_is_in_force_from_the_first_request() {
    let site = Site::new();
    let server = site.serve();
    site.put("shop.toml", "[env]\nGREETING = \"with it\"\n");
    server.line("deployed shop (", || site.put("shop.wasm", version("shop")));
    assert!(server.text("/shop").ends_with("with it"));
    // Alone it is nothing, and that is told.
    site.put("alone.toml", "routes = [\"/alone\"]\n");
    server.out.after(0, "ignored alone.toml: there is no alone.wasm beside it");
    assert_eq!(server.status_of("/alone"), 404);
}

#[test]
fn both_files_changed_at_one_time_are_one_deploy() {
    let site = Site::new();
    site.put("shop.wasm", version("one"));
    site.put("shop.toml", "routes = [\"/one\"]\n");
    let server = site.serve();
    server.up("/one", "one");
    let before = server.out.count();
    // Neither settles before the other has come, however long this thread may have to wait.
    server.signal(Signal::STOP);
    site.put("shop.wasm", version("two"));
    site.put("shop.toml", "routes = [\"/two\"]\n");
    server.signal(Signal::CONT);
    server.out.find(before, "the new routes", |line| line.contains(" at /two in "));
    assert_eq!(server.text("/two"), "two");
    assert_eq!(server.status_of("/one"), 404);
    assert_eq!(server.out.count(), before + 1, "{:?}", server.out.all());
}
