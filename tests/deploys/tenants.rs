//! A sub-directory is a tenant's: what lies there is its own, under its own name.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::Value;

use crate::support::site::{Site, run, wasgi};
use crate::support::version::version;
use crate::support::wait_for;

fn status(site: &Site) -> Value {
    let ended = run(wasgi().args(["status", "--json", "--state"]).arg(site.state()));
    assert_eq!(ended.code, Some(0), "{ended:?}");
    serde_json::from_str(&ended.out).expect("JSON")
}

#[test]
fn a_sub_directory_is_a_tenant_with_the_paths_under_its_name() {
    let site = Site::new();
    site.put("shop.wasm", version("ours"));
    for name in ["index", "shop"] {
        site.put(&format!("acme/{name}.wasm"), version(&format!("acme {name}")));
    }
    let server = site.serve();
    server.up("/shop", "ours");
    server.up("/acme/shop", "acme shop");
    server.up("/acme", "acme index");
    server.answers("/acme/shop/below", "acme shop");
    server.answers("/acme/shopping", "acme index");
    // One of the same name in another folder is another one, and comes and goes alone.
    site.put("umbra/shop.wasm", version("umbra shop"));
    server.answers("/umbra/shop", "umbra shop");
    assert_eq!(server.status_of("/umbra"), 404);
    server.line("deployed acme/shop (", || site.put("acme/shop.wasm", version("acme next")));
    assert_eq!((server.text("/acme/shop"), server.text("/umbra/shop")), ("acme next".into(), "umbra shop".into()));
    server.line("removed umbra/shop", || site.remove("umbra/shop.wasm"));
    assert_eq!((server.status_of("/umbra/shop"), server.text("/shop")), (404, "ours".into()));
}

#[test]
fn a_route_that_is_not_the_tenants_refuses_the_version() {
    let site = Site::new();
    site.put("acme/shop.wasm", version("shop"));
    let server = site.serve();
    server.up("/acme/shop", "shop");
    for foreign in ["/", "/shop", "/acmes", "/umbra/shop", "shop.example.com", "*.example.com", "acme/shop"] {
        let line = server.line("refused acme/shop: ", || {
            site.put("acme/shop.toml", format!("routes = [\"/acme/ours\", {foreign:?}]\n"));
        });
        assert!(line.contains("not acme's") && line.contains("/acme") && line.ends_with(" stays)"), "{line}");
        assert_eq!((server.text("/acme/shop"), server.status_of("/acme/ours")), ("shop".into(), 404));
    }
    server.line("deployed acme/shop (", || site.put("acme/shop.toml", "routes = [\"/acme/ours\", \"/acme\"]\n"));
    server.answers("/acme/ours", "shop");
    server.answers("/acme", "shop");
    // A name with a dot is a host, which nobody granted either.
    let line = server.line("refused acme/a.example.com: ", || site.put("acme/a.example.com.wasm", version("host")));
    assert!(line.contains("the route a.example.com is not acme's"), "{line}");
}

#[test]
fn nothing_of_another_tenant_is_told() {
    let site = Site::new();
    site.put("secret-name.toml", "routes = [\"/acme/shop\"]\n");
    site.put("secret-name.wasm", version("ours"));
    let server = site.serve();
    server.up("/acme/shop", "ours");
    let line = server.line("refused acme/shop: ", || site.put("acme/shop.wasm", version("shop")));
    assert_eq!(line, "refused acme/shop: the route /acme/shop is taken by another tenant");
    let log = |app: &str| {
        let ended = run(wasgi().args(["logs", app, "--state"]).arg(site.state()));
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.out
    };
    let log = wait_for("the log's line", || Some(log("acme/shop")).filter(|log| log.contains("refused")));
    assert!(!log.contains("secret-name"), "{log}");
    server.line("deployed acme/shop (", || site.remove("secret-name.wasm"));
}

#[test]
fn what_is_no_tenants_folder_is_reported() {
    let site = Site::new();
    site.put("default/a.wasm", version("a"));
    site.put("a b/a.wasm", version("a"));
    site.put("acme/deep/a.wasm", version("a"));
    site.put("acme/notes.txt", "");
    site.put("acme/good.wasm", version("good"));
    fs::create_dir(site.folder().join("elsewhere")).expect("a folder");
    symlink(site.folder().join("elsewhere"), site.file("link")).expect("a link");
    fs::write(site.folder().join("elsewhere/a.wasm"), version("a")).expect("a file");
    let server = site.serve();
    server.up("/acme/good", "good");
    for (path, reason) in [
        ("default", "can't have this name"),
        ("a b", "can't be in a name"),
        ("acme/deep", "no sub-directories"),
        ("acme/notes.txt", "only NAME.wasm"),
        ("link", "symbolic link"),
    ] {
        let line = server.out.after(0, &format!("ignored {path}: "));
        assert!(line.contains(reason), "{line}");
        let ignored = status(&site)["ignored"].as_array().expect("a list").clone();
        assert!(ignored.iter().any(|one| one["name"] == path), "{path}: {ignored:#?}");
    }
    assert_eq!(status(&site)["applications"].as_array().map(Vec::len), Some(1));
    for target in ["/default/a", "/acme/deep/a", "/link/a"] {
        assert_eq!(server.status_of(target), 404, "{target}");
    }
}

