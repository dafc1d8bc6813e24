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
        assert_eq!(app.lines(&format!("closed {tag}")).len(), 1);
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
fn nothing_of_an_announced_body_is_an_error() {
    let app = guest("length");
    let response = app.get("/?say=5&give=0");
    assert!(response.status() == 500 || !response.complete, "{response:?}");
}
