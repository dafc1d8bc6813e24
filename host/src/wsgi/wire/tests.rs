//! The verdict on each kind of well-formed and malformed bytes.
//!
//! `tests/wire.rs` holds the properties, and the comparison with the parsers behind.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use super::*;

/// Feeds `stream` in pieces: the heads, the bytes released, the messages ended, and the refusal.
#[derive(Debug, PartialEq)]
struct Outcome {
    heads: Vec<HeadFacts>,
    released: usize,
    ended: usize,
    refused: Option<Reject>,
}

fn feed_to(checker: &mut Checker, stream: &[u8], piece: usize) -> Outcome {
    let mut outcome = Outcome { heads: vec![], released: 0, ended: 0, refused: None };
    let mut read = 0;
    loop {
        match checker.check(&stream[outcome.released..read]) {
            Err(reject) => outcome.refused = Some(reject),
            Ok(verdict) if verdict.release == 0 && read < stream.len() => {
                read = stream.len().min(read + piece);
                continue;
            }
            Ok(Verdict { release: 0, .. }) => {}
            Ok(verdict) => {
                outcome.released += verdict.release;
                outcome.ended += usize::from(verdict.ends);
                outcome.heads.extend(verdict.head);
                continue;
            }
        }
        return outcome;
    }
}

fn feed(stream: &[u8]) -> Outcome {
    let feed = |piece| feed_to(&mut Checker::new(Limits::default()), stream, piece);
    let whole = feed(stream.len().max(1));
    for piece in [1, 2, 7] {
        assert_eq!(feed(piece), whole, "in pieces of {piece}: {}", stream.escape_ascii());
    }
    whole
}

fn status(stream: &[u8]) -> u16 {
    feed(stream).refused.map_or(0, |reject| reject.status)
}

