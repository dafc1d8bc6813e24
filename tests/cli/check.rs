//! `wasgi check`.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::process::Command;

use crate::support::component::slow_to_compile;
use crate::support::site::{Site, run, state_home, wasgi};
use crate::support::{guests, version::version};

#[test]
fn what_would_be_accepted_is_described() {
    let ended = run(wasgi().arg("check").arg(guests::component("version")));
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{ended:?}");
    for said in [" bytes\n", "imports:\n  wasgi:gateway/gateway@", "exports:\n  wasgi:gateway/lean@", "accepted: "] {
        assert!(ended.out.contains(said), "{said:?} is not in {}", ended.out);
    }
}

/// Each instance pays for what its component imports.
#[test]
fn who_uses_no_clock_and_no_random_number_imports_no_wasi() {
    let imports = |guest| run(wasgi().arg("check").arg(guests::component(guest))).out;
    // It reads the environment, and may panic.
    assert!(!imports("version").contains("wasi:"), "{}", imports("version"));
    assert!(imports("sleeps").contains("wasi:clocks/"), "{}", imports("sleeps"));
}

#[test]
fn what_would_be_refused_says_why() {
    let site = Site::new();
    let truncated = version("whole");
    let truncated = &truncated[..truncated.len() / 2];
    for (content, said) in [
        (&b""[..], "an empty file"),
        (b"PK\x03\x04", "a zip archive"),
        (b"\0asm\x01\0\0\0", "a core module"),
        (b"\x7fELF", "an ELF file"),
        (truncated, "damaged"),
    ] {
        let file = site.file("bad.wasm");
        fs::write(&file, content).unwrap();
        let ended = run(wasgi().arg("check").arg(&file));
        assert_eq!(ended.code, Some(1), "{ended:?}");
        let last = ended.out.lines().last().unwrap();
        assert!(last.starts_with("refused: it is ") && last.contains(said), "{ended:?}");
    }
}

/// What the deploys say, that it says.
#[test]
fn files_that_no_deploy_reads_are_refused_as_there() {
    let site = Site::new();
    let server = site.serve();
    let sound = site.folder().join("sound.wasm");
    fs::write(&sound, version("one")).unwrap();
    let large = |name| File::create(site.file(name)).unwrap().set_len((256 << 20) + 1).unwrap();
    let link = |name| symlink(&sound, site.file(name)).unwrap();
    let copy = |name| assert!(fs::copy(&sound, site.file(name)).is_ok());
    let deploys: [(&str, &dyn Fn(), &str); 4] = [
        ("large", &|| large("large.wasm"), "268435457 bytes, which is more than 268435456"),
        ("link", &|| link("link.wasm"), "symbolic link"),
        ("a..b", &|| copy("a..b.wasm"), "not a route"),
        (
            "manifest",
            &|| {
                link("manifest.toml");
                copy("manifest.wasm");
            },
            "symbolic link",
        ),
    ];
    for (name, put, said) in deploys {
        let refusal = server.line(&format!("refused {name}"), put);
        let ended = run(wasgi().arg("check").arg(site.file(&format!("{name}.wasm"))));
        let reason = ended.out.lines().last().and_then(|last| last.strip_prefix("refused: ")).unwrap_or_default();
        assert!(ended.code == Some(1) && reason.contains(said), "{said:?}: {ended:?}");
        assert!(refusal.contains(reason), "{reason:?} is not in {refusal:?}");
    }
    for (name, said) in [
        ("a b.wasm", "' ' can't be in a name"),
        (".hidden.wasm", "begins with a dot"),
        ("hello.component", "only NAME.wasm"),
        ("hello.toml", "a manifest"),
    ] {
        fs::copy(&sound, site.folder().join(name)).unwrap();
        // By its name alone as by a path.
        let ended = run(wasgi().arg("check").arg(name).current_dir(site.folder()));
        let last = ended.out.lines().last().unwrap_or_default();
        assert!(ended.code == Some(1) && last.starts_with("refused: ") && last.contains(said), "{said:?}: {ended:?}");
    }
}

#[test]
fn the_manifest_beside_it_counts() {
    let site = Site::new();
    let (file, manifest) = (site.file("hello.wasm"), site.file("hello.toml"));
    fs::write(&file, version("one")).unwrap();
    let check = || run(wasgi().arg("check").arg(&file));
    fs::write(&manifest, "[limits]\nmemory = \"1GiB\"\n").unwrap();
    assert_eq!(check().code, Some(0));
    for (text, said) in [("[limits]\nmemory = \"64KiB\"\n", "memory"), ("[limitz]\n", "hello.toml: line 1, column 2: ")]
    {
        fs::write(&manifest, text).unwrap();
        let ended = check();
        let last = ended.out.lines().last().unwrap();
        assert!(ended.code == Some(1) && last.starts_with("refused: ") && last.contains(said), "{said:?}: {ended:?}");
    }
}

#[test]
fn a_terminal_is_shown_what_takes_long() {
    let site = Site::new();
    let file = site.file("slow.wasm");
    fs::write(&file, slow_to_compile(&version("slow"))).unwrap();
    for command in [format!("check {}", file.display()), format!("call {} /", file.display())] {
        // A terminal, and what was written to it.
        let mut script = Command::new("script");
        script.args(["-qec", &format!("{} {command}", env!("CARGO_BIN_EXE_wasgi")), "/dev/null"]);
        let ended = run(script.env("XDG_STATE_HOME", state_home()).env("TERM", "xterm"));
        assert!(ended.code == Some(0) && ended.out.contains("compiling "), "{ended:?}");
    }
    assert_eq!(run(wasgi().arg("check").arg(&file)).err, "", "a pipe is shown nothing of it");
}
