//! What E deploys that no host may have: refused by its name, and E's version before it serves on.

use crate::arena::Arena;
use crate::support::component::{with_import, with_module};
use crate::support::version::{unmarked, version};

/// Puts `bytes` as E's next version; what it is refused for.
#[track_caller]
fn refused(name: &str, bytes: &[u8]) -> String {
    let turn = Arena::turn();
    let server = &turn.arena.server;
    let app = format!("evil/{name}");
    server.line(&format!("deployed {app} ("), || turn.arena.site.put(&format!("{app}.wasm"), version("before")));
    let line = turn.beside(&format!("a refusal of {app}"), || {
        server.line(&format!("refused {app}: "), || turn.arena.site.put(&format!("{app}.wasm"), bytes))
    });
    assert!(line.ends_with(" stays)"), "{line}");
    assert_eq!(server.text(&format!("/{app}")), "before");
    server.line(&format!("removed {app}"), || turn.arena.site.remove(&format!("{app}.wasm")));
    println!("{line}");
    line
}

#[test]
fn g3_a_hundred_memories_are_refused() {
    let many = format!("(module {})", "(memory 1)".repeat(100));
    let line = refused("memories", &with_module(unmarked(), &many, 1));
    assert!(line.contains("more than one memory in a module"), "{line}");
    let instances = refused("instances", &with_module(unmarked(), "(module (memory 1))", 100));
    assert!(instances.contains("memor"), "{instances}");
}

#[test]
fn g7_what_the_host_has_not_is_refused_by_name() {
    let line = refused("imports", &with_import(unmarked(), "wasi:sockets/nowhere@0.2.0"));
    assert!(line.contains("wasi:sockets/nowhere"), "{line}");
    let text = wat::parse_str(r#"(component (core module))"#).expect("a component");
    assert!(refused("exports", &text).contains("another world"));
}