fn bytes(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

fn assert_statuses(table: &[(&[u8], u16)], stream: impl Fn(&[u8]) -> Vec<u8>) {
    let wrong: Vec<_> = table
        .iter()
        .map(|(case, expected)| (case.escape_ascii().to_string(), *expected, status(&stream(case))))
        .filter(|(_, expected, status)| expected != status)
        .collect();
    assert!(wrong.is_empty(), "(case, expected, status): {wrong:#?}");
}

#[test]
fn request_lines() {
    let table: &[(&[u8], u16)] = &[
        // accepted
        (b"GET / HTTP/1.1", 0),
        (b"GET / HTTP/1.0", 0),
        (b"get / HTTP/1.1", 0),
        (b"M-SEARCH / HTTP/1.1", 0),
        (b"!#$%&'*+-.^_`|~09azAZ / HTTP/1.1", 0),
        (b"GET /a/b;c=1/%20%zz?q=%2F&r=[1] HTTP/1.1", 0),
        (b"GET //a/../b HTTP/1.1", 0),
        (b"GET /a?b?c HTTP/1.1", 0),
        (b"GET /? HTTP/1.1", 0),
        (b"GET /{\"a\":1}|\\^~ HTTP/1.1", 0),
        (b"GET /?{a|b}\\^` HTTP/1.1", 0),
        (b"GET /\xC3\xA9?\xE2\x82\xAC HTTP/1.1", 0),
        (b"GET http://a HTTP/1.1", 0),
        (b"GET http://a/ HTTP/1.1", 0),
        (b"GET http://a?q HTTP/1.1", 0),
        (b"GET HtTpS://a.b:8443/c?d HTTP/1.1", 0),
        (b"GET http://[::1]:80/ HTTP/1.1", 0),
        (b"OPTIONS * HTTP/1.1", 0),
        (b"OPTIONS http://a HTTP/1.1", 0),
        (b"PRI / HTTP/1.1", 0),
        // method
        (b" GET / HTTP/1.1", 400),
        (b"\tGET / HTTP/1.1", 400),
        (b"GE(T / HTTP/1.1", 400),
        (b"GET: / HTTP/1.1", 400),
        (b"\"GET\" / HTTP/1.1", 400),
        (b"G\xC3\x89T / HTTP/1.1", 400),
        (b"\x16\x03\x01\x02\x00\x01", 400),
        (b"G\x00T / HTTP/1.1", 400),
        (b"GET", 400),
        (b"ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLM / HTTP/1.1", 501),
        (b"CONNECT a:443 HTTP/1.1", 501),
        (b"CONNECT / HTTP/1.1", 501),
        // spaces
        (b"GET  / HTTP/1.1", 400),
        (b"GET /  HTTP/1.1", 400),
        (b"GET\t/ HTTP/1.1", 400),
        (b"GET /\tHTTP/1.1", 400),
        (b"GET / HTTP/1.1 ", 400),
        (b"GET / a HTTP/1.1", 400),
        (b"GET /\x0BHTTP/1.1", 400),
        (b"GET", 400),
        (b"GET /", 400),
        (b"GET / ", 400),
        // target
        (b"GET a HTTP/1.1", 400),
        (b"GET a/b HTTP/1.1", 400),
        (b"GET ?q HTTP/1.1", 400),
        (b"GET #f HTTP/1.1", 400),
        (b"GET /#f HTTP/1.1", 400),
        (b"GET /?q#f HTTP/1.1", 400),
        (b"GET \\a HTTP/1.1", 400),
        (b"GET /<a> HTTP/1.1", 400),
        (b"GET /?<a> HTTP/1.1", 400),
        (b"GET /` HTTP/1.1", 400),
        (b"GET /?\" HTTP/1.1", 400),
        (b"GET /\x7F HTTP/1.1", 400),
        (b"GET /\x01 HTTP/1.1", 400),
        (b"GET /\x00 HTTP/1.1", 400),
        (b"GET /\xFF HTTP/1.1", 400),
        (b"GET /\xC3 HTTP/1.1", 400),
        (b"GET /?\xED\xA0\x80 HTTP/1.1", 400),
        (b"GET * HTTP/1.1", 400),
        (b"OPTIONS ** HTTP/1.1", 400),
        (b"OPTIONS *?q HTTP/1.1", 400),
        (b"options * HTTP/1.1", 400),
        (b"GET a:80 HTTP/1.1", 400),
        (b"GET http:/a HTTP/1.1", 400),
        (b"GET http:a HTTP/1.1", 400),
        (b"GET http:// HTTP/1.1", 400),
        (b"GET http:///a HTTP/1.1", 400),
        (b"GET http://?q HTTP/1.1", 400),
        (b"GET http://:80/ HTTP/1.1", 400),
        (b"GET http://u@a/ HTTP/1.1", 400),
        (b"GET http://u:p@a/ HTTP/1.1", 400),
        (b"GET http://a:99999/ HTTP/1.1", 400),
        (b"GET http://a:b/ HTTP/1.1", 400),
        (b"GET http://a:1:2/ HTTP/1.1", 400),
        (b"GET http://[::1/ HTTP/1.1", 400),
        (b"GET http://[zz]/ HTTP/1.1", 400),
        (b"GET http://a%2Fb/ HTTP/1.1", 400),
        (b"GET http://a\\b/ HTTP/1.1", 400),
        (b"GET http://a#f HTTP/1.1", 400),
        (b"GET http://a/` HTTP/1.1", 400),
        (b"GET ftp://a/ HTTP/1.1", 400),
        (b"GET ws://a/ HTTP/1.1", 400),
        (b"GET file:///etc/passwd HTTP/1.1", 400),
        (b"GET javascript:alert(1) HTTP/1.1", 400),
        // version
        (b"GET / HTTP/2.0", 505),
        (b"GET / HTTP/1.2", 505),
        (b"GET / HTTP/0.9", 505),
        (b"GET / HTTP/3.1", 505),
        (b"PRI * HTTP/2.0", 505),
        (b"GET / HTTP/2", 400),
        (b"GET / HTTP/1", 400),
        (b"GET / HTTP/1.", 400),
        (b"GET / HTTP/1.10", 400),
        (b"GET / HTTP/01.1", 400),
        (b"GET / HTTP/11", 400),
        (b"GET / HTTP/1,1", 400),
        (b"GET / HTTP/a.1", 400),
        (b"GET / http/1.1", 400),
        (b"GET / Http/1.1", 400),
        (b"GET / HTTPS/1.1", 400),
        (b"GET / HTCPCP/1.0", 400),
        (b"GET / 1.1", 400),
    ];
    assert_statuses(table, |line| bytes(&[line, b"\r\nHost: a\r\n\r\n"]));
}

#[test]
fn field_lines() {
    let table: &[(&[u8], u16)] = &[
        // accepted
        (b"A: b", 0),
        (b"A:b", 0),
        (b"A:", 0),
        (b"A: \t b c\td \t", 0),
        (b"A: \xFF\x80\xC3", 0),
        (b"A: a:b", 0),
        (b"!#$%&'*+-.^_`|~09azAZ: 1", 0),
        (b"X_Auth: a", 0),
        (b"Content-Length: 0", 0),
        (b"content-length:\t007 ", 0),
        (b"Content-Length: 00000000000000000000000000000001", 0),
        (b"Content-Length: 18446744073709551613", 0),
        (b"Transfer-Encoding: chunked", 0),
        (b"transfer-encoding: \t CHUNKED \t", 0),
        (b"Expect: 100-Continue", 0),
        (b"Upgrade: websocket\r\nConnection: Upgrade", 0),
        (b"Content_Length: x", 0),
        // line ends
        (b"A: b\nB: c", 400),
        (b"A: b\n", 400),
        (b"A: b\rB: c", 400),
        (b"A: b\r", 400),
        (b"A: b\r\r\nC: d", 400),
        (b"\rA: b", 400),
        (b"A: b\x00c", 400),
        (b"A\x00: b", 400),
        (b"A: b\x0B", 400),
        (b"A: b\x0C", 400),
        (b"A: \x1B[2J", 400),
        (b"A: b\x7F", 400),
        (b"A: b\x08", 400),
        // folding
        (b" A: b", 400),
        (b"\tA: b", 400),
        (b"A: b\r\n c", 400),
        (b"A: b\r\n\tc: d", 400),
        (b"A: b\r\n ", 400),
        (b"A:\r\n b", 400),
        // names
        (b"A : b", 400),
        (b"A\t: b", 400),
        (b": b", 400),
        (b"A", 400),
        (b"A b: c", 400),
        (b"A(b): c", 400),
        (b"A@b: c", 400),
        (b"A/b: c", 400),
        (b"\"A\": b", 400),
        (b"A,B: c", 400),
        (b"\xC3\x84: b", 400),
        (b"{A}: b", 400),
        (b"A;: b", 400),
        (b"=: b", 400),
        (b"Host : a", 400),
        (b"Content-Length : 0", 400),
        (b"Transfer-Encoding : chunked", 400),
        (b"Transfer-Encoding\x0B: chunked", 400),
        // Content-Length
        (b"Content-Length:", 400),
        (b"Content-Length: +1", 400),
        (b"Content-Length: -1", 400),
        (b"Content-Length: 1.0", 400),
        (b"Content-Length: 1e1", 400),
        (b"Content-Length: 0x10", 400),
        (b"Content-Length: 1 0", 400),
        (b"Content-Length: 1,1", 400),
        (b"Content-Length: 1, 1", 400),
        (b"Content-Length: 1,2", 400),
        (b"Content-Length: ,1", 400),
        (b"Content-Length: \"1\"", 400),
        (b"Content-Length: a", 400),
        (b"Content-Length: \xD9\xA1", 400),
        (b"Content-Length: 1_0", 400),
        (b"Content-Length: 18446744073709551614", 400),
        (b"Content-Length: 18446744073709551616", 400),
        (b"Content-Length: 99999999999999999999999999", 400),
        (b"Content-Length: 1\r\nContent-Length: 1", 400),
        (b"Content-Length: 1\r\nContent-Length: 2", 400),
        (b"Content-Length: 1\r\ncontent-length: 1", 400),
        // Transfer-Encoding
        (b"Transfer-Encoding: chunked\r\nContent-Length: 0", 400),
        (b"Content-Length: 5\r\nTransfer-Encoding: chunked", 400),
        (b"Content-Length: 5\r\nTransfer-Encoding: foo", 400),
        (b"Transfer-Encoding:", 400),
        (b"Transfer-Encoding: ,chunked", 400),
        (b"Transfer-Encoding: chunked,", 400),
        (b"Transfer-Encoding: chunked, , chunked", 400),
        (b"Transfer-Encoding: chunked, chunked", 400),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 400),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding:", 400),
        (b"Transfer-Encoding: chunked, gzip", 400),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", 400),
        (b"Transfer-Encoding: gzip", 400),
        (b"Transfer-Encoding: identity", 400),
        (b"Transfer-Encoding: x-gzip, x-compress", 400),
        (b"Transfer-Encoding: chunked;a=b", 400),
        (b"Transfer-Encoding: chunked ;", 400),
        (b"Transfer-Encoding: chunked chunked", 400),
        (b"Transfer-Encoding: \"chunked\"", 400),
        (b"Transfer-Encoding: chun\xE9ked", 400),
        (b"Transfer-Encoding: gzip, chunked", 501),
        (b"Transfer-Encoding: gzip;q=1, chunked", 501),
        (b"Transfer-Encoding: deflate\r\nTransfer-Encoding: chunked", 501),
        (b"Transfer-Encoding: identity, chunked", 501),
        (b"Transfer-Encoding: foo", 501),
        (b"Transfer-Encoding: foo, chunked", 501),
        (b"Transfer-Encoding: xchunked", 501),
        (b"Transfer-Encoding: chunked-x", 501),
        (b"Transfer-Encoding: chunke", 501),
        (b"Transfer-Encoding: br;a=\"b\", chunked", 501),
        // Expect
        (b"Expect: 200-ok", 417),
        (b"Expect:", 417),
        (b"Expect: 100-continue, 100-continue", 417),
        (b"Expect: 100-continue;a", 417),
        (b"Expect: 100-continue\r\nExpect: b", 417),
        (b"Expect: b\r\nExpect: 100-continue", 417),
        // what is malformed goes before what is not supported
        (b"Expect: b\r\nTransfer-Encoding: gzip", 400),
        (b"Transfer-Encoding: foo\r\nA : b", 400),
    ];
    let stream = |field: &[u8]| bytes(&[b"POST / HTTP/1.1\r\nHost: a\r\n", field, b"\r\n\r\n"]);
    assert_statuses(table, stream);
}

