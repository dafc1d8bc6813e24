//! HTTP/1: what is accepted, what is refused, and with which status.

use std::time::{Duration, Instant};

use crate::environ::variables;
use crate::support::host::{App, Host, guest};
use crate::support::unique;

/// Sends bytes and expects the host's page with this status, and the connection's end.
#[track_caller]
fn refused(app: &App, bytes: impl AsRef<[u8]>, status: u16) {
    let bytes = bytes.as_ref();
    let context = bytes[..bytes.len().min(200)].escape_ascii().to_string();
    let mut client = app.connect();
    // It may answer, and close, before all is sent.
    let _ = client.try_send(bytes);
    let response = client.response();
    assert_eq!(response.status(), status, "{context}");
    assert!(response.head.closes(), "{context}");
    assert!(response.head.get("date").is_some_and(|date| date.ends_with(" GMT")), "{context}");
    response.expect_page(status);
    client.expect_end();
}

/// Sends bytes and expects 200 from the application.
#[track_caller]
fn accepted(app: &App, bytes: impl AsRef<[u8]>) {
    let bytes = bytes.as_ref();
    let response = app.connect().send(bytes).response();
    assert_eq!(response.status(), 200, "{}", bytes[..bytes.len().min(200)].escape_ascii());
}

/// A GET with these header lines beside Host.
fn with(lines: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: ignores.test\r\n{lines}\r\n\r\n")
}

#[test]
fn host_is_there_once_and_valid() {
    let app = guest("ignores");
    for head in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nX: y\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: ignores.test\r\nHost: ignores.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: ignores.test\r\nhost: other.test\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a:b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost:\r\n\r\n",
    ] {
        refused(&app, head, 400);
    }
    accepted(&app, "GET / HTTP/1.1\r\nhOST:ignores.test:80\r\n\r\n");
}

#[test]
fn lengths_and_codings_that_contradict_are_refused() {
    let app = guest("ignores");
    let post = |lines: &str| format!("POST / HTTP/1.1\r\nHost: ignores.test\r\n{lines}\r\n\r\n0\r\n\r\n");
    for lines in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 0\r\nTransfer-Encoding: chunked",
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5, 5",
        "Content-Length: 5,6",
        "Content-Length: +5",
        "Content-Length: -5",
        "Content-Length: 0x5",
        "Content-Length: 5 5",
        "Content-Length: 5.0",
        "Content-Length: ",
        "Content-Length: five",
        "Content-Length: 99999999999999999999999999",
        "Transfer-Encoding: chunked, gzip",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked;a=b",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: ",
        "Transfer-Encoding: ,chunked",
    ] {
        refused(&app, post(lines), 400);
    }
    for lines in
        ["Transfer-Encoding: xchunked", "Transfer-Encoding: magic, chunked", "Transfer-Encoding: gzip, chunked"]
    {
        refused(&app, post(lines), 501);
    }
    refused(&app, "POST / HTTP/1.0\r\nHost: ignores.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400);
    accepted(&app, post("Transfer-Encoding: cHuNkEd"));
    accepted(&app, post("Content-Length: 005"));
}

#[test]
fn malformed_heads_are_400() {
    let app = guest("ignores");
    for lines in [
        "X: a\r\n folded",
        "X: a\r\n\tfolded",
        " X: a",
        "X : a",
        "X\t: a",
        ": a",
        "no colon",
        "X: a\0b",
        "X: a\rb",
        "X: a\x01b",
        "X: a\x7fb",
        "X\u{e9}: a",
        "X(: a",
        "X: a\nY: b",
        "X: a\r\r",
    ] {
        refused(&app, with(lines), 400);
    }
    for line in [
        "GET  / HTTP/1.1",
        "GET / HTTP/1.1 ",
        "GET /  HTTP/1.1",
        " GET / HTTP/1.1",
        "GET\t/ HTTP/1.1",
        "GET / http/1.1",
        "GET / HTTP/1",
        "GET / HTTP/1.1.1",
        "GET / HTTP/11",
        "GET / ",
        "GET /",
        "GET",
        "GET HTTP/1.1",
        "G(T / HTTP/1.1",
        "GET nowhere HTTP/1.1",
        "GET * HTTP/1.1",
        "GET ftp://a/ HTTP/1.1",
        "GET http:/// HTTP/1.1",
        "GET http://a b/ HTTP/1.1",
        "GET http://user@ignores.test/ HTTP/1.1",
        "GET /a#fragment HTTP/1.1",
        "GET /a\x01b HTTP/1.1",
        "\x16\x03\x01\x02\x00\x01",
    ] {
        refused(&app, format!("{line}\r\nHost: ignores.test\r\n\r\n"), 400);
    }
    refused(&app, "GET / HTTP/1.1\nHost: ignores.test\n\n", 400);
    refused(&app, "GET / HTTP/1.1\r\nHost: ignores.test\n\r\n", 400);
    refused(&app, "\r\n\r\n\r\n\r\n\r\n", 400);
}

