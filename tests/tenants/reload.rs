//! SIGHUP puts other quotas in force while requests run.

use crate::support::version::version;
use crate::support::wait_for;
use crate::{deploy, finish, hosted, refused};

#[test]
fn other_limits_are_in_force_at_once() {
    let host = hosted("[tenants.acme]\nin_flight = 1\nqueue = 1\n", &[("acme/a", "lockstep", "")]);
    let running = host.begin("/acme/a");
    let mut waiting = host.post("/acme/a");
    wait_for("the second waits", || (host.tenant("acme")["queued"] == 1).then_some(()));
    refused(&host.server.get("/acme/a"));
    // Who waits gets the places that come.
    host.reload("[tenants.acme]\nin_flight = 3\nqueue = 0\n");
    assert_eq!(waiting.head().expect("a head").status, 200);
    assert_eq!(waiting.piece().expect("a chunk").expect("a chunk"), b"1\n");
    let third = host.begin("/acme/a");
    refused(&host.server.get("/acme/a"));
    // And none of those that run is ended where there are fewer.
    host.reload("[tenants.acme]\nin_flight = 1\nqueue = 0\n");
    for link in [running, waiting] {
        refused(&host.server.get("/acme/a"));
        finish(link);
    }
    finish(third);
    wait_for("all are gone", || (host.tenant("acme")["in_flight"] == 0).then_some(()));
    finish(host.begin("/acme/a"));
}

#[test]
fn a_route_that_is_granted_no_longer_is_withdrawn_and_one_that_is_granted_is_tried() {
    let granted = "[tenants.acme]\nroutes = [\"acme.example.com\"]\n";
    let host = hosted(granted, &[("acme/a", "chunks", "routes = [\"acme.example.com\"]\n"), ("acme/b", "chunks", "")]);
    let of = |name: &str| host.server.connect().get_of(name, "/?n=1").expect("a response").status();
    assert_eq!((of("acme.example.com"), of("localhost")), (200, 404));
    let line = host.server.line("refused acme/a: ", || host.reload(""));
    assert!(line.contains("the route acme.example.com is not acme's") && !line.contains("stays"), "{line}");
    assert_eq!((of("acme.example.com"), host.app("acme/a")["state"].as_str()), (404, Some("refused")));
    assert_eq!(host.server.status_of("/acme/b?n=1"), 200);
    // Somebody else may have it now, and what was withdrawn comes back where that has left.
    host.reload("[tenants.umbra]\nroutes = [\"acme.example.com\"]\n");
    host.server.line("deployed umbra/a (", || {
        host.site.put("umbra/a.toml", "routes = [\"acme.example.com\"]\n");
        host.site.put("umbra/a.wasm", version("umbra"));
    });
    let both = format!("{granted}[tenants.umbra]\nroutes = [\"acme.example.com\"]\n");
    let line = host.server.line("refused acme/a: ", || host.reload(&both));
    assert!(line.contains("taken by another tenant"), "{line}");
    host.server.line("deployed acme/a (", || host.reload(granted));
    assert_eq!(of("acme.example.com"), 200);
}

#[test]
fn more_applications_and_larger_ones_are_tried_again() {
    let host = hosted("[tenants.acme]\napplications = 1\ncomponent = \"4MiB\"\n", &[("acme/a", "chunks", "")]);
    host.server.line("refused acme/b: ", || deploy(&host.site, &("acme/b", "chunks", "")));
    host.server.line("deployed acme/b (", || host.reload("[tenants.acme]\napplications = 2\n"));
    // What is deployed stays, and the next version has the new bound.
    host.reload("[tenants.acme]\napplications = 1\ncomponent = \"1KiB\"\n");
    assert_eq!((host.server.status_of("/acme/a?n=1"), host.server.status_of("/acme/b?n=1")), (200, 200));
    let line = host.server.line("refused acme/b: ", || host.site.put("acme/b.wasm", version("b")));
    assert!(line.contains("more than 1024") && line.ends_with(" stays)"), "{line}");
}

#[test]
fn a_bad_table_leaves_the_old_one_in_force() {
    let host = hosted("[tenants.acme]\nin_flight = 1\nqueue = 0\n", &[("acme/a", "lockstep", "")]);
    std::fs::write(host.site.folder().join("host.toml"), "[tenants.acme]\nin_flight = 0\n").expect("a configuration");
    host.server.signal(rustix::process::Signal::HUP);
    let line = host.server.log.with("the configuration stays as it is");
    assert!(line.contains("line 2, column 13"), "{line}");
    let running = host.begin("/acme/a");
    refused(&host.server.get("/acme/a"));
    finish(running);
}
