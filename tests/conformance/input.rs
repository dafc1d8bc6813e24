//! The request's body, as applications read it.

use std::io::Write;

use crate::environ::variables;
use crate::support::client::Client;
use crate::support::host::{App, guest, guest_as};
use crate::support::unique;

/// `pieces` as a chunked body.
fn chunked(pieces: &[&str]) -> String {
    let chunks = pieces.iter().map(|piece| format!("{:x}\r\n{piece}\r\n", piece.len()));
    chunks.chain(["0\r\n\r\n".to_owned()]).collect()
}

fn begin_chunked(app: &App, target: &str) -> Client {
    let mut client = app.connect();
    client.send(app.request("POST", target).header("Transfer-Encoding", "chunked").bytes());
    client
}

const BODY: &str = "ab\ncdef\n\nghi";

#[test]
fn mixed_reads_are_coherent() {
    let app = guest("reads");
    for (plan, shown) in [
        ("r1,l,r2,l,l,a,a", "r1 a\nl b\\n\nr2 cd\nl ef\\n\nl \\n\na ghi\na \n"),
        ("a", "a ab\\ncdef\\n\\nghi\n"),
        ("r100", "r100 ab\\ncdef\\n\\nghi\n"),
        ("s", "s ab\ns cdef\ns \ns ghi\n"),
        ("r4,s", "r4 ab\\nc\ns def\ns \ns ghi\n"),
        ("l,l,l,l,l", "l ab\\n\nl cdef\\n\nl \\n\nl ghi\nl \n"),
        ("r0,r1", "r0 \nr1 a\n"),
    ] {
        assert_eq!(app.post(&format!("/?plan={plan}"), BODY).expect(200).text(), shown, "{plan}");
        let mut client = begin_chunked(&app, &format!("/?plan={plan}"));
        client.send(chunked(&["a", "b\nc", "def\n\ngh", "i"]));
        assert_eq!(client.response().expect(200).text(), shown, "{plan}, chunked");
    }
}

#[test]
fn a_body_comes_back_whole_whatever_its_size() {
    let app = guest("echo");
    for size in [0, 1, 4096, 65_535, 65_536, 65_537, 1_000_000] {
        let body: Vec<u8> = (0..size).map(|n: u32| (n % 253) as u8).collect();
        let mut client = app.connect();
        let mut sender = client.sender();
        let request = app.request("POST", "/").body(&body).bytes();
        let sending = std::thread::spawn(move || sender.write_all(&request).unwrap());
        assert_eq!(client.response().expect(200).body, body, "{size}");
        sending.join().unwrap();
    }
}

/// Bytes that come while others are read must be noticed, on whichever thread that is: many chances to miss them.
#[test]
fn bodies_that_come_at_one_time_come_whole() {
    let app = guest("counts_input");
    let request = app.request("POST", "/").body(vec![b'x'; 300_000]).bytes();
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                for _ in 0..150 {
                    let mut client = app.connect();
                    client.send(&request);
                    assert!(client.response().expect(200).text().starts_with("300000 "));
                }
            });
        }
    });
}

#[test]
fn a_body_is_handed_over_as_it_comes() {
    let app = guest("echo");
    let mut client = begin_chunked(&app, "/");
    client.send("3\r\none\r\n");
    client.head();
    assert_eq!(client.chunk().unwrap(), b"one");
    client.send("3\r\ntwo\r\n");
    assert_eq!(client.chunk().unwrap(), b"two");
    client.send("0\r\n\r\n");
    assert_eq!(client.chunk().unwrap(), b"");
}

#[test]
fn no_read_goes_into_the_next_request() {
    let app = guest("overreads");
    let mut client = app.connect();
    let first = app.request("POST", "/").body("first").bytes();
    let next = app.request("POST", "/").body("second").bytes();
    client.send([first, next].concat());
    assert_eq!(client.response().expect(200).text(), "first then 0 more");
    assert_eq!(client.response().expect(200).text(), "second then 0 more");
    client.send(app.request("GET", "/").bytes());
    assert_eq!(client.response().expect(200).text(), " then 0 more");
}

#[test]
fn chunked_bodies_are_decoded() {
    let app = guest("echo");
    let mut client = begin_chunked(&app, "/");
    client.send("5;name=value;other=\"a;b\"\r\nhello\r\n006\r\n world\r\nA\r\n0123456789\r\n0\r\nX-Trailer: 1\r\n\r\n");
    assert_eq!(client.response().expect(200).text(), "hello world0123456789");
    client.send(app.request("POST", "/").body("next").bytes());
    assert_eq!(client.response().expect(200).text(), "next");

    let mut client = begin_chunked(&guest("environ"), "/");
    client.send(chunked(&["x"]));
    let seen = variables(&client.response().expect(200));
    assert!(!seen.contains_key("CONTENT_LENGTH") && !seen.contains_key("HTTP_X_TRAILER"));
    assert_eq!(seen["wsgi.input_terminated"], "true");
}