#[test]
fn hosts() {
    let table: &[(&[u8], u16)] = &[
        (b"Host: a\r\n", 0),
        (b"HOST:a\r\n", 0),
        (b"Host: \tExample.COM. \r\n", 0),
        (b"Host: a_b-c~d.example:8080\r\n", 0),
        (b"Host: a:\r\n", 0),
        (b"Host: 127.0.0.1:0\r\n", 0),
        (b"Host: [::1]\r\n", 0),
        (b"Host: [2001:db8::1:2]:65535\r\n", 0),
        (b"Host: [::ffff:127.0.0.1]\r\n", 0),
        (b"", 400),
        (b"Hosts: a\r\n", 400),
        (b"Host:\r\n", 400),
        (b"Host: \r\n", 400),
        (b"Host: a\r\nHost: a\r\n", 400),
        (b"Host: a\r\nX: y\r\nhost: b\r\n", 400),
        (b"Host: a b\r\n", 400),
        (b"Host: a\tb\r\n", 400),
        (b"Host: a,b\r\n", 400),
        (b"Host: a, a\r\n", 400),
        (b"Host: a/b\r\n", 400),
        (b"Host: a/\r\n", 400),
        (b"Host: a?b\r\n", 400),
        (b"Host: a#b\r\n", 400),
        (b"Host: u@a\r\n", 400),
        (b"Host: a\\b\r\n", 400),
        (b"Host: http://a\r\n", 400),
        (b"Host: a%00\r\n", 400),
        (b"Host: a<b>\r\n", 400),
        (b"Host: a\"b\r\n", 400),
        (b"Host: a'b\r\n", 400),
        (b"Host: a;b\r\n", 400),
        (b"Host: a|b\r\n", 400),
        (b"Host: *\r\n", 400),
        (b"Host: \xC3\xA4\r\n", 400),
        (b"Host: :80\r\n", 400),
        (b"Host: a:b\r\n", 400),
        (b"Host: a:+80\r\n", 400),
        (b"Host: a:-1\r\n", 400),
        (b"Host: a:8 0\r\n", 400),
        (b"Host: a:80:80\r\n", 400),
        (b"Host: a:65536\r\n", 400),
        (b"Host: a:000080\r\n", 400),
        (b"Host: ::1\r\n", 400),
        (b"Host: [::1\r\n", 400),
        (b"Host: ::1]\r\n", 400),
        (b"Host: []\r\n", 400),
        (b"Host: [a]\r\n", 400),
        (b"Host: [::1]a\r\n", 400),
        (b"Host: [::1]80\r\n", 400),
        (b"Host: [::1%25eth0]\r\n", 400),
        (b"Host: [1:2:3:4:5:6:7:8:9]\r\n", 400),
        (b"Host: [v1.a]\r\n", 400),
        (b"Host: [127.0.0.1]\r\n", 400),
        (b"Host: a[::1]\r\n", 400),
    ];
    assert_statuses(table, |field| bytes(&[b"GET / HTTP/1.1\r\n", field, b"\r\n"]));
}

