//! Properties of the checker of HTTP/1 bytes, and that hyper answers nothing by itself after it.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

#[path = "fuzz/bodies/wire.rs"]
mod body;

use std::convert::Infallible;
use std::fs;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wasgi::wsgi::wire::{Limits, Reject};

/// What requests, good and bad, are made of.
const FRAGMENTS: &[&str] = &[
    "GET / HTTP/1.1\r\nHost: a\r\n",
    "POST /a?b HTTP/1.1\r\nHost: a:80\r\n",
    "POST http://a/ HTTP/1.0\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: [::1]\r\n",
    "Content-Length: 3\r\n",
    "Content-Length: 0\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip\r\n",
    "Expect: 100-continue\r\n",
    "Connection: close\r\n",
    "X: y\r\n",
    "\r\n",
    "\r\n\r\n",
    "abc",
    "3\r\nabc\r\n",
    "1;a=\"b\"\r\nx\r\n",
    "0\r\n\r\n",
    "0\r\nT: r\r\n\r\n",
    "GET ",
    "/",
    "http://",
    " ",
    "\t",
    ":",
    ";",
    ",",
    "\r",
    "\n",
    "\0",
    "\u{7f}",
    "HTTP/1.1",
    "Host",
    "chunked",
    "ffffffffffffffff",
];

/// Fragments with single bytes changed here and there.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let fragments = prop::collection::vec(prop::sample::select(FRAGMENTS), 0..24);
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3);
    (fragments, changes).prop_map(|(fragments, changes)| {
        let mut stream = fragments.concat().into_bytes();
        for (index, byte) in changes {
            if !stream.is_empty() {
                let at = index.index(stream.len());
                stream[at] = byte;
            }
        }
        stream
    })
}

/// A chunked message, also of malformed chunks and trailers, and one after it.
fn chunked() -> impl Strategy<Value = Vec<u8>> {
    let chunk = prop_oneof![Just("3\r\nabc\r\n".to_string()), "[0-3]( ?;[a=\" ]{0,4})?\r\n", "[a-c]{0,3}\r?\n?",];
    let trailer = prop_oneof!["[A-Z]: ?[a-z\r]{0,9}\r\n", "[ -~\r\n\t]{0,6}"];
    let chunks = prop::collection::vec(chunk, 0..4);
    let trailers = prop::collection::vec(trailer, 0..8);
    (chunks, trailers).prop_map(|(chunks, trailers)| {
        let (chunks, trailers) = (chunks.concat(), trailers.concat());
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        let next = "GET / HTTP/1.0\r\n\r\n";
        format!("{head}{chunks}0\r\n{trailers}\r\n{next}").into_bytes()
    })
}

/// A request that is well-formed but for a few bytes in its first line and fields.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let target = "[/a-z?\"`<>|{}%#\\[\\]@:é]{0,8}";
    let fields = prop::collection::vec("[A-Za-z:_ -]{0,6}: ?[ -~\té]{0,12}", 0..6);
    let host = "[a-z0-9.:\\[\\]@%_-]{0,9}";
    (target, host, fields, 0..2u8).prop_map(|(target, host, fields, minor)| {
        let fields = fields.join("\r\n");
        format!("GET /{target} HTTP/1.{minor}\r\nHost: {host}\r\n{fields}\r\n\r\n").into_bytes()
    })
}

/// Requests whose target is only sometimes one.
fn target() -> impl Strategy<Value = Vec<u8>> {
    let target =
        prop_oneof!["(http|HTTPS|ws)://[a-z0-9.:\\[\\]@%]{0,8}[/?#]?[ -~é]{0,6}", "[!-~]{1,6}", "/[ -~é]{0,12}",];
    target.prop_map(|target| format!("OPTIONS {target} HTTP/1.0\r\n\r\n").into_bytes())
}

fn any_stream() -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop::collection::vec(any::<u8>(), 0..200);
    prop_oneof![stream(), request(), target(), chunked(), bytes]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn verdicts_are_those_of_the_parsers_behind(
        stream in any_stream(),
    ) {
        body::run(&stream);
    }

    #[test]
    fn any_split_gives_the_same_verdicts(
        stream in any_stream(),
        pieces in prop::collection::vec(1..40usize, 1..30),
    ) {
        for limits in [Limits::default(), body::LOW] {
            let whole = body::feed(&stream, &[stream.len()], limits);
            prop_assert_eq!(body::feed(&stream, &pieces, limits), whole);
        }
    }

    #[test]
    fn a_prefix_releases_no_more_and_is_refused_no_differently(
        stream in any_stream(),
        cut in any::<prop::sample::Index>(),
    ) {
        let cut = cut.index(stream.len() + 1);
        let whole = body::feed(&stream, &[stream.len()], Limits::default());
        let part = body::feed(&stream[..cut], &[cut], Limits::default());
        prop_assert!(part.released <= whole.released);
        prop_assert!(part.refused.is_none() || part.refused == whole.refused);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn hyper_refuses_nothing_that_was_released(stream in any_stream()) {
        hyper_serves(&stream);
    }
}

#[test]
fn hyper_refuses_nothing_of_the_corpus() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fuzz/corpus/wire");
    for seed in fs::read_dir(corpus).expect("the corpus") {
        let path = seed.expect("a readable directory").path();
        println!("{}", path.display());
        hyper_serves(&fs::read(path).expect("a readable seed"));
    }
}

/// The seeds say in their names what becomes of them: `414-long-target`, or `ok-` and what is special about it.
#[test]
fn seeds_get_the_status_of_their_names() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fuzz/corpus/wire");
    for seed in fs::read_dir(corpus).expect("the corpus") {
        let path = seed.expect("a readable directory").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("ASCII");
        let stream = fs::read(&path).expect("a readable seed");
        let refused = body::feed(&stream, &[stream.len()], Limits::default()).refused;
        let status = refused.map_or("ok".to_string(), |Reject { status, .. }| status.to_string());
        assert_eq!(name.split('-').next(), Some(status.as_str()), "{name}");
    }
}

/// Sends the released bytes to hyper, message by message: each head has to reach the service.
fn hyper_serves(stream: &[u8]) {
    let outcome = body::feed(stream, &[stream.len()], Limits::default());
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let starts = outcome.heads.iter().map(|(head, _)| head.start);
    let ends = starts.clone().skip(1).chain([outcome.released]);
    for (start, end) in starts.zip(ends) {
        let message = &stream[start..end];
        let (calls, answer) = runtime.block_on(exchange(message));
        assert_eq!(calls, 1, "{} was answered {}", message.escape_ascii(), answer.escape_ascii());
    }
}

async fn exchange(message: &[u8]) -> (usize, Vec<u8>) {
    let calls = AtomicUsize::new(0);
    let (mut client, server) = tokio::io::duplex(1 << 16);
    let service = service_fn(|request: Request<Incoming>| {
        calls.fetch_add(1, Ordering::Relaxed);
        async move {
            drain(request.into_body()).await;
            Ok::<_, Infallible>(Response::new(String::new()))
        }
    });
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(server), service);
    let mut answer = Vec::new();
    let client = async {
        client.write_all(message).await.expect("room for the message");
        client.shutdown().await.expect("an end of file");
        client.read_to_end(&mut answer).await.expect("an answer, or none");
    };
    let _ = tokio::join!(connection, client); // a message without its end is an error of the connection
    (calls.into_inner(), answer)
}

async fn drain(mut body: Incoming) {
    while let Some(Ok(_)) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {}
}