/// A request whose body breaks off or breaks the rules, and how its reader is told.
fn broken_bodies() -> Vec<(&'static str, &'static str, bool, &'static str)> {
    // Header, what is sent of the body, whether the client stops sending then, what the reader gets.
    vec![
        ("Content-Length: 10", "12345", true, "UnexpectedEof"),
        ("Content-Length: 10", "", true, "UnexpectedEof"),
        ("Transfer-Encoding: chunked", "5\r\n123", true, "UnexpectedEof"),
        ("Transfer-Encoding: chunked", "5\r\n12345\r\n", true, "UnexpectedEof"),
        ("Transfer-Encoding: chunked", "5\r\n12345\r\n0\r\n", true, "UnexpectedEof"),
        ("Transfer-Encoding: chunked", "5\r\n12345\r\nzz\r\n", false, "InvalidData"),
        ("Transfer-Encoding: chunked", "5\r\n123456\r\n", false, "InvalidData"),
        ("Transfer-Encoding: chunked", "-5\r\n", false, "InvalidData"),
        ("Transfer-Encoding: chunked", "0x5\r\n", false, "InvalidData"),
        ("Transfer-Encoding: chunked", "ffffffffffffffffff\r\n", false, "InvalidData"),
        ("Transfer-Encoding: chunked", "5\n12345\n", false, "InvalidData"),
        ("Transfer-Encoding: chunked", "5 \r\n12345\r\n", false, "InvalidData"),
        ("Transfer-Encoding: chunked", "\r\n", false, "InvalidData"),
        ("Transfer-Encoding: chunked", "0\r\nContent-Length: 1\r\n\r\n", false, "InvalidData"),
        ("Transfer-Encoding: chunked", "0\r\nno colon\r\n\r\n", false, "InvalidData"),
    ]
}

#[test]
fn a_broken_body_is_an_error_to_its_reader_and_400() {
    let app = guest("swallows");
    for (header, body, stops, kind) in broken_bodies() {
        let tag = unique();
        let mut client = app.connect();
        client.send(format!("POST /?tag={tag} HTTP/1.1\r\nHost: swallows.test\r\n{header}\r\n\r\n{body}"));
        if stops {
            client.finish();
        }
        let context = format!("{header} {}", body.escape_debug());
        let response = client.response();
        assert_eq!(response.status(), 400, "{context}");
        response.expect_page(400);
        client.expect_end();
        let line = app.wait_line(&format!("again Err({kind}) {tag}"));
        assert!(line.contains(&format!("read Err({kind})")), "every read says the same: {line}");
        assert_eq!(app.wait_access(&tag).outcome(), "request", "{context}");
        app.wait_lines(&format!("closed {tag}"), 1);
    }
}

#[test]
fn a_broken_body_cuts_a_response_that_has_begun() {
    let app = guest("swallows");
    for (header, body, stops, _) in broken_bodies() {
        let mut client = app.connect();
        client.send(format!("POST /?first=begun HTTP/1.1\r\nHost: swallows.test\r\n{header}\r\n\r\n"));
        let head = client.head();
        assert_eq!(client.chunk().unwrap(), b"begun");
        client.send(body);
        if stops {
            client.finish();
        }
        let rest = client.body_of(head, true);
        assert!(!rest.complete && rest.body.is_empty(), "{header} {}: {rest:?}", body.escape_debug());
        client.expect_end();
    }
}

#[test]
fn an_unread_body_is_never_taken_for_a_request() {
    let app = guest("ignores");
    for size in [0, 100, 100_000, 3_000_000] {
        let tag = unique();
        let mut body = vec![b'x'; size];
        body.extend_from_slice(&app.request("GET", &format!("/evil-{tag}")).bytes());
        let mut client = app.connect();
        let mut sender = client.sender();
        let first = app.request("POST", &format!("/first-{tag}")).body(&body).bytes();
        let sending = std::thread::spawn(move || sender.write_all(&first).is_ok());
        assert_eq!(client.response().expect(200).text(), format!("/first-{tag}"), "{size}");
        let sent = sending.join().unwrap();
        // The connection is either as good as new or closed; the first byte it gives shows which.
        let next = app.request("GET", &format!("/next-{tag}")).bytes();
        if sent && client.try_send(next).is_ok() {
            let rest = client.first_or_end();
            assert!(rest.is_none_or(|response| response.text() == format!("/next-{tag}")), "{size}");
        }
        app.wait_access(&format!("/first-{tag}"));
        app.host.assert_no_access(&format!("/evil-{tag}"));
    }
}

