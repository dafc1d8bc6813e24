//! Every example in Rust builds, is deployed and does what it says; the demo serves all there are.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use wasgi::build::{Options, Progress, Toolchain};

use crate::support::lines::Lines;
use crate::support::link::Link;
use crate::support::site::{Server, Site, wasgi};
use crate::support::{PATIENCE, guests, python, wait_for, wait_within};

/// The example, built as `wasgi build` does it, with what all of them need compiled once.
fn built(name: &str) -> PathBuf {
    static TOOLCHAIN: OnceLock<Toolchain> = OnceLock::new();
    let project = guests::root().join("examples").join(name);
    let toolchain = TOOLCHAIN.get_or_init(|| Toolchain::find(&project, Progress::Quiet).unwrap());
    let options = Options { target_dir: Some(guests::target_dir().join("guests")), ..Options::default() };
    toolchain.build(&project, &options).unwrap().path
}

fn serving(name: &str) -> (Site, Server) {
    let site = Site::new();
    let manifest = guests::root().join("examples").join(name).join(format!("{name}.toml"));
    if manifest.exists() {
        site.put(&format!("{name}.toml"), fs::read(manifest).unwrap());
    }
    site.put(&format!("{name}.wasm"), fs::read(built(name)).unwrap());
    let server = site.serve();
    server.out.after(0, &format!("deployed {name} ("));
    (site, server)
}

fn log(site: &Site, name: &str) -> String {
    fs::read_to_string(site.state_folder().join(format!("log/default/{name}.log"))).unwrap_or_default()
}

/// The folders of `examples/` that can be built here.
fn all() -> BTreeSet<String> {
    let folders = fs::read_dir(guests::root().join("examples")).unwrap().map(|entry| entry.unwrap());
    let built = |entry: &fs::DirEntry| python::available() || entry.path().join("Cargo.toml").is_file();
    folders
        .filter(|entry| entry.path().is_dir())
        .filter(built)
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect()
}

#[test]
fn hello() {
    let (_site, server) = serving("hello");
    let response = server.get("/hello");
    assert_eq!((response.status(), response.text()), (200, "Hello, World!\n"));
    assert_eq!(response.head.get("content-length"), Some("14"));
}

#[test]
fn environ() {
    let (_site, server) = serving("environ");
    let mut client = server.connect();
    client
        .send(
            b"GET /environ/%3Cscript%3E?a=%3Cb%3E&c=%22d%22 HTTP/1.1\r\nHost: localhost\r\nX-Test: <b>\"&amp;\r\n\r\n",
        )
        .unwrap();
    let response = client.response().unwrap();
    assert_eq!(response.head.get("content-type"), Some("text/html; charset=utf-8"));
    let page = response.text();
    assert!(!page.contains("<script>") && !page.contains("<b>"), "{page}");
    for row in [
        "<tr><th>PATH_INFO<td>/&lt;script&gt;\n",
        "<tr><th>HTTP_X_TEST<td>&lt;b&gt;&quot;&amp;amp;\n",
        "<tr><th>SCRIPT_NAME<td>/environ\n",
        "<tr><th>REQUEST_METHOD<td>GET\n",
    ] {
        assert!(page.contains(row), "{row} is not in {page}");
    }
}