#[test]
fn http_1_0() {
    let table: &[(&[u8], u16)] = &[
        (b"", 0),
        (b"Host: a\r\n", 0),
        (b"Content-Length: 3\r\n", 0),
        (b"Expect: 100-continue\r\nContent-Length: 3\r\n", 0),
        (b"Host:\r\n", 400),
        (b"Host: a\r\nHost: a\r\n", 400),
        (b"Transfer-Encoding: chunked\r\n", 400),
        (b"Transfer-Encoding: foo\r\n", 400),
        (b"Expect: b\r\n", 417),
    ];
    assert_statuses(table, |field| bytes(&[b"POST / HTTP/1.0\r\n", field, b"\r\n"]));
}

#[test]
fn line_ends_of_a_head() {
    let table: &[(&[u8], u16)] = &[
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", 0),
        (b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 0),
        (b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 0),
        (b"", 0),
        (b"\r", 0),
        (b"\r\n\r\n", 0),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r", 0),
        (b"\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"\r\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\nHost: a\n\n", 400),
        (b"GET / HTTP/1.1\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\n", 400),
        (b"GET / HTTP/1.1\rHost: a\r\r", 400),
        (b"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\rX", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n \r\n\r\n", 400),
        (b"GET / HTTP/1.1\n\rHost: a\n\r\n\r", 400),
        (b"GET /\r\n\r\n", 400),
        (b"GET /\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ];
    assert_statuses(table, <[u8]>::to_vec);
}

#[test]
fn garbage_is_refused_before_its_line_ends() {
    let table: &[(&[u8], u16)] = &[
        (b"\x16\x03\x01", 400),
        (b"\x05\x01", 400),
        (b"{\"a\":", 400),
        (b"GET / HTTP/1.1\rH", 400),
        (b"GET /\x00", 400),
        (b"GET / HTTP/1.1\r\nA: b\x1B", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\rX", 400),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n", 400),
        (b"SSH-2.0-OpenSSH_9.6\r\n", 400),
    ];
    assert_statuses(table, <[u8]>::to_vec);
}

#[test]
fn chunks() {
    let table: &[(&[u8], u16)] = &[
        // accepted
        (b"0\r\n\r\n", 0),
        (b"3\r\nabc\r\n0\r\n\r\n", 0),
        (b"00003\r\nabc\r\n000\r\n\r\n", 0),
        (b"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", 0),
        (b"2\r\n\r\n\r\n0\r\n\r\n", 0),
        (b"1;a\r\nx\r\n0;b=c;d=\"e;\\\"f\\\\\"\r\n\r\n", 0),
        (b"1 ;\ta = b ; c\r\nx\r\n0\r\n\r\n", 0),
        (b"0\r\nA: b\r\nC:\r\n\r\n", 0),
        (b"FFFFFFFFFFFFFFFF\r\nabc", 0),
        // size
        (b"\r\n\r\n", 400),
        (b"g\r\n", 400),
        (b"-1\r\n", 400),
        (b"+1\r\n", 400),
        (b" 1\r\n", 400),
        (b"\t1\r\n", 400),
        (b"0x1\r\n", 400),
        (b"1h\r\n", 400),
        (b"1_0\r\n", 400),
        (b"1.0\r\n", 400),
        (b"1 \r\n", 400),
        (b"1\t\r\n", 400),
        (b"1 0\r\n", 400),
        (b"1,0\r\n", 400),
        (b";a\r\n", 400),
        (b"10000000000000000\r\n", 400),
        (b"00000000000000001\r\n", 400),
        (b"1\x00\r\n", 400),
        (b"\xD9\xA1\r\n", 400),
        // line ends
        (b"1\nx\r\n", 400),
        (b"1\rx\r\n", 400),
        (b"1\r\r\nx\r\n", 400),
        (b"1\n\rx\r\n", 400),
        (b"1\r\nx\n", 400),
        (b"1\r\nx\r0", 400),
        (b"1\r\nxy\r\n", 400),
        (b"1\r\nx0\r\n\r\n", 400),
        (b"2\r\nx\r\n0\r\n\r\n", 400),
        (b"0\n\r\n", 400),
        (b"0\r\n\n", 400),
        (b"0\r\n\rX", 400),
        // extensions
        (b"1;\r\n", 400),
        (b"1;;a\r\n", 400),
        (b"1;a;\r\n", 400),
        (b"1;a \r\n", 400),
        (b"1;=b\r\n", 400),
        (b"1;a=\r\n", 400),
        (b"1;a=b=c\r\n", 400),
        (b"1;a b\r\n", 400),
        (b"1 a\r\n", 400),
        (b"1;a=\"b\r\n", 400),
        (b"1;a=\"b\"c\r\n", 400),
        (b"1;a=\"b\\\r\n", 400),
        (b"1;a=\"\\\x01\"\r\n", 400),
        (b"1;a\nx\r\n", 400),
        (b"1;a=\"\nx\"\r\n", 400),
        (b"1;a\rb\r\n", 400),
        (b"1;\xFF\r\n", 400),
        (b"1;a\x00\r\n", 400),
        // trailers
        (b"0\r\nContent-Length: 0\r\n\r\n", 400),
        (b"0\r\ntransfer-encoding: chunked\r\n\r\n", 400),
        (b"0\r\nHOST: a\r\n\r\n", 400),
        (b"0\r\nA : b\r\n\r\n", 400),
        (b"0\r\n A: b\r\n\r\n", 400),
        (b"0\r\nA: b\r\n c\r\n\r\n", 400),
        (b"0\r\nA\r\n\r\n", 400),
        (b"0\r\n: b\r\n\r\n", 400),
        (b"0\r\nA: b\x00\r\n\r\n", 400),
        (b"0\r\nA: b\n\r\n", 400),
        (b"0\r\nA: b\rC: d\r\n\r\n", 400),
        (b"0\r\nGET / HTTP/1.1\r\n\r\n", 400),
    ];
    assert_statuses(table, |body| bytes(&[CHUNKED, body]));
}

const CHUNKED: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

/// A request of a head with `fields` more lines of `length` bytes.
fn with_fields(fields: usize, length: usize) -> Vec<u8> {
    let line = [b"A:".as_slice(), &b"x".repeat(length - 4), b"\r\n"].concat();
    bytes(&[b"GET / HTTP/1.1\r\nHost: a\r\n", &line.repeat(fields), b"\r\n"])
}

fn with_target(length: usize) -> Vec<u8> {
    let target = b"/".repeat(length);
    bytes(&[b"GET ", &target, b" HTTP/1.1\r\nHost: a\r\n\r\n"])
}

#[test]
fn limits_of_a_head() {
    let limits = Limits::default();
    assert_eq!(status(&with_target(limits.target)), 0);
    assert_eq!(status(&with_target(limits.target + 1)), 414);
    assert_eq!(status(&with_target(limits.head + 1)), 414);
    assert_eq!(status(&bytes(&[b"GET ", &b"/".repeat(limits.target + 1)])), 414, "incomplete");
    assert_eq!(status(&bytes(&[b"GET ", &b"/".repeat(limits.target)])), 0, "incomplete");

    assert_eq!(status(&with_fields(99, 10)), 0);
    assert_eq!(status(&with_fields(100, 10)), 431);
    let begun = with_fields(99, 10);
    assert_eq!(status(&bytes(&[&begun[..begun.len() - 2], b"B"])), 431, "incomplete");

    let rest = limits.head - b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".len();
    assert_eq!(status(&with_fields(1, rest)), 0);
    assert_eq!(status(&with_fields(1, rest + 1)), 431);
    let longer = with_fields(1, limits.head * 2);
    assert_eq!(status(&longer[..=limits.head]), 431, "incomplete");
    assert_eq!(status(&longer[..limits.head]), 0, "incomplete");
    assert_eq!(status(&bytes(&[b"GET / HTTP/1.1", &b" ".repeat(limits.head)])), 431);
}

#[test]
fn the_first_fault_counts() {
    let target = b"/".repeat(8193);
    assert_eq!(status(&bytes(&[b"GET ", &target, b"\x00 HTTP/1.1\r\n"])), 414);
    assert_eq!(status(&bytes(&[b"GET \x00", &target, b" HTTP/1.1\r\n"])), 400);
    assert_eq!(status(&bytes(&[b"\"GET ", &target, b" HTTP/1.1\r\n"])), 400);
    assert_eq!(status(&bytes(&[b"GET ", &target, b"\n"])), 414);
    assert_eq!(status(&bytes(&[b"GET ", &target, b" HTTP/2.0\r\n"])), 414);
}

#[test]
fn limits_of_chunk_lines() {
    let chunked = |body: &[u8]| status(&bytes(&[CHUNKED, body]));
    let line = |length: usize| bytes(&[b"1;", &b"a".repeat(length - 4), b"\r\n"]);
    assert_eq!(chunked(&line(256)), 0);
    assert_eq!(chunked(&line(257)), 400);
    assert_eq!(chunked(&line(257)[..256]), 0, "incomplete");
    assert_eq!(chunked(&b"0".repeat(257)), 400, "incomplete");

    let chunk = bytes(&[&line(256 + 3), b"x\r\n"]); // 256 bytes of extensions are 257 with their semicolon
    assert_eq!(chunked(&chunk), 400);
    let chunk = bytes(&[&line(131), b"x\r\n"]); // 128 bytes of extensions
    assert_eq!(chunked(&chunk.repeat(64)), 0);
    assert_eq!(chunked(&bytes(&[&chunk.repeat(64), b"1;a\r\n"])), 400);
    assert_eq!(chunked(&bytes(&[&chunk.repeat(64), b"0\r\n\r\n"])), 0);
}

#[test]
fn limits_of_trailers() {
    let trailers = |lines: &[u8]| status(&bytes(&[CHUNKED, b"0\r\n", lines]));
    assert_eq!(trailers(&bytes(&[&b"A: b\r\n".repeat(100), b"\r\n"])), 0);
    assert_eq!(trailers(&bytes(&[&b"A: b\r\n".repeat(100), b"B"])), 431);
    let line = |length: usize| bytes(&[b"A:", &b"x".repeat(length - 4), b"\r\n"]);
    assert_eq!(trailers(&bytes(&[&line(8190), b"\r\n"])), 0);
    assert_eq!(trailers(&bytes(&[&line(8191), b"\r\n"])), 431);
    assert_eq!(trailers(&line(9000)[..8193]), 431, "incomplete");
    assert_eq!(trailers(&line(9000)[..8192]), 0, "incomplete");
}

fn only_head(stream: &[u8]) -> HeadFacts {
    let Outcome { mut heads, refused, .. } = feed(stream);
    assert_eq!((heads.len(), refused), (1, None));
    heads.remove(0)
}

#[test]
fn facts_of_a_head() {
    let facts = only_head(b"\r\nGET http://A/b?c HTTP/1.0\r\n\r\n");
    assert_eq!(
        facts,
        HeadFacts {
            framing: Framing::None,
            version_11: false,
            expect_continue: false,
            method: 2..5,
            target: 6..18,
            form: Form::Absolute,
        }
    );
    let facts = only_head(b"OPTIONS * HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\n\r\n");
    assert_eq!((facts.form, facts.framing), (Form::Asterisk, Framing::Length(7)));
    assert!(facts.version_11);
    assert_eq!(only_head(CHUNKED).framing, Framing::Chunked);
}

#[test]
fn a_100_is_awaited_only_for_a_body_on_1_1() {
    let awaited = |line: &str, fields: &str| {
        let stream = format!("POST / {line}\r\nHost: a\r\nExpect: 100-CONTINUE\r\n{fields}\r\n");
        only_head(stream.as_bytes()).expect_continue
    };
    assert!(awaited("HTTP/1.1", "Content-Length: 1\r\n"));
    assert!(awaited("HTTP/1.1", "Transfer-Encoding: chunked\r\n"));
    assert!(!awaited("HTTP/1.1", ""));
    assert!(!awaited("HTTP/1.1", "Content-Length: 0\r\n"));
    assert!(!awaited("HTTP/1.0", "Content-Length: 1\r\n"));
}

#[test]
fn pipelined_messages_are_released_one_by_one() {
    let messages: [&[u8]; 5] = [
        b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
        b"\r\nPOST /3 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;a\r\nx\r\n0\r\nA: b\r\n\r\n",
        b"POST /4 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        b"GET /5 HTTP/1.1\r\nHost: a\r\n\r\n",
    ];
    let stream = messages.concat();
    let mut checker = Checker::new(Limits::default());
    let mut rest = stream.as_slice();
    for message in messages {
        let head = checker.check(rest).expect("a good head");
        let facts = head.head.expect("a whole head");
        let mut released = head.release;
        let mut ends = head.ends;
        assert_eq!(ends, !facts.framing.has_body());
        while !ends {
            assert_eq!(checker.stage(), Stage::Body);
            let body = checker.check(&rest[released..]).expect("a good body");
            released += body.release;
            ends = body.ends;
        }
        assert_eq!(&rest[..released], message);
        assert_eq!(checker.stage(), Stage::Idle);
        rest = &rest[released..];
    }
    assert!(rest.is_empty());
    let outcome = feed(&stream);
    assert_eq!((outcome.heads.len(), outcome.ended), (5, 5));
}

#[test]
fn a_body_is_released_as_it_comes() {
    let mut checker = Checker::new(Limits::default());
    feed_to(&mut checker, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", 100);
    assert_eq!(checker.check(b"abc").map(|v| (v.release, v.ends)), Ok((3, false)));
    assert_eq!(checker.check(b"").map(|v| (v.release, v.ends)), Ok((0, false)));
    assert_eq!(checker.check(b"deGET").map(|v| (v.release, v.ends)), Ok((2, true)));

    let mut checker = Checker::new(Limits::default());
    feed_to(&mut checker, CHUNKED, 100);
    assert_eq!(checker.check(b"5\r").map(|v| v.release), Ok(0));
    assert_eq!(checker.check(b"5\r\nabc").map(|v| v.release), Ok(6));
    assert_eq!(checker.check(b"de\r").map(|v| v.release), Ok(2));
    assert_eq!(checker.check(b"\r\n0\r\n\r\nGET").map(|v| (v.release, v.ends)), Ok((7, true)));
}

#[test]
fn good_bytes_go_before_the_fault() {
    let outcome = feed(&bytes(&[CHUNKED, b"1\r\nx\r\n1\r\ny\r\nz\r\n"]));
    assert_eq!(outcome.released, CHUNKED.len() + 12);
    assert_eq!(outcome.refused, Some(Reject::bad("malformed chunk size")));
}

#[test]
fn a_refusal_is_final() {
    let mut checker = Checker::new(Limits::default());
    let refused = checker.check(b"G\x00T").expect_err("a NUL byte");
    assert_eq!(checker.stage(), Stage::Rejected);
    assert_eq!(checker.check(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"), Err(refused));
    assert_eq!(refused.to_string(), "NUL byte (400)");
}

#[test]
fn stages_of_a_head() {
    let mut checker = Checker::new(Limits::default());
    for (read, stage) in [
        (b"".as_slice(), Stage::Idle),
        (b"\r\n", Stage::Idle),
        (b"\r\nG", Stage::Head),
        (b"\r\nGET / HTTP/1.1\r\n", Stage::Head),
        (b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Stage::Idle),
    ] {
        checker.check(read).expect("a good head");
        assert_eq!(checker.stage(), stage, "after {}", read.escape_ascii());
    }
}

#[test]
fn limits_are_lowered_to_those_of_the_parser_behind() {
    let limits = Limits { target: usize::MAX, head: usize::MAX, headers: usize::MAX };
    let status = |stream: &[u8]| {
        let mut checker = Checker::new(limits);
        feed_to(&mut checker, stream, stream.len()).refused.map_or(0, |reject| reject.status)
    };
    assert_eq!(status(&with_target(65_534)), 0);
    assert_eq!(status(&with_target(65_535)), 414);
    assert_eq!(status(&with_fields(16_383, 5)), 0);
    assert_eq!(status(&with_fields(16_384, 5)), 431);
    let name = |length| bytes(&[b"GET / HTTP/1.1\r\nHost: a\r\n", &b"a".repeat(length), b":\r\n\r\n"]);
    assert_eq!(status(&name(65_535)), 0);
    assert_eq!(status(&name(65_536)), 431);
}

#[test]
fn a_shorter_buffer_than_before_is_no_panic() {
    let mut checker = Checker::new(Limits::default());
    for read in [b"GET / HTTP/1.1\r\nHost".as_slice(), b"GET", b"", b"GET / HTTP/1.1\r\n"] {
        assert_eq!(checker.check(read), Ok(Verdict::WAIT));
    }
}