#[test]
fn a_body_beyond_the_limit_is_413() {
    let app = guest_as("swallows", "swallows-little", "[limits]\nbody = \"1KiB\"");
    let tag = unique();
    let mut client = app.connect();
    client.send(app.request("POST", &format!("/?tag={tag}")).header("Content-Length", "1025").bytes());
    client.response().expect_page(413);
    client.expect_end();
    assert_eq!(app.wait_access(&tag).outcome(), "size");
    assert!(app.lines(&tag).is_empty(), "the application was not asked");

    // Nobody is asked to go on with it.
    let expecting = app.request("POST", "/").header("Expect", "100-continue").header("Content-Length", "1025").bytes();
    app.connect().send(expecting).response().expect_page(413);

    let tag = unique();
    let mut client = begin_chunked(&app, &format!("/?tag={tag}"));
    client.send(format!("400\r\n{}\r\n1\r\nx\r\n", "x".repeat(1024)));
    client.response().expect_page(413);
    client.expect_end();
    app.wait_line(&format!("again Err(FileTooLarge) {tag}"));
    assert_eq!(app.wait_access(&tag).outcome(), "size");

    app.post("/", vec![b'x'; 1024]).expect(200);
}

#[test]
fn a_body_that_stops_coming_is_408() {
    let app = guest_as("swallows", "swallows-impatient", "[limits]\nstall = \"3s\"");
    let begin = |tag: &str, first: &str| {
        let mut client = app.connect();
        let request = app.request("POST", &format!("/?tag={tag}&first={first}")).header("Content-Length", "10");
        client.send(request.bytes());
        client.send("12345");
        client
    };
    let tag = unique();
    let mut client = begin(&tag, "");
    client.response().expect_page(408);
    client.expect_end();
    app.wait_line(&format!("again Err(TimedOut) {tag}"));
    let line = app.wait_access(&tag);
    assert_eq!((line.outcome(), line.number("in")), ("timeout", 5));
    app.wait_lines(&format!("closed {tag}"), 1);

    let mut client = begin(&unique(), "begun");
    let response = client.response();
    assert!(!response.complete && response.text() == "begun", "{response:?}");
    client.expect_end();

    // Slow is not stalled: the whole takes longer than each wait may.
    let mut client = begin(&unique(), "");
    for byte in ["6", "7", "8", "9", "0"] {
        std::thread::sleep(std::time::Duration::from_millis(800));
        client.send(byte);
    }
    client.response().expect(200);
}

#[test]
fn a_100_is_sent_at_the_first_read_and_only_then() {
    let app = guest("counts_input");
    let expecting = |app: &App, target: &str| {
        app.request("POST", target).header("Expect", "100-continue").header("Content-Length", "4").bytes()
    };
    let mut client = app.connect();
    client.send(expecting(&app, "/"));
    let interim = client.head();
    assert_eq!((interim.status, interim.headers.len()), (100, 0));
    client.expect_nothing_yet();
    client.send("body");
    assert!(client.response().expect(200).text().starts_with("4 "));

    // Nobody reads: there is no 100, and the connection can't go on.
    let app = guest("ignores");
    let mut client = app.connect();
    client.send(expecting(&app, "/unread"));
    let response = client.response().expect(200);
    assert_eq!((response.status(), response.text()), (200, "/unread"));
    client.expect_end();
}

#[test]
fn a_100_comes_no_earlier_than_the_read() {
    let app = guest("write_nothing");
    let mut client = app.connect();
    client.send(app.request("POST", "/").header("Expect", "100-continue").header("Content-Length", "1").bytes());
    // The response began before the first read: an interim one would come too late.
    let head = client.head();
    assert_eq!(head.status, 200);
    client.send("x");
    assert_eq!(client.body_of(head, true).expect(200).text(), "late");
}

#[test]
fn a_100_is_not_for_everybody() {
    let app = guest("counts_input");
    let mut client = app.connect();
    client.send("POST / HTTP/1.0\r\nHost: counts_input.test\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody");
    assert!(client.response().expect(200).text().starts_with("4 "), "HTTP/1.0 knows no interim responses");

    let mut client = app.connect();
    client.send(app.request("GET", "/").header("Expect", "100-continue").bytes());
    assert!(client.response().expect(200).text().starts_with("0 "), "there is no body to wait for");

    let mut client = app.connect();
    client.send(app.request("POST", "/").header("Expect", "a-miracle").body("body").bytes());
    client.response().expect_page(417);
    client.expect_end();
}

#[test]
fn a_body_that_breaks_behind_its_answer_gets_no_second_one() {
    let app = guest("ignores");
    let mut client = app.connect();
    let head =
        format!("POST /{} HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\n\r\n", app.name(), app.authority());
    client.send(head + "5\r\nhelloXX\r\n0\r\n\r\n");
    client.response();
    assert_eq!(client.rest(), b"", "one request, one response");
}
