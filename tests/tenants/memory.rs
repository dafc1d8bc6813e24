//! Memory of all instances that are alive and of their code, of one tenant and of all.

use std::fs;

use crate::support::version::with_section;
use crate::support::{guests, wait_for};
use crate::{Hosted, deploy, finish, hosted, refused};

/// What one instance of the guest `lockstep` has, and what its code takes, in bytes.
fn one_instance() -> (u64, u64) {
    let host = hosted("", &[("acme/a", "lockstep", "")]);
    let running = host.begin("/acme/a");
    let tenant = host.tenant("acme");
    let [memory, code] = ["memory", "code"].map(|key| tenant[key].as_u64().expect("a number"));
    finish(running);
    wait_for("its memory is given back", || (host.tenant("acme")["memory"] == 0).then_some(()));
    (memory, code)
}

/// A server of the guest `lockstep`, in components that differ.
#[track_caller]
fn different<const N: usize>(config: &str, apps: [&str; N]) -> Hosted {
    let host = hosted(config, &[]);
    put_different(&host, &apps);
    host
}

#[track_caller]
fn put_different(host: &Hosted, apps: &[&str]) {
    let lockstep = fs::read(guests::component("lockstep")).expect("a component");
    for app in apps {
        host.site.put(&format!("{app}.wasm"), with_section(&lockstep, "name", app.as_bytes()));
        host.server.out.find(0, app, |line| line.starts_with(&format!("deployed {app} (")));
    }
}

#[test]
fn the_instances_of_a_tenant_share_its_memory() {
    let (one, code) = one_instance();
    assert!((128 << 10..4 << 20).contains(&one), "{one}");
    let config = format!("[tenants.acme]\nmemory = {}\n", one * 3 + one / 2 + code);
    let host = hosted(&config, &[("acme/a", "lockstep", ""), ("acme/b", "lockstep", ""), ("umbra/a", "lockstep", "")]);
    let running = [host.begin("/acme/a"), host.begin("/acme/b"), host.begin("/acme/a")];
    for target in ["/acme/a", "/acme/b"] {
        refused(&host.server.get(target));
    }
    let line = host.server.log.with("reason=\"the tenant's memory\"");
    assert!(line.contains(" 503 unavailable "), "{line}");
    let neighbours: Vec<_> = (0..10).map(|_| host.begin("/umbra/a")).collect();
    assert_eq!(host.tenant("acme")["memory"], one * 3);
    assert_eq!(host.tenant("umbra")["memory"], one * 10);
    neighbours.into_iter().for_each(finish);
    running.into_iter().for_each(finish);
    wait_for("all is given back", || (host.tenant("acme")["memory"] == 0).then_some(()));
    finish(host.begin("/acme/b"));
}

#[test]
fn an_instance_that_grows_beyond_its_tenants_memory_is_503_and_its_neighbour_grows_on() {
    let grow = |mebibytes| format!("?grow={mebibytes}");
    let config = "[tenants.acme]\nmemory = \"32MiB\"\n";
    let host = hosted(config, &[("acme/a", "counts", ""), ("umbra/a", "counts", "")]);
    assert_eq!(host.server.text(&format!("/acme/a{}", grow(8))), "1");
    refused(&host.server.get(&format!("/acme/a{}", grow(40))));
    assert_eq!(host.server.text(&format!("/umbra/a{}", grow(40))), "1");
    // Beyond its own limit it is what it was: the application's error.
    assert_eq!(host.server.status_of(&format!("/umbra/a{}", grow(200))), 500);
    wait_for("all is given back", || (host.tenant("acme")["memory"] == 0).then_some(()));
}

#[test]
fn the_code_of_a_tenant_is_its_memory_and_is_dropped_where_nobody_asks_for_it() {
    let (one, code) = one_instance();
    assert!((64 << 10..1 << 20).contains(&code), "{code}");
    let config = format!("[tenants.acme]\nmemory = {}\n", (one + code) * 2 + code / 2);
    let host = different(&config, ["acme/a", "acme/b", "acme/c"]);
    let loads = || host.status()["code"]["loaded"].as_u64().expect("a number");
    let (a, b) = (host.begin("/acme/a"), host.begin("/acme/b"));
    refused(&host.server.get("/acme/c"));
    let line = host.server.log.with("reason=\"the tenant's memory\"");
    assert!(line.contains(" 503 unavailable "), "{line}");
    assert_eq!(host.tenant("acme")["code"], code * 2);
    finish(a);
    wait_for("c has the room of a", || (host.server.get("/acme/c").status() == 200).then_some(()));
    assert_eq!(host.tenant("acme")["code"], code * 2);
    let before = loads();
    finish(host.begin("/acme/b"));
    assert_eq!(loads(), before, "what serves is never dropped");
    finish(b);
    wait_for("a has room again", || (host.server.get("/acme/a").status() == 200).then_some(()));
    assert_eq!(loads(), before + 1);
}

