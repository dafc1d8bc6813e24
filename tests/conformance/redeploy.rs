//! A new version while requests run.

use crate::support::host::Host;
use crate::support::{guests, unique, wait_for};

#[test]
fn running_requests_finish_on_the_version_they_began_with() {
    let host = Host::shared();
    let app = host.deploy_as("lockstep", "redeployed", "");
    let (tag, mut running) = (unique(), app.connect());
    running.send(app.request("POST", &format!("/old-{tag}")).header("Content-Length", "4").bytes());
    running.send("1\n");
    running.head();
    assert_eq!(running.chunk().unwrap(), b"1\n");

    host.place("redeployed.wasm", &std::fs::read(guests::component("ignores")).unwrap());
    let mut asked = 0;
    wait_for("the new version", || {
        asked += 1;
        let response = app.get("/new").expect(200); // none is refused meanwhile
        (response.text() == "/new").then_some(())
    });
    running.send("2\n");
    assert_eq!(running.chunk().unwrap(), b"2\n");
    assert_eq!(running.chunk().unwrap(), b"");
    // Its connection gets the new version from the next request on.
    let response = running.send(app.request("GET", &format!("/next-{tag}")).bytes()).response().expect(200);
    assert_eq!(response.text(), format!("/next-{tag}"));
    let old = app.wait_access(&format!("/old-{tag}"));
    assert_eq!(old.outcome(), "ok");
    assert_ne!(old.get("version"), app.wait_access(&format!("/next-{tag}")).get("version"));
}

#[test]
fn a_manifest_is_a_version_too() {
    let host = Host::shared();
    let app = host.deploy_as("surroundings", "reconfigured", "[env]\nVERSION = \"1\"");
    assert_eq!(app.get("/").expect(200).text(), "VERSION=1\n");
    let manifest = format!("routes = [{:?}]\n[env]\nVERSION = \"2\"", app.authority());
    host.place("reconfigured.toml", manifest.as_bytes());
    wait_for("the new version", || (app.get("/").expect(200).text() == "VERSION=2\n").then_some(()));
}

#[test]
fn a_refused_version_leaves_the_one_before_serving() {
    let host = Host::options().start();
    let app = host.deploy("ignores");
    host.place("ignores.wasm", b"not a component");
    wait_for("the refusal", || host.said().into_iter().find(|line| line.starts_with("refused ignores")));
    assert_eq!(app.get("/still").expect(200).text(), "/still");
}
