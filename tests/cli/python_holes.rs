//! The holes of the guest's CPython (host/docs/sdk-python.md, "What the interpreter has not"), tried in a component:
//! what stands in for something gives what that gives, and what can't be had says so.

use std::fs;

use crate::support::host::{App, Host};
use crate::support::{guests, python};

fn holes(name: &str, manifest: &str) -> Option<App> {
    if !python::available() {
        return None;
    }
    let project = guests::target_dir().join("guests/holes");
    fs::create_dir_all(&project).unwrap();
    fs::write(project.join("requirements.txt"), "").unwrap();
    fs::write(project.join("app.py"), include_str!("python_holes.py")).unwrap();
    Some(Host::shared().deploy_component(&python::built(&project), name, manifest))
}

#[test]
fn what_stands_in_gives_what_it_stands_for() {
    let Some(app) = holes("holes", "") else { return };
    for (name, answer) in [
        // hashlib of a CPython with OpenSSL gives the first, and RFC 7914 §12 the second, of which these are 16 bytes.
        ("pbkdf2", "ae4d0c95af6b46d32d0adff928f06dd02a303f8ef3c251dfd6e2d85a95474c43"),
        ("scrypt", "77d6576238657b203b19ca42c18a0497"),
        ("zones", "1:00:00"),
        ("idna", "xn--bcher-kva.example"),
        ("temporary", "written"),
        ("user", "1000 1 22"),
        ("home", "/tmp /tmp/a b'/tmp' ~x/~"),
        ("database", "3 1"),
        ("loop", "slept"),
        ("late", "(0.0, 1.0, 1)"),
        ("immortal", "[True, True, True, False, False]"),
    ] {
        assert_eq!(app.get(&format!("/{name}")).expect(200).text(), answer, "{name}");
    }
    let random = || app.get("/random").expect(200).text().to_owned();
    let (one, other) = (random(), random());
    for (one, other) in one.split(' ').zip(other.split(' ')) {
        assert_ne!(one, other, "two instances drew the same");
    }
}

#[test]
fn what_is_not_there_says_so_and_what_to_do() {
    let Some(app) = holes("holes-reused", "[instances]\nreuse = true\n") else { return };
    for (name, kind, said) in [
        ("database_file", "OperationalError", "':memory:' works"),
        ("read_only", "OSError", "Read-only file system"),
        ("thread", "RuntimeError", "wasgi.posthooks"),
        ("connecting", "PermissionError", "a component reaches no network"),
        ("looking_up", "gaierror", "a component reaches no network"),
        ("tls", "SSLError", "the host speaks it with the clients"),
        ("process", "OSError", "let another service do it"),
        ("native", "OSError", "pure-Python variant"),
        ("leaving", "SystemExit", "3"),
    ] {
        let response = app.get(&format!("/{name}")).expect(200);
        let answer = response.text();
        assert!(answer.starts_with(&format!("{kind}: ")) && answer.contains(said), "{name}: {answer}");
    }
}

#[test]
fn recursion_without_end_is_an_error_of_pythons() {
    let Some(app) = holes("holes-recursion", "[instances]\nreuse = true\n") else { return };
    for name in
        ["recursion/repr", "recursion/str", "recursion/eq", "recursion/hash", "recursion/iter", "attribute", "callback"]
    {
        let response = app.get(&format!("/{name}")).expect(200);
        assert!(response.text().starts_with("RecursionError: "), "{name}: {}", response.text());
    }
    assert_eq!(app.get("/nested").expect(200).text(), "([2000, 2000], True, True)");
}