#[test]
fn odd_heads_that_are_valid_are_accepted() {
    let app = guest("ignores");
    accepted(&app, with("X:  \t a \t "));
    accepted(&app, with("X:"));
    accepted(&app, with("!#$%&'*+-.^_`|~09azAZ: a"));
    accepted(&app, format!("\r\n{}", with("X: a")));
    accepted(&app, "GET /a?b=c&d=\u{e9} HTTP/1.1\r\nHost: ignores.test\r\n\r\n");
    accepted(&app, with("X: caf\u{e9}"));
}

#[test]
fn requests_without_a_host_are_http_1_0s_right() {
    let host = Host::shared();
    host.deploy_as("ignores", "ignores-anywhere", "routes = [\"/ignores-anywhere\"]");
    let mut client = host.connect();
    let response = client.send("GET /ignores-anywhere/x HTTP/1.0\r\n\r\n").response().expect(200);
    assert_eq!((response.text(), response.head.closes()), ("/x", true));
    client.expect_end();
}

#[test]
fn versions_are_1_1_1_0_or_505() {
    let app = guest("ignores");
    for version in ["HTTP/2.0", "HTTP/3.0", "HTTP/1.2", "HTTP/0.9", "HTTP/9.9"] {
        refused(&app, format!("GET / {version}\r\nHost: ignores.test\r\n\r\n"), 505);
    }
    refused(&app, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505);
}

#[test]
fn other_forms_of_the_target() {
    let app = guest("environ");
    let mut client = app.connect();
    let seen = variables(&client.send("GET http://environ.test/a HTTP/1.1\r\nHost: environ.test\r\n\r\n").response());
    assert_eq!(seen["PATH_INFO"], "/a");
    let seen = variables(&client.send("GET http://environ.test?q HTTP/1.1\r\nHost: environ.test\r\n\r\n").response());
    assert_eq!((seen["PATH_INFO"].as_str(), seen["QUERY_STRING"].as_str()), ("/", "q"));
    let seen = variables(&client.send("GET HTTPS://environ.test/b HTTP/1.1\r\nHost: environ.test\r\n\r\n").response());
    assert_eq!((seen["PATH_INFO"].as_str(), seen["wsgi.url_scheme"].as_str()), ("/b", "http"));

    // About the server, so no application is asked.
    let response = client.send("OPTIONS * HTTP/1.1\r\nHost: environ.test\r\n\r\n").response().expect(200);
    assert!(response.body.is_empty() && response.head.get("allow").is_some());
    let seen = variables(&client.send("OPTIONS /x HTTP/1.1\r\nHost: environ.test\r\n\r\n").response());
    assert_eq!(seen["REQUEST_METHOD"], "OPTIONS");

    refused(&app, "CONNECT environ.test:80 HTTP/1.1\r\nHost: environ.test:80\r\n\r\n", 501);
    refused(&app, "CONNECT / HTTP/1.1\r\nHost: environ.test\r\n\r\n", 501);
}

