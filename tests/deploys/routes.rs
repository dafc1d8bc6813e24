//! Which application has which route, and what becomes of two that want the same one.

use std::fs::{File, FileTimes};
use std::time::{Duration, SystemTime};

use crate::support::site::{Server, Site};
use crate::support::version::version;

fn of_host(server: &Server, host: &str, path: &str) -> (u16, String) {
    let response = server.connect().get_of(host, path).expect("a response");
    (response.status(), response.text().trim_end().to_owned())
}

#[test]
fn the_name_is_the_route_where_no_manifest_says_otherwise() {
    let site = Site::new();
    for name in ["index", "hello", "shop.example.com"] {
        site.put(&format!("{name}.wasm"), version(name));
    }
    let server = site.serve();
    server.up("/hello", "hello");
    server.answers("/hello/below?query", "hello");
    server.answers("/", "index");
    server.answers("/helloween", "index");
    server.out.after(0, "deployed shop.example.com (");
    assert_eq!(of_host(&server, "shop.example.com", "/"), (200, "shop.example.com".into()));
    assert_eq!(of_host(&server, "SHOP.example.com:8080", "/hello"), (200, "shop.example.com".into()));
    assert_eq!(of_host(&server, "other.example.com", "/x"), (200, "index".into()));
}

#[test]
fn a_host_that_is_claimed_belongs_to_its_claimants() {
    let site = Site::new();
    for name in ["index", "api", "pages", "wild", "alone"] {
        site.put(&format!("{name}.wasm"), version(name));
    }
    site.put("api.toml", "routes = [\"shop.example.com/api\"]\n");
    site.put("pages.toml", "routes = [\"shop.example.com/pages\", \"shop.example.com/api/pages\"]\n");
    site.put("alone.toml", "routes = [\"alone.example.org/here\"]\n");
    site.put("wild.toml", "routes = [\"*.example.com\"]\n");
    let server = site.serve();
    for name in ["index", "api", "pages", "wild", "alone"] {
        server.out.after(0, &format!("deployed {name} ("));
    }
    for (host, path, expected) in [
        ("shop.example.com", "/api/x", Some("api")),
        ("shop.example.com", "/api/pages/x", Some("pages")),
        ("shop.example.com", "/pages", Some("pages")),
        ("shop.example.com", "/pagesx", Some("wild")),
        ("alone.example.org", "/here", Some("alone")),
        ("alone.example.org", "/", None),
        ("alone.example.org", "/hereafter", None),
        ("blog.example.com", "/api", Some("wild")),
        ("a.b.example.com", "/", Some("wild")),
        ("example.com", "/", Some("index")),
        ("127.0.0.1", "/api", Some("index")),
    ] {
        let (status, text) = of_host(&server, host, path);
        match expected {
            Some(name) => assert_eq!((status, text.as_str()), (200, name), "{host}{path}"),
            None => assert_eq!(status, 404, "{host}{path}: {text}"),
        }
    }
}

#[test]
fn a_version_with_a_taken_route_is_refused_whole_until_the_holder_leaves() {
    let site = Site::new();
    site.put("holder.wasm", version("holder"));
    site.put("holder.toml", "routes = [\"/wanted\", \"/more\"]\n");
    let server = site.serve();
    server.up("/wanted", "holder");
    site.put("second.toml", "routes = [\"/free\", \"/wanted\"]\n");
    let line = server.line("refused second: ", || site.put("second.wasm", version("second")));
    assert_eq!(line, "refused second: the route /wanted is taken by holder");
    assert_eq!(server.status_of("/free"), 404);
    assert_eq!(server.text("/wanted"), "holder");
    server.line("deployed second (", || site.remove("holder.wasm"));
    server.answers("/wanted", "second");
    assert_eq!(server.text("/free"), "second");
    assert_eq!(server.status_of("/more"), 404);
    let line = server.line("refused holder: ", || site.put("holder.wasm", version("holder")));
    assert_eq!(line, "refused holder: the route /wanted is taken by second");
    // Giving the route up by a manifest frees it as well.
    server.line("deployed holder (", || site.put("second.toml", "routes = [\"/free\"]\n"));
    server.answers("/wanted", "holder");
    assert_eq!(server.text("/free"), "second");
}

#[test]
fn a_route_that_is_taken_leaves_the_old_version_serving() {
    let site = Site::new();
    for name in ["one", "two"] {
        site.put(&format!("{name}.wasm"), version(name));
    }
    let server = site.serve();
    server.up("/one", "one");
    server.up("/two", "two");
    let line = server.line("refused two: ", || site.put("two.toml", "routes = [\"/one\"]\n"));
    assert!(line.contains("the route /one is taken by one") && line.ends_with(" stays)"), "{line}");
    assert_eq!(server.text("/two"), "two");
    let by_name = server.line("deployed two (", || {
        site.remove("one.wasm");
    });
    assert!(by_name.contains(" at /one in "), "{by_name}");
    server.answers("/one", "two");
    assert_eq!(server.status_of("/two"), 404);
}

#[test]
fn at_first_sight_the_older_file_wins() {
    let site = Site::new();
    for (name, hours) in [("a", 1), ("b", 3), ("c", 2)] {
        let file = format!("{name}.wasm");
        site.put(&file, version(name));
        site.put(&format!("{name}.toml"), "routes = [\"/it\"]\n");
        let then = SystemTime::now() - Duration::from_secs(hours * 3600);
        let file = File::options().write(true).open(site.file(&file)).expect("a file");
        file.set_times(FileTimes::new().set_modified(then)).expect("a time");
    }
    let server = site.serve();
    server.up("/it", "b");
    server.out.after(0, "refused a: the route /it is taken by b");
    server.out.after(0, "refused c: the route /it is taken by b");
    server.stop();
    // Now it holds the route, whatever is older.
    let file = File::options().write(true).open(site.file("a.wasm")).expect("a file");
    let then = SystemTime::now() - Duration::from_secs(9 * 3600);
    file.set_times(FileTimes::new().set_modified(then)).expect("a time");
    drop(file);
    let server = site.serve();
    server.out.after(0, "refused a: the route /it is taken by b");
    assert_eq!(server.text("/it"), "b");
    server.line("deployed a (", || site.remove("b.wasm"));
    server.answers("/it", "a");
}