#[test]
fn a_folder_can_come_leave_and_be_another() {
    let site = Site::new();
    let server = site.serve();
    site.put("acme/shop.wasm", version("one"));
    server.answers("/acme/shop", "one");
    // Changes in it are told by the kernel, as those in the directory are.
    server.line("deployed acme/shop (", || site.put("acme/shop.wasm", version("two")));
    fs::rename(site.file("acme"), site.file("umbra")).expect("a rename");
    server.answers("/umbra/shop", "two");
    wait_for("the end of what left", || (server.status_of("/acme/shop") == 404).then_some(()));
    fs::create_dir(site.folder().join("new")).expect("a folder");
    fs::write(site.folder().join("new/shop.wasm"), version("three")).expect("a file");
    fs::rename(site.file("umbra"), site.folder().join("away")).expect("a rename");
    fs::rename(site.folder().join("new"), site.file("umbra")).expect("a rename");
    server.answers("/umbra/shop", "three");
    server.line("deployed umbra/shop (", || site.put("umbra/shop.wasm", version("four")));
    fs::remove_dir_all(site.file("umbra")).expect("a folder to remove");
    wait_for("the end of what is gone", || (server.status_of("/umbra/shop") == 404).then_some(()));
}

#[test]
fn a_folder_that_is_too_full_or_unreadable_goes_on_as_it_is_and_disturbs_nobody() {
    let site = Site::new();
    site.put("acme/shop.wasm", version("shop"));
    site.put("umbra/shop.wasm", version("umbra"));
    let server = site.serve();
    server.up("/acme/shop", "shop");
    server.up("/umbra/shop", "umbra");
    for number in 0..1_100 {
        fs::write(site.file(&format!("acme/{number}.txt")), "").expect("a file");
    }
    let line = server.out.find(0, "what is too full", |line| line.starts_with("ignored acme: "));
    assert!(line.contains("more than 1000 names"), "{line}");
    server.line("deployed umbra/shop (", || site.put("umbra/shop.wasm", version("next")));
    assert_eq!((server.text("/acme/shop"), server.text("/umbra/shop")), ("shop".into(), "next".into()));
    // Not even a removal is believed before all of it can be seen.
    for number in 0..1_100 {
        site.remove(&format!("acme/{number}.txt"));
    }
    server.line("removed acme/shop", || site.remove("acme/shop.wasm"));
    let mode = |mode| fs::set_permissions(site.file("umbra"), fs::Permissions::from_mode(mode)).expect("a mode");
    mode(0o000);
    if fs::read_dir(site.file("umbra")).is_err() {
        // The superuser reads everything.
        server.out.find(0, "what is unreadable", |line| line.starts_with("ignored umbra: "));
    }
    assert_eq!(server.text("/umbra/shop"), "next");
    mode(0o755);
}

#[test]
fn a_restart_knows_what_is_whose() {
    let site = Site::new();
    site.put("shop.wasm", version("ours"));
    site.put("acme/shop.wasm", version("theirs"));
    site.put("acme/gone.wasm", version("gone"));
    let server = site.serve();
    server.up("/shop", "ours");
    server.up("/acme/shop", "theirs");
    server.up("/acme/gone", "gone");
    server.text("/acme/shop?log=by-tenant-and-name");
    let file = site.state_folder().join("log/acme/shop.log");
    wait_for("the log's file", || fs::read_to_string(&file).ok()?.contains("by-tenant-and-name").then_some(()));
    server.stop();
    site.remove("acme/gone.wasm");
    let server = site.serve();
    server.out.after(0, "serving acme/shop (");
    server.out.after(0, "serving shop (");
    server.out.after(0, "removed acme/gone");
    assert_eq!((server.text("/shop"), server.text("/acme/shop")), ("ours".into(), "theirs".into()));
    let table = run(wasgi().args(["status", "--state"]).arg(site.state())).out;
    assert!(table.lines().any(|line| line.starts_with("acme/shop ")), "{table}");
    assert!(table.lines().any(|line| line.starts_with("shop ")), "{table}");
    let apps = status(&site)["applications"].as_array().expect("a list").clone();
    assert!(apps.iter().any(|app| app["tenant"] == "acme" && app["application"] == "shop"), "{apps:#?}");
    server.stop();
    // The whole folder left while nobody served.
    fs::remove_dir_all(site.file("acme")).expect("a folder to remove");
    let server = site.serve();
    server.out.after(0, "removed acme/shop");
    assert_eq!((server.text("/shop"), server.status_of("/acme/shop")), ("ours".into(), 404));
}