#[test]
fn an_upgrade_is_not_made() {
    let app = guest("environ");
    let mut client = app.connect();
    client.send(app.request("GET", "/").header("Connection", "Upgrade").header("Upgrade", "websocket").bytes());
    client.response().expect(200);
    let app = guest("status");
    client.send(
        app.request("GET", "/?status=101%20Switching").header("Connection", "Upgrade").header("Upgrade", "x").bytes(),
    );
    client.response().expect_page(500);
}

#[test]
fn pipelined_responses_come_in_order() {
    let app = guest("ticks");
    let mut client = app.connect();
    let requests: Vec<u8> =
        [5, 1, 3, 0, 2].iter().flat_map(|n| app.request("GET", &format!("/?n={n}&ms=20")).bytes()).collect();
    client.send(requests);
    for n in [5, 1, 3, 0, 2] {
        let expected: String = (0..n).map(|n| format!("tick {n}\n")).collect();
        assert_eq!(client.response().expect(200).text(), expected);
    }
}

#[test]
fn a_bad_request_in_a_pipeline_is_answered_in_its_turn() {
    let app = guest("ticks");
    let mut client = app.connect();
    let mut requests = app.request("GET", "/?n=3&ms=20").bytes();
    requests.extend_from_slice(b"GET / HTTP/1.1\r\nHost : ticks.test\r\n\r\n");
    client.send(requests);
    assert_eq!(client.response().expect(200).text(), "tick 0\ntick 1\ntick 2\n");
    client.response().expect_page(400);
    client.expect_end();
}

#[test]
fn a_connection_is_kept_until_somebody_closes_it() {
    let app = guest("chunks");
    let mut client = app.connect();
    for _ in 0..3 {
        for target in ["/?n=0", "/?n=1", "/?n=2"] {
            assert!(!client.send(app.request("GET", target).bytes()).response().expect(200).head.closes());
        }
    }
    client.send(app.request("GET", "/?n=2").header("Connection", "close").bytes());
    assert!(client.response().expect(200).head.closes());
    client.expect_end();
}

#[test]
fn heads_that_are_too_large_are_414_and_431() {
    let app = guest("ignores");
    refused(&app, format!("GET /{} HTTP/1.1\r\nHost: ignores.test\r\n\r\n", "x".repeat(9000)), 414);
    refused(&app, format!("GET /{}", "x".repeat(100_000)), 414);
    refused(&app, with(&format!("X: {}", "x".repeat(70_000))), 431);
    refused(&app, with(&vec!["X: y"; 150].join("\r\n")), 431);
    refused(&app, format!("{} / HTTP/1.1\r\nHost: ignores.test\r\n\r\n", "M".repeat(1000)), 501);
    accepted(&app, format!("GET /{} HTTP/1.1\r\nHost: ignores.test\r\n\r\n", "x".repeat(8000)));
    accepted(&app, with(&vec!["X: y"; 90].join("\r\n")));
}

#[test]
fn a_head_that_takes_too_long_is_408() {
    let host = Host::options().config("[connections]\nhead = \"1s\"\n").start();
    let app = host.deploy("ignores");
    let mut client = app.connect();
    let began = Instant::now();
    client.send("GET / HTTP/1.1\r\nHost: ignores.test\r\n");
    client.response().expect_page(408);
    client.expect_end();
    assert!(began.elapsed() > Duration::from_millis(900), "{:?}", began.elapsed());

    // It is the head that is timed, from its first byte on, and not what comes before or after.
    let mut client = app.connect();
    std::thread::sleep(Duration::from_millis(1500));
    client.send(app.request("POST", "/").header("Content-Length", "2").bytes());
    std::thread::sleep(Duration::from_millis(1500));
    client.send("ab").response().expect(200);
}

#[test]
fn a_silent_connection_is_closed_and_a_busy_one_is_not() {
    let host = Host::options().config("[connections]\nfirst_byte = \"2s\"\nidle = \"2s\"\n").start();
    let app = host.deploy("ticks");
    let began = Instant::now();
    app.connect().expect_end();
    assert!(began.elapsed() > Duration::from_millis(1_900), "{:?}", began.elapsed());

    let mut client = app.connect();
    for n in [2, 1] {
        // Busy for longer than it may be silent, and not a moment of that counts afterwards.
        client.send(app.request("GET", &format!("/?n={n}&ms=2500")).bytes());
        client.response().expect(200);
        std::thread::sleep(Duration::from_millis(100));
    }
    client.expect_end();
}

