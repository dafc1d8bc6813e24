//! What can't be an application is refused in one sentence, and whatever answered before goes on answering.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::support::component::with_module;
use crate::support::site::{Server, Site};
use crate::support::version::{version, with_section};

/// A site where `hello` answers `good`.
fn serving() -> (Site, Server) {
    let site = Site::new();
    site.put("hello.wasm", version("good"));
    let server = site.serve();
    server.up("/hello", "good");
    (site, server)
}

#[track_caller]
fn refused(line: &str, said: &str) {
    assert!(line.contains(said), "{line:?} does not say {said:?}");
    assert!(line.ends_with(" stays)"), "{line}");
}

#[test]
fn what_is_no_component_is_named() {
    let (site, server) = serving();
    let core = wat::parse_str("(module)").expect("a module");
    let other = wat::parse_str(
        r#"(component (core module $m (func (export "f"))) (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i "f"))) (export "wasi:cli/run@0.2.0" (func $f)))"#,
    );
    let other = other.or_else(|_| wat::parse_str("(component)")).expect("a component");
    let elf = fs::read("/proc/self/exe").expect("this program")[..4096].to_vec();
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty", Vec::new(), "an empty file"),
        ("core module", core, "a core module"),
        ("zip", b"PK\x03\x04 and what follows".to_vec(), "a zip archive"),
        ("precompiled", elf, "an ELF file"),
        ("text", b"hello".to_vec(), "an application is a WebAssembly component"),
        ("another world", other, "a component of another world"),
        ("another world, empty", wat::parse_str("(component)").expect("a component"), "it exports nothing"),
    ];
    for (what, content, said) in cases {
        let line = server.line("refused hello: ", || site.put("hello.wasm", &content));
        println!("{what}: {line}");
        refused(&line, said);
        assert_eq!(server.text("/hello"), "good", "{what}");
        let line = server.line("refused new: ", || site.put("new.wasm", &content));
        assert!(line.contains(said) && !line.contains("stays"), "{line}");
        assert_eq!(server.status_of("/new"), 404, "{what}");
        server.line("removed new", || site.remove("new.wasm"));
    }
    server.line("deployed hello (", || site.put("hello.wasm", version("better")));
    assert_eq!(server.text("/hello"), "better");
}

#[test]
fn what_uses_more_of_webassembly_than_is_accepted_is_told_what() {
    let (site, server) = serving();
    for (module, named) in [
        ("(module (func (drop (v128.const i64x2 0 0))))", "SIMD"),
        ("(module (memory 1 1 shared))", "threads (shared memories, atomics)"),
        ("(module (func $f (return_call $f)))", "tail calls"),
        ("(module (tag) (func (throw 0)))", "exceptions"),
        ("(module (memory 1) (memory 1))", "more than one memory in a module"),
        ("(module (memory i64 1))", "64-bit memories"),
        ("(module (func (param externref)))", "references to the host's values (externref)"),
        ("(module (type $t (func)) (func (param (ref $t))))", "typed function references"),
    ] {
        let line = server.line("refused hello: ", || site.put("hello.wasm", with_module(&version("new"), module, 0)));
        refused(&line, &format!("refused hello: it uses {named}, which wasgi does not accept ("));
        assert_eq!(server.text("/hello"), "good", "{named}");
    }
}

#[test]
fn a_truncated_component_is_refused() {
    let (site, server) = serving();
    let whole = version("whole");
    for length in [1, 4, 7, 8, 9, 100, whole.len() / 2, whole.len() - 1] {
        let line = server.line("refused hello: ", || site.put("hello.wasm", &whole[..length]));
        refused(&line, ": it is ");
        assert_eq!(server.text("/hello"), "good", "{length} bytes");
    }
}

#[test]
fn a_flipped_bit_is_refused_or_harmless() {
    let (site, server) = serving();
    let whole = version("good");
    let mut answering = "good".to_owned();
    let mut count = 0;
    for part in 0..12 {
        let mut flipped = whole.clone();
        flipped[part * whole.len() / 12 + 4] ^= 1 << (part % 8);
        let before = server.out.count();
        site.put("hello.wasm", &flipped);
        let line = server.out.find(before, "a decision", |line| line.contains(" hello"));
        let response = server.get("/hello");
        if line.starts_with("refused") {
            count += 1;
            refused(&line, "it ");
            assert_eq!((response.status(), response.text().trim_end()), (200, answering.as_str()), "{line}");
        } else {
            // A component still, of other data or code. What that does is its own affair, and the host's to outlive.
            assert!(matches!(response.status(), 200 | 500 | 503), "{line}: {response:?}");
            server.line("deployed hello (", || site.put("hello.wasm", &whole));
            answering = server.text("/hello");
            assert_eq!(answering, "good");
        }
    }
    println!("{count} of 12 flipped bits were refused");
    assert!(count > 0);
}

