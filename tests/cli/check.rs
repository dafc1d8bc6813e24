//! `wasgi check`.

use std::fs;

use crate::support::site::{Site, run, wasgi};
use crate::support::{guests, version::version};

#[test]
fn what_would_be_accepted_is_described() {
    let ended = run(wasgi().arg("check").arg(guests::component("version")));
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{ended:?}");
    for said in
        [" bytes\n", "imports:\n  wasgi:gateway/gateway@", "exports:\n  wasgi:gateway/application@", "accepted: "]
    {
        assert!(ended.out.contains(said), "{said:?} is not in {}", ended.out);
    }
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