#[test]
fn nobody_at_the_address_is_404() {
    let host = Host::shared();
    host.deploy("ignores");
    for authority in ["nobody.test", "test", "x.ignores.test", "ignores.test.", "127.0.0.1"] {
        let mut client = host.connect();
        let response = client.send(format!("GET /{} HTTP/1.1\r\nHost: {authority}\r\n\r\n", unique())).response();
        let expected = if authority == "ignores.test." { response.status() } else { 404 };
        assert_eq!(response.status(), expected, "{authority}");
    }
}

const CLAIMS: &str = "X-Forwarded-For: 192.0.2.7, 127.0.0.1\r\nX-Forwarded-Proto: https\r\n\
                      X-Forwarded-Host: shop.example.com\r\nX-Forwarded-Prefix: /shop/\r\n";

fn claiming(host: &std::sync::Arc<Host>, claims: &str) -> std::collections::BTreeMap<String, String> {
    host.deploy_as("environ", "environ-proxied", "routes = [\"/environ-proxied\"]");
    let mut client = host.connect();
    client.send(format!("GET /environ-proxied/x HTTP/1.1\r\nHost: direct.test\r\n{claims}\r\n"));
    variables(&client.response().expect(200))
}

#[test]
fn a_strangers_claims_are_stripped() {
    let seen =
        claiming(&Host::shared(), &format!("{CLAIMS}Forwarded: for=192.0.2.7;proto=https\r\nX-Forwarded-Odd: 1\r\n"));
    assert_eq!((seen["REMOTE_ADDR"].as_str(), seen["wsgi.url_scheme"].as_str()), ("127.0.0.1", "http"));
    assert_eq!((seen["HTTP_HOST"].as_str(), seen["SCRIPT_NAME"].as_str()), ("direct.test", "/environ-proxied"));
    let claims: Vec<_> = seen.keys().filter(|name| name.contains("FORWARDED")).collect();
    assert!(claims.is_empty(), "{claims:?}");
}

#[test]
fn a_trusted_proxys_claims_are_believed() {
    let host = Host::options().config("trusted_proxies = [\"127.0.0.0/8\"]\n").start();
    let seen = claiming(&host, CLAIMS);
    for (name, value) in [
        ("REMOTE_ADDR", "192.0.2.7"),
        ("wsgi.url_scheme", "https"),
        ("HTTP_HOST", "shop.example.com"),
        ("SERVER_NAME", "shop.example.com"),
        ("SERVER_PORT", "443"),
        ("SCRIPT_NAME", "/shop/environ-proxied"),
        ("PATH_INFO", "/x"),
        ("HTTP_X_FORWARDED_PROTO", "https"),
    ] {
        assert_eq!(seen[name], value, "{name}");
    }
    let forwarded = "Forwarded: for=\"[2001:db8::17]:4711\";proto=https;host=shop.example.com:8443\r\n";
    let seen = claiming(&host, forwarded);
    for (name, value) in [
        ("REMOTE_ADDR", "2001:db8::17"),
        ("REMOTE_PORT", "4711"),
        ("HTTP_HOST", "shop.example.com:8443"),
        ("SERVER_PORT", "8443"),
        ("wsgi.url_scheme", "https"),
    ] {
        assert_eq!(seen[name], value, "{name}");
    }
    // A proxy that sets X-Forwarded-* passes a client's Forwarded on as it is.
    let both = claiming(&host, &format!("{forwarded}X-Forwarded-For: 192.0.2.8\r\n"));
    assert_eq!((both["REMOTE_ADDR"].as_str(), both["wsgi.url_scheme"].as_str()), ("192.0.2.8", "http"));
    // What stands left of a stranger is only his word.
    let chain = claiming(&host, "X-Forwarded-For: 6.6.6.6, 192.0.2.9, 127.0.0.5\r\n");
    assert_eq!(chain["REMOTE_ADDR"], "192.0.2.9");
}
