//! Where a response ends, and what a client sees of one that doesn't.

use crate::support::host::guest;
use crate::support::unique;

#[test]
fn one_known_chunk_gives_a_content_length() {
    let response = guest("chunks").get("/?n=1&each=7").expect(200);
    assert_eq!((response.head.get("content-length"), response.body.len()), (Some("7"), 7));
    let announced = guest("length").get("/?say=5&give=5&each=2").expect(200);
    assert_eq!((announced.head.get("content-length"), announced.body.len()), (Some("5"), 5));
}

#[test]
fn an_empty_body_has_length_zero() {
    let app = guest("chunks");
    for target in ["/?n=0", "/?n=0&end=unknown", "/?n=0&empty=3"] {
        let response = app.get(target).expect(200);
        assert_eq!((response.head.get("content-length"), response.body.len()), (Some("0"), 0), "{target}");
    }
}

#[test]
fn any_other_body_is_chunked() {
    let app = guest("chunks");
    for target in ["/?n=2", "/?n=3&end=unknown", "/?n=1&end=unknown", "/?n=2&empty=2"] {
        let response = app.get(target).expect(200);
        assert_eq!(response.head.get("transfer-encoding"), Some("chunked"), "{target}");
        assert!(response.body.iter().all(|byte| *byte == b'x'));
    }
    let chunks = app.get("/?n=3&each=4").chunks;
    assert_eq!(chunks, [b"xxxx", b"xxxx", b"xxxx"], "a chunk of the application's is one on the wire");
}

#[test]
fn http_1_0_ends_with_the_connection() {
    let app = guest("chunks");
    for keep in ["", "Connection: keep-alive\r\n"] {
        let mut client = app.connect();
        client.send(format!("GET /?n=3 HTTP/1.0\r\nHost: chunks.test\r\n{keep}\r\n"));
        let response = client.response().expect(200);
        assert_eq!(response.head.get("transfer-encoding"), None);
        assert_eq!((response.head.get("content-length"), response.text()), (None, "xxxxxx"));
        client.expect_end();
    }
}

#[test]
fn http_1_0_keeps_a_connection_only_where_it_was_asked_to() {
    let app = guest("chunks");
    let ask = |keep: &str| format!("GET /?n=1 HTTP/1.0\r\nHost: chunks.test\r\n{keep}\r\n");
    let mut client = app.connect();
    for _ in 0..2 {
        let response = client.send(ask("Connection: keep-alive\r\n")).response().expect(200);
        assert_eq!(response.head.get("connection"), Some("keep-alive"));
    }
    client.send(ask("")).response().expect(200);
    client.expect_end();
}

#[test]
fn a_body_beyond_its_length_is_cut_there() {
    let app = guest("length");
    for (say, give, each) in [(5, 6, 0), (5, 9, 2), (5, 6, 5), (1, 100_000, 50_000)] {
        let tag = unique();
        let mut client = app.connect();
        client.send(app.request("GET", &format!("/?say={say}&give={give}&each={each}&tag={tag}")).bytes());
        let response = client.response().expect(200);
        assert_eq!(response.body.len(), say, "{say} {give} {each}");
        client.expect_end();
        assert_eq!(app.wait_access(&tag).outcome(), "protocol");
        app.wait_lines(&format!("closed {tag}"), 1);
    }
    app.wait_line("longer than its Content-Length");
}

#[test]
fn a_body_short_of_its_length_is_not_completed() {
    let app = guest("length");
    for (say, give, each) in [(5, 4, 0), (5, 4, 1), (100_000, 99_999, 10_000)] {
        let tag = unique();
        let mut client = app.connect();
        client.send(app.request("GET", &format!("/?say={say}&give={give}&each={each}&tag={tag}")).bytes());
        let response = client.response();
        assert_eq!((response.status(), response.complete, response.body.len()), (200, false, give));
        assert_eq!(app.wait_access(&tag).outcome(), "protocol");
    }
}

#[test]
fn a_short_body_is_500_while_nothing_of_it_went_out() {
    let app = guest("length");
    let mut client = app.connect();
    client.send(app.request("GET", "/?say=5&give=0").bytes());
    client.response().expect_page(500);
    let response = client.send(app.request("GET", "/?say=5&give=5").bytes()).response().expect(200);
    assert_eq!(response.text(), "xxxxx", "the connection is as good as before");
    app.wait_line("5 bytes shorter than its Content-Length");
    guest("write_only").get("/?length=7").expect(200);
    assert!(!guest("write_only").get("/?length=8").complete);
}

