//! What a manifest may ask for, which routes it may claim, how many applications there may be, and how large they are.

use crate::support::site::{run, wasgi};
use crate::support::version::version;
use crate::{deploy, hosted};

#[test]
fn a_manifest_that_asks_for_more_gets_the_ceiling_and_status_says_so() {
    let greedy = "[limits]\nmemory = \"1GiB\"\ncpu = \"1s\"\nin_flight = 1000\n";
    let config = "[limits]\nmemory = \"64MiB\"\n[tenants.acme.limits]\nin_flight = 100\n";
    let host = hosted(config, &[("acme/a", "hogs", greedy), ("umbra/a", "hogs", greedy), ("a", "hogs", greedy)]);
    let capped = |app: &str| {
        let app = host.app(app);
        let capped = app["capped"].as_array().expect("a list");
        let one = |one: &serde_json::Value| {
            ["key", "asked", "given"].map(|name| one[name].as_str().expect("text").to_owned()).join(" ")
        };
        capped.iter().map(one).collect::<Vec<_>>()
    };
    assert_eq!(capped("acme/a"), ["limits.memory 1GiB 64MiB", "limits.in_flight 1000 100"]);
    assert_eq!(capped("umbra/a"), ["limits.memory 1GiB 64MiB", "limits.in_flight 1000 64"]);
    assert!(capped("a").is_empty(), "the operator's own has no ceilings");
    let table = run(wasgi().args(["status", "--state"]).arg(host.site.state())).out;
    assert!(table.lines().any(|line| line == "  limits.memory is 64MiB, not 1GiB"), "{table}");
    // It is in force: the guest takes all that it gets.
    assert_eq!(host.server.status_of("/acme/a?tag=hogs"), 500);
    let line = host.server.log.with("tag=hogs");
    let memory = line.split_once(" memory=").and_then(|(_, rest)| rest.split(' ').next()?.parse::<u64>().ok());
    assert!(line.contains(" memory app=acme/a") && memory <= Some(64 << 20), "{line}");
}

#[test]
fn the_configuration_grants_routes() {
    let config = "[tenants.acme]\nroutes = [\"acme.example.com\", \"*.acme.example.com\", \"/public\"]\n";
    let routes = "routes = [\"acme.example.com\", \"blog.acme.example.com/x\", \"/public/acme\", \"/acme\"]\n";
    let host = hosted(config, &[("acme/a", "chunks", routes)]);
    for (name, path) in [("acme.example.com", "/y"), ("blog.acme.example.com", "/x/y"), ("localhost", "/public/acme")] {
        let response = host.server.connect().get_of(name, path).expect("a response");
        assert_eq!(response.status(), 200, "{name}{path}");
    }
    for foreign in ["example.com", "evil.example.com", "/", "/umbra"] {
        let line = host.server.line("refused acme/b: ", || {
            host.site.put("acme/b.toml", format!("routes = [{foreign:?}]\n"));
            host.site.put("acme/b.wasm", version("b"));
        });
        assert!(line.contains("not acme's") && line.contains("acme.example.com"), "{line}");
        host.server.line("removed acme/b", || host.site.remove("acme/b.wasm"));
    }
    let line = host.server.line("refused umbra/a: ", || {
        host.site.put("umbra/a.toml", "routes = [\"/public/umbra\"]\n");
        host.site.put("umbra/a.wasm", version("a"));
    });
    assert!(line.contains("not umbra's"), "{line}");
}

#[test]
fn a_tenant_has_no_more_applications_than_it_may() {
    let config = "[tenants.acme]\napplications = 2\n";
    let host = hosted(config, &[("acme/a", "chunks", ""), ("acme/b", "chunks", "")]);
    let line = host.server.line("refused acme/c: ", || host.site.put("acme/c.wasm", version("c")));
    assert!(line.contains("has 2 applications already"), "{line}");
    assert_eq!(host.tenant("acme")["applications"], 2);
    // Those that it has may change; another tenant has places of its own.
    host.server.line("deployed acme/a (", || host.site.put("acme/a.wasm", version("a")));
    host.server.line("deployed umbra/c (", || host.site.put("umbra/c.wasm", version("c")));
    // A place that becomes free goes to who waits for it: by a removal, and by a first version that is no good.
    host.server.line("deployed acme/c (", || host.site.remove("acme/b.wasm"));
    assert_eq!(host.server.text("/acme/c"), "c");
    host.server.line("removed acme/c", || host.site.remove("acme/c.wasm"));
    host.server.line("refused acme/bad: ", || host.site.put("acme/bad.wasm", "bad"));
    host.server.line("deployed acme/d (", || host.site.put("acme/d.wasm", version("d")));
}

#[test]
fn a_component_is_no_larger_than_it_may_be() {
    let config = "[tenants.acme]\ncomponent = \"100B\"\n";
    let host = hosted(config, &[("umbra/a", "chunks", "")]);
    let line = host.server.line("refused acme/a: ", || deploy(&host.site, &("acme/a", "chunks", "")));
    assert!(line.contains("a.wasm has ") && line.contains("more than 100"), "{line}");
}