#[test]
fn what_is_no_regular_file_is_refused_and_never_followed() {
    let (site, server) = serving();
    fs::write(site.folder().join("elsewhere.wasm"), version("followed")).expect("a file");
    let replace = |make: &dyn Fn(&std::path::Path)| {
        let new = site.folder().join("new");
        make(&new);
        match fs::rename(&new, site.file("hello.wasm")) {
            Ok(()) => {}
            // A directory takes no file's place.
            Err(_) => {
                let old = site.folder().join("old");
                fs::rename(site.file("hello.wasm"), &old).expect("a rename");
                fs::rename(&new, site.file("hello.wasm")).expect("a rename");
                fs::remove_file(old).expect("a file to remove");
            }
        }
    };
    let target = site.folder().join("elsewhere.wasm");
    let line = server.line("refused hello: ", || replace(&|new| symlink(&target, new).expect("a link")));
    refused(&line, "hello.wasm is a symbolic link");
    assert_eq!(server.text("/hello"), "good");
    let fifo = |new: &std::path::Path| mknodat(CWD, new, FileType::Fifo, Mode::RWXU, 0).expect("a FIFO");
    let line = server.line("refused hello: ", || replace(&fifo));
    refused(&line, "hello.wasm is a FIFO, socket or device");
    assert_eq!(server.text("/hello"), "good");
    site.put("hello.wasm", version("good"));
    drop(UnixListener::bind(site.file("socket.wasm")).expect("a socket"));
    server.out.after(0, "refused socket: socket.wasm is a FIFO, socket or device");
    fs::create_dir(site.file("folder.wasm")).expect("a directory");
    server.out.after(0, "refused folder: folder.wasm is a directory");
    symlink("/nowhere", site.file("dangling.wasm")).expect("a link");
    server.out.after(0, "refused dangling: dangling.wasm is a symbolic link");
    for path in ["/socket", "/folder", "/dangling"] {
        assert_eq!(server.status_of(path), 404);
    }
    server.answers("/hello", "good");
}

/// The superuser reads everything, but not what is no file any more when it is read, nor what is too large.
#[test]
fn what_can_not_be_read_is_refused() {
    let (site, server) = serving();
    let new = site.folder().join("new");
    fs::File::create(&new).and_then(|file| file.set_len(300 << 20)).expect("a sparse file");
    let line = server.line("refused hello: ", || fs::rename(&new, site.file("hello.wasm")).expect("a rename"));
    refused(&line, "hello.wasm has 314572800 bytes, which is more than");
    assert_eq!(server.text("/hello"), "good");
    if rustix::process::geteuid().is_root() {
        println!("skipped: the superuser can read a file of mode 000");
        return;
    }
    use std::os::unix::fs::PermissionsExt;
    fs::write(&new, version("secret")).expect("a file");
    fs::set_permissions(&new, fs::Permissions::from_mode(0o000)).expect("a mode");
    let line = server.line("refused hello: ", || fs::rename(&new, site.file("hello.wasm")).expect("a rename"));
    refused(&line, "can't read hello.wasm");
    assert_eq!(server.text("/hello"), "good");
    let readable = || fs::set_permissions(site.file("hello.wasm"), fs::Permissions::from_mode(0o600)).expect("a mode");
    server.line("deployed hello (", readable);
    assert_eq!(server.text("/hello"), "secret");
}

#[test]
fn odd_names_are_reported_and_dotfiles_ignored() {
    let site = Site::new();
    let names = ["README", "a b.wasm", "é.wasm", "hello.wasm.tmp", "hello.WASM"];
    for name in names {
        site.put(name, version("odd"));
    }
    site.put(".hidden.wasm", version("hidden"));
    site.put(".wasm", version("nameless"));
    let server = site.serve();
    for name in names {
        server.out.after(0, &format!("ignored {name}"));
    }
    let later = server.line("ignored later.txt: ", || site.put("later.txt", ""));
    assert!(later.contains("NAME.wasm"), "{later}");
    let lines = server.out.all();
    assert!(!lines.iter().any(|line| line.contains("hidden") || line.contains("nameless")), "{lines:?}");
    assert!(!lines.iter().any(|line| line.starts_with("deployed") || line.starts_with("refused")), "{lines:?}");
    for path in ["/a%20b", "/.hidden", "/README"] {
        assert_eq!(server.status_of(path), 404, "{path}");
    }
    server.line("deployed A_b-9 (", || site.put("A_b-9.wasm", version("fine")));
    assert_eq!(server.text("/A_b-9"), "fine");
}

#[test]
fn a_component_that_traps_in_its_probe_is_refused() {
    let (site, server) = serving();
    // Another custom section is another version of the same code: what is refused is not remembered by its name.
    let fine = with_section(&version("good"), "note", b"nothing");
    let line = server.line("deployed hello (", || site.put("hello.wasm", fine));
    assert!(line.contains("at /hello"));
    let needs = "[limits]\nmemory = \"64KiB\"\n";
    let line = server.line("refused hello: ", || site.put("hello.toml", needs));
    refused(&line, "it can't be instantiated");
    assert_eq!(server.text("/hello"), "good");
}