#[test]
fn head_has_the_headers_of_get_and_no_body() {
    for (name, target) in
        [("chunks", "/?n=1&each=7"), ("chunks", "/?n=3"), ("chunks", "/?n=0"), ("length", "/?say=5&give=5")]
    {
        let app = guest(name);
        let headers = |method: &str| {
            let mut client = app.connect();
            client.send(app.request(method, target).bytes());
            let head = client.head();
            // Framing may be left out where there is nothing to frame (RFC 9110 §9.3.2).
            let keep = |(name, value): &(String, String)| {
                name != "date"
                    && name != "transfer-encoding"
                    && (name.as_str(), value.as_str()) != ("content-length", "0")
            };
            let mut headers: Vec<_> = head.headers.iter().filter(|header| keep(header)).cloned().collect();
            headers.sort();
            if method == "HEAD" {
                // What follows is the next response, not a body.
                client.send(app.request("GET", target).bytes()).response().expect(200);
            }
            (head.status, headers)
        };
        assert_eq!(headers("HEAD"), headers("GET"), "{name}{target}");
    }
    // The application may have left out a body that GET has.
    let response = guest("chunks").request("HEAD", "/?n=0").send().expect(200);
    assert_eq!(response.head.get("content-length"), None);
    let tag = unique();
    let app = guest("endings");
    app.request("HEAD", &format!("/?end=ok&tag={tag}")).send().expect(200);
    app.wait_access(&tag);
    // The application was run.
    app.wait_lines(&format!("close end=ok&tag={tag}"), 1);
}

#[test]
fn head_runs_no_endless_body() {
    let app = guest("endless");
    let tag = unique();
    let response = app.request("HEAD", &format!("/?tag={tag}")).send().expect(200);
    assert!(response.body.is_empty());
    assert_eq!(app.wait_access(&tag).outcome(), "ok");
    app.wait_line(&format!("sent {tag} bytes=0 complete=true"));
}

#[test]
fn no_content_and_not_modified_have_no_body() {
    let app = guest("status");
    for (status, code) in [("204 No Content", 204), ("304 Not Modified", 304)] {
        for body in ["text", "none", "length"] {
            let mut client = app.connect();
            let target = format!("/?status={}&body={body}", status.replace(' ', "%20"));
            client.send(app.request("GET", &target).bytes());
            let response = client.response().expect(code);
            assert!(response.body.is_empty());
            // The connection goes on, so that nothing of the body can be in it.
            client.send(app.request("GET", "/?status=200%20OK").bytes()).response().expect(200);
        }
    }
}

#[test]
fn an_interim_status_is_500() {
    let app = guest("status");
    for status in ["100 Continue", "101 Switching Protocols", "102 Processing", "103 Early Hints", "199 Odd"] {
        let mut client = app.connect();
        client.send(app.request("GET", &format!("/?status={}", status.replace(' ', "%20"))).bytes());
        client.response().expect_page(500);
        app.wait_line(&format!("status {} is not a final status", &status[..3]));
    }
}

#[test]
fn an_error_before_the_first_byte_is_a_plain_500() {
    for (name, target, outcome) in [
        ("fails", "/?when=handle", "error"),
        ("fails", "/?when=first", "error"),
        ("traps", "/?in=handle", "trap"),
        ("traps", "/?in=first", "trap"),
    ] {
        let (app, tag) = (guest(name), unique());
        let mut client = app.connect();
        client.send(app.request("GET", &format!("{target}&tag={tag}")).bytes());
        let response = client.response().expect_page(500);
        assert!(!response.text().contains("secret"), "{}", response.text());
        let line = app.wait_access(&tag);
        assert_eq!((line.outcome(), line.get("request")), (outcome, response.request_id()), "{name}{target}");
        client.send(app.request("GET", target).bytes()).response().expect_page(500);
        app.wait_line("secret-of-the-guest");
    }
}

#[test]
fn an_error_after_the_first_byte_cuts_the_transfer() {
    for (name, target, outcome) in
        [("fails", "/?when=later", "error"), ("traps", "/?in=next", "trap"), ("replaces", "/?when=late", "error")]
    {
        let (app, tag) = (guest(name), unique());
        let mut client = app.connect();
        client.send(app.request("GET", &format!("{target}&tag={tag}")).bytes());
        let response = client.response();
        assert_eq!((response.status(), response.complete), (200, false), "{name}{target}");
        assert!(!response.text().contains("secret"));
        client.expect_end();
        assert_eq!(app.wait_access(&tag).outcome(), outcome);
    }
}

#[test]
fn a_cut_shows_where_the_connection_is_the_only_end() {
    for (name, target) in [("fails", "/?when=later"), ("traps", "/?in=next"), ("replaces", "/?when=late")] {
        let app = guest(name);
        let mut client = app.connect();
        client.send(format!("GET {target} HTTP/1.0\r\nHost: {}\r\n\r\n", app.authority()));
        let head = client.head();
        assert_eq!((head.status, head.get("content-length")), (200, None), "{name}");
        let (rest, reset) = client.rest_and_reset();
        assert!(reset, "{name}: it looks whole: {}", rest.escape_ascii());
    }
    let mut client = guest("ticks").connect();
    client.send("GET /?n=3&ms=10 HTTP/1.0\r\nHost: ticks.test\r\n\r\n");
    client.head();
    assert_eq!(client.rest_and_reset(), (b"tick 0\ntick 1\ntick 2\n".to_vec(), false));
}

#[test]
fn one_large_chunk_comes_whole() {
    let app = guest("big_chunk");
    let response = app.get("/?mb=32").expect(200);
    assert_eq!(response.body.len(), (32 << 20) + 3);
    assert!(response.body.ends_with(b"xend"));
}