#[test]
fn stream() {
    let (_site, server) = serving("stream");
    let mut client = server.connect();
    client.send(b"GET /stream?n=4&ms=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let head = client.head().unwrap();
    assert_eq!(head.get("content-type"), Some("text/event-stream"));
    let mut arrived = Vec::new();
    while let Some(piece) = client.piece().unwrap() {
        arrived.push((Instant::now(), String::from_utf8(piece).unwrap()));
    }
    let texts: Vec<_> = arrived.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(texts[..2], ["id: 1\ndata: event 1 of 4\n\n", "id: 2\ndata: event 2 of 4\n\n"]);
    assert!(texts.concat().ends_with("event: end\ndata: that was all\n\n"));
    // The guest waits a second before each: what came later by that much was not held back until the end.
    let (first, fourth) = (arrived[0].0, arrived[3].0);
    assert!(fourth - first >= Duration::from_millis(500), "{:?}", fourth - first);
    let page = {
        let mut client = server.connect();
        client.send(b"GET /stream HTTP/1.1\r\nHost: localhost\r\nAccept: text/html\r\n\r\n").unwrap();
        client.response().unwrap()
    };
    assert!(page.text().contains("EventSource"));
}

#[test]
fn upload() {
    let (_site, server) = serving("upload");
    let mut client = server.connect();
    let answer = client.post("/upload", b"abc").unwrap();
    assert_eq!(answer.text(), "3 bytes\nsha256 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n");
    // FIPS 180-2, appendix B.3: a million times the letter a.
    let answer = client.post("/upload", &vec![b'a'; 1_000_000]).unwrap();
    let digest = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
    assert_eq!(answer.text(), format!("1000000 bytes\nsha256 {digest}\n"));
    assert!(client.get("/upload").unwrap().text().contains("<input type=\"file\">"));
    client.send(b"DELETE /upload HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let answer = client.response().unwrap();
    assert_eq!((answer.status(), answer.head.get("allow")), (405, Some("GET, HEAD, POST, PUT")));
}

#[test]
fn posthooks() {
    let (site, server) = serving("posthooks");
    assert_eq!(server.get("/posthooks?mb=1").body.len(), 1 << 20);
    let line = wait_for("the hook's line", || {
        log(&site, "posthooks").lines().find(|line| line.contains("complete")).map(str::to_owned)
    });
    assert!(line.contains("sent 1048576 bytes in "), "{line}");
    wait_for("the failed hook's line", || log(&site, "posthooks").contains("one hook fails").then_some(()));
    // Somebody who leaves early.
    let mut client = Link::to(server.address).unwrap();
    client.send(b"GET /posthooks?mb=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    client.head().unwrap();
    let mut read = 0;
    while read < 2 << 20 {
        read += client.piece().unwrap().unwrap().len();
    }
    drop(client);
    let line = wait_for("the line of who left", || {
        log(&site, "posthooks").lines().find(|line| line.contains(", cut")).map(str::to_owned)
    });
    let sent = line.split("sent ").nth(1).and_then(|rest| rest.split(' ').next()?.parse::<usize>().ok()).unwrap();
    assert!(sent >= read && sent < 1 << 29, "{line}");
    assert_eq!(log(&site, "posthooks").matches("the body is closed").count(), 2);
}

#[test]
fn write() {
    let (_site, server) = serving("write");
    let response = server.get("/write");
    assert_eq!(response.text(), "written first\nwritten second\nyielded third\nyielded fourth\n");
    assert!(response.chunks.len() >= 4, "{:?}", response.chunks);
}

#[test]
fn middleware() {
    let (_site, server) = serving("middleware");
    let response = server.get("/middleware/x");
    assert_eq!((response.status(), response.text()), (200, "HELLO FROM /X\n"));
    assert_eq!(response.head.get("x-powered-by"), None);
    assert_eq!(response.head.get("x-content-type-options"), Some("nosniff"));
    assert_eq!(response.head.get("x-request-id").map(str::len), Some(16));
}

#[test]
fn errors() {
    let (site, server) = serving("errors");
    let before = server.get("/errors/before");
    assert_eq!((before.status(), before.text()), (503, "Sorry, the price is not known right now.\n"));
    let mut client = server.connect();
    client.send(b"GET /errors/after HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert_eq!(client.head().unwrap().status, 200);
    assert!(client.piece().unwrap().is_some());
    client.piece().expect_err("a response that is cut");
    for path in ["raised", "in-the-body", "twice"] {
        let page = server.get(&format!("/errors/{path}")).expect_page(500);
        assert!(!page.text().contains("price"), "{}", page.text());
    }
    assert_eq!(server.get("/errors").status(), 200);
    wait_for("the error in the log", || log(&site, "errors").contains("no such price").then_some(()));
}

#[test]
fn http_adapter() {
    let (_site, server) = serving("http-adapter");
    assert_eq!(server.text("/http-adapter"), "Send something to /http-adapter/echo.");
    let mut client = server.connect();
    client
        .send(
            b"POST /http-adapter/echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: a/b\r\nContent-Length: 6\r\n\r\nabc",
        )
        .unwrap();
    let head = client.head().unwrap();
    assert_eq!((head.status, head.get("content-type")), (200, Some("a/b")));
    assert_eq!(client.piece().unwrap().unwrap(), b"abc", "each piece comes back as it arrives");
    client.send(b"def").unwrap();
    assert_eq!(client.piece().unwrap().unwrap(), b"def");
    assert_eq!(client.piece().unwrap(), None);
    assert_eq!(server.status_of("/http-adapter/nowhere"), 404);
}

/// In a folder that has nothing but the examples, and what was compiled of them already.
#[test]
fn the_demo_serves_every_example() {
    let site = Site::new();
    let here = site.folder().join("clone");
    fs::create_dir_all(here.join("target/demo")).unwrap();
    symlink(guests::root().join("examples").canonicalize().unwrap(), here.join("examples")).unwrap();
    fs::create_dir_all(guests::target_dir().join("guests")).unwrap();
    symlink(guests::target_dir().join("guests"), here.join("target/demo/guests")).unwrap();
    let mut demo = wasgi();
    demo.args(["demo", "--listen", "127.0.0.1:0"]).current_dir(&here).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut demo = Ending(demo.spawn().unwrap());
    let (out, err) = (Lines::of(demo.0.stdout.take().unwrap()), Lines::of(demo.0.stderr.take().unwrap()));
    let line = wait_within(10 * PATIENCE, "the demo's address", || {
        let ended = demo.0.try_wait().unwrap();
        assert!(ended.is_none(), "{ended:?}: {:#?}", err.all());
        out.all().into_iter().find(|line| line.starts_with("Serving "))
    });
    let address = line.split("http://").nth(1).unwrap().parse().unwrap();
    for name in all() {
        out.after(0, &format!("deployed {name} ("));
        let url = format!("http://{address}/{name} ");
        assert!(out.all().iter().any(|line| line.contains(&url)), "no {url} in {:#?}", out.all());
        let get = |target: &str| Link::to(address).unwrap().get(target).unwrap().status();
        // Flask has its own front page at /flask/ and says so.
        let status = Some(get(&format!("/{name}"))).filter(|status| *status != 308);
        assert_eq!(status.unwrap_or_else(|| get(&format!("/{name}/"))), 200, "{name}");
    }
    let shown = out.all().iter().filter(|line| line.starts_with("  http://")).count();
    assert_eq!(shown, all().len(), "{:#?}", out.all());
}

struct Ending(std::process::Child);

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