#[test]
fn code_that_is_asked_for_all_the_time_makes_room_for_an_instance_too() {
    let (one, code) = one_instance();
    // All code fits, or some of it and an instance.
    let config = format!("[tenants.acme]\nmemory = {}\n", one + code * 2 + code / 2);
    let apps = ["/acme/a", "/acme/b", "/acme/c"];
    let host = different(&config, apps.map(|app| &app[1..]));
    for last in apps {
        wait_for(last, || {
            apps.iter().filter(|app| host.server.get(app).status() == 200).any(|app| *app == last).then_some(())
        });
    }
}

#[test]
fn code_that_two_applications_have_makes_room_as_well() {
    let (one, code) = one_instance();
    let config = format!("[tenants.acme]\nmemory = {}\n", one + code + code / 2);
    let host = hosted(&config, &[("acme/a", "lockstep", ""), ("acme/b", "lockstep", "")]);
    put_different(&host, &["acme/c"]);
    for app in ["/acme/a", "/acme/b", "/acme/c", "/acme/b"] {
        wait_for(app, || (host.server.get(app).status() == 200).then_some(()));
        assert_eq!(host.tenant("acme")["code"], code, "{app}");
    }
}

#[test]
fn versions_and_applications_of_a_tenant_share_the_code_of_a_component() {
    let (one, code) = one_instance();
    let config = format!("[tenants.acme]\nmemory = {}\n", one * 3 + code + code / 2);
    let host = hosted(&config, &[("acme/a", "lockstep", ""), ("acme/b", "lockstep", "")]);
    let a = host.begin("/acme/a");
    finish(host.begin("/acme/b"));
    host.reload(&config);
    finish(host.begin("/acme/a"));
    let before = host.server.out.count();
    host.site.put("acme/a.toml", "[env]\nA = \"1\"\n");
    host.server.out.after(before, "deployed acme/a (");
    finish(host.begin("/acme/a"));
    assert_eq!(host.tenant("acme")["code"], code);
    finish(a);
}

#[test]
fn code_that_its_tenant_can_never_have_is_refused() {
    let host = hosted("[tenants.acme]\nmemory = \"64KiB\"\n", &[]);
    deploy(&host.site, &("acme/a", "lockstep", ""));
    let line = host.server.out.find(0, "acme/a", |line| line.starts_with("refused acme/a: "));
    let (room, whose) =
        ("there is no room for its ", "of machine code: the tenant's instances and code have all the memory");
    assert!(line.contains(room) && line.contains(whose), "{line}");
    assert_eq!(host.server.status_of("/acme/a"), 404);
}

#[test]
fn instances_that_only_wait_make_room() {
    let config = "[tenants.acme]\nmemory = \"32MiB\"\n";
    let reuse = "[instances]\nreuse = true\n";
    let host = hosted(config, &[("acme/a", "counts", reuse), ("acme/b", "counts", ""), ("umbra/a", "counts", reuse)]);
    assert_eq!(host.server.text("/umbra/a?grow=20"), "1");
    for round in 0..3 {
        assert_eq!(host.server.text("/acme/a?grow=20"), "1", "round {round}");
        // It is kept for the next request, and given up where another application needs the memory.
        let done = || (host.tenant("acme")["in_flight"] == 0).then_some(());
        wait_for("it waits", done);
        assert!(host.tenant("acme")["memory"].as_u64() > Some(20 << 20));
        assert_eq!(host.server.text("/acme/b?grow=20"), "1", "round {round}");
        wait_for("it is gone", done);
    }
    assert_eq!(host.server.text("/umbra/a"), "2", "the neighbour's instance was none of theirs");
}

#[test]
fn all_tenants_share_what_the_host_may_use() {
    let (one, code) = one_instance();
    let config = format!("memory = {}\n", one * 4 + one / 2 + code * 3);
    let host = hosted(&config, &[("a", "lockstep", ""), ("acme/a", "lockstep", ""), ("umbra/a", "lockstep", "")]);
    let running = ["/a", "/acme/a", "/acme/a", "/umbra/a"].map(|target| host.begin(target));
    for target in ["/a", "/acme/a", "/umbra/a"] {
        refused(&host.server.get(target));
    }
    host.server.log.with("reason=\"the host's memory\"");
    running.into_iter().for_each(finish);
    wait_for("all is given back", || (host.tenant("acme")["memory"] == 0).then_some(()));
    for target in ["/a", "/acme/a", "/umbra/a"] {
        finish(host.begin(target));
    }
}
