//! Bytes that are no HTTP/1, or nearly: each connection's fate compared with what a second parser makes of the same bytes.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::random::Random;
use crate::strict::{End, Parsed, Request, parse};
use crate::support::client::Framing;
use crate::support::guests;
use crate::support::response::Head;
use crate::support::site::{Server, Site};
use crate::{classes, size};

/// Statuses that refuse what came.
const REFUSALS: [u16; 6] = [400, 414, 417, 431, 501, 505];

/// The same guest at `/a`, at `/b/c`, and as `h.test`.
fn serving() -> (Site, Server) {
    let site = Site::new();
    for (name, route) in [("a", "/a"), ("c", "/b/c"), ("h", "h.test")] {
        site.put(&format!("{name}.toml"), format!("routes = [{route:?}]\n"));
        site.put(&format!("{name}.wasm"), fs::read(guests::component("tells")).expect("a component"));
    }
    let mut command = site.command();
    command.args(["--access-log", "/dev/null"]);
    let server = Server::start(command);
    ["a", "c", "h"].iter().for_each(|name| drop(server.out.after(0, &format!("deployed {name} ("))));
    (site, server)
}

/// What a whole request has to be answered with: status and body.
fn expected(request: &Request) -> (u16, Option<String>) {
    if request.path == b"*" {
        return (200, Some(String::new()));
    }
    let path = decoded(&request.path);
    let below = |mount: &[u8]| path.strip_prefix(mount).is_some_and(|rest| rest.is_empty() || rest[0] == b'/');
    let host = request.host.split(':').next().unwrap_or_default().to_ascii_lowercase();
    let mount = match () {
        () if host.trim_end_matches('.') == "h.test" => "",
        () if below(b"/a") => "/a",
        () if below(b"/b/c") => "/b/c",
        () => return (404, None),
    };
    let sum = request
        .body
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    (200, Some(format!("{} {mount:?} {} {sum:016x}", request.method, request.body.len())))
}

fn decoded(path: &[u8]) -> Vec<u8> {
    let (mut rest, mut out) = (path, Vec::new());
    while let [first, after @ ..] = rest {
        let escape = match rest {
            [b'%', high, low, ..] => char::from(*high).to_digit(16).zip(char::from(*low).to_digit(16)),
            _ => None,
        };
        rest = if escape.is_some() { &rest[3..] } else { after };
        out.push(escape.map_or(*first, |(high, low)| (high * 16 + low) as u8));
    }
    out
}

/// Sends `bytes`, reads the answers that are due to requests of these `methods`, sends an end of file (which by then is
/// nobody's leaving), and gives all that came.
fn exchange(address: SocketAddr, bytes: &[u8], methods: &[&str]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(crate::support::PATIENCE)).expect("a socket");
    // The server may answer, and close, before all is sent.
    let _ = stream.write_all(bytes);
    let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
    while responses(&answer, methods).map_or(0, |came| came.len()) < methods.len() {
        match stream.read(&mut piece) {
            Ok(read @ 1..) => answer.extend_from_slice(&piece[..read]),
            _ => return answer,
        }
    }
    let _ = stream.shutdown(Shutdown::Write);
    let _ = stream.read_to_end(&mut answer);
    // So that no port waits for a minute.
    let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    answer
}

/// The responses in `answer`: status, whether it is the last, and body. `methods` are those of the requests.
fn responses(mut answer: &[u8], methods: &[&str]) -> Result<Vec<(u16, bool, String)>, String> {
    let mut responses = Vec::new();
    while !answer.is_empty() {
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").ok_or("a head without its end")? + 4;
        let head = Head::parse(&answer[..end]);
        answer = &answer[end..];
        if head.status < 200 {
            continue;
        }
        let length = match head.framing(methods.get(responses.len()) != Some(&"HEAD")) {
            Framing::None => 0,
            // Whether that was a HEAD may be the very question.
            Framing::Length(length) if methods.get(responses.len()) == Some(&"HEAD?") => length.min(answer.len()),
            Framing::Length(length) => length,
            other => return Err(format!("{other:?}")),
        };
        let (body, rest) = answer.split_at_checked(length).ok_or("a body without its end")?;
        answer = rest;
        responses.push((head.status, head.closes(), String::from_utf8_lossy(body).into_owned()));
    }
    Ok(responses)
}

/// Sends `bytes`, and compares what comes back with what they are. Gives the kind of end, for the figures.
fn judge(address: SocketAddr, bytes: &[u8]) -> Result<&'static str, String> {
    let Parsed { requests, end } = parse(bytes);
    let mut methods: Vec<_> = requests.iter().map(|request| request.method.as_str()).collect();
    // A refusal is an answer as well.
    let refused = if bytes.windows(4).any(|window| window == b"HEAD") { "HEAD?" } else { "refused" };
    methods.extend(matches!(end, End::Refused(_)).then_some(refused));
    let answer = exchange(address, bytes, &methods);
    let came = responses(&answer, &methods).map_err(|error| format!("{error}: {}", answer.escape_ascii()))?;
    // A body that nobody read is read away, or else its connection closed.
    let closes_behind = |request: &Request| expected(request).0 == 404 && !request.body.is_empty();
    for (number, request) in requests.iter().enumerate() {
        let Some((status, _, body)) = came.get(number) else {
            return match number.checked_sub(1) {
                Some(before) if closes_behind(&requests[before]) => Ok("closed behind a body"),
                _ => Err(format!("no answer to {request:?}")),
            };
        };
        let (due, text) = expected(request);
        if *status != due || request.method != "HEAD" && text.is_some_and(|text| text != *body) {
            return Err(format!("{status} {body:?} to {request:?}"));
        }
    }
    let more = &came[requests.len()..];
    let refusal = |(status, last, _): &(u16, bool, String)| REFUSALS.contains(status) && *last;
    let kind = match (end, more) {
        (End::Clean | End::Closed, []) => "served",
        (End::Refused(_), [one]) if refusal(one) => "refused",
        (End::Refused(_), []) if requests.last().is_some_and(closes_behind) => "closed behind a body",
        // Where a client leaves off: nothing, or that it should not have.
        (End::Truncated, []) => "truncated",
        (End::Truncated, [one]) if refusal(one) || one.0 == 408 => "truncated",
        // What the host answers by itself, it answers before the body is there.
        (End::Refused(_) | End::Truncated, [one]) if one.0 == 404 || one.0 == 200 && one.2.is_empty() => {
            "of no application"
        }
        (end, more) => {
            return Err(format!("the other parser says {end:?} after {requests:?}, and there came {more:?}"));
        }
    };
    Ok(kind)
}

#[test]
fn c8_to_c17_five_hundred_classes() {
    let (_site, server) = serving();
    let (mut count, mut kinds) = (0, BTreeMap::new());
    for (name, bytes, status) in classes::all() {
        count += 1;
        // Nothing is served after what is refused.
        let stream = [&bytes[..], b"GET /a/after HTTP/1.1\r\nHost: localhost\r\n\r\n"].concat();
        let answer = exchange(server.address, &stream, &["refused"]);
        let came = responses(&answer, &[]).unwrap_or_else(|error| panic!("{name}: {error}: {}", answer.escape_ascii()));
        let [(found, true, _)] = came[..] else { panic!("{name}: {came:?} to {}", bytes.escape_ascii()) };
        assert_eq!(found, status, "{name}: {}", bytes.escape_ascii());
        if let Err(error) = judge(server.address, &stream) {
            panic!("{name}: {error}: {}", stream.escape_ascii());
        }
        *kinds.entry(status).or_insert(0) += 1;
    }
    println!("C8 to C17: {count} classes by hand, each refused and nothing served after it: {kinds:?}");
    assert!(count >= 500, "{count}");
    assert_eq!(server.status_of("/a"), 200);
}

/// What is changed into what is nearly HTTP.
const VALID: &[&str] = &[
    "GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "GET /a/x%2fy?q=1&r HTTP/1.1\r\nHost: localhost:80\r\nAccept: */*\r\nCookie: a=b\r\n\r\n",
    "GET /b/c/d HTTP/1.0\r\nHost: other\r\nConnection: keep-alive\r\n\r\n",
    "HEAD /a HTTP/1.1\r\nHost: localhost\r\nX: y\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
    "GET http://h.test/a?b HTTP/1.1\r\nHost: localhost\r\nUser-Agent: x\r\n\r\n",
    "POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\n\r\nGET / HTTP/",
    "POST /b/c HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
    "POST /a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "PUT /b/c HTTP/1.1\r\nHost: h.test\r\nTransfer-Encoding: chunked\r\n\r\n3;a=\"b\"\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: r\r\n\r\n",
    "POST /nobody HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi",
    "DELETE /a/b?c HTTP/1.1\r\nHost: localhost\r\nConnection: X, close\r\n\r\n",
];

/// What is put where it does harm.
const HARM: &[&str] = &[
    "\r",
    "\n",
    "\r\n",
    "\r\n\r\n",
    "\0",
    "\t",
    " ",
    ":",
    ",",
    ";",
    "\u{7f}",
    "\u{e9}",
    "#",
    "@",
    "[",
    "\"",
    "%00",
    "Content-Length: 5\r\n",
    "Content-Length: 0\r\n",
    "Content-Length: +1\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip\r\n",
    "Transfer-Encoding: x\r\n",
    "Host: h.test\r\n",
    "Host: \r\n",
    "Expect: x\r\n",
    " folded\r\n",
    "X : y\r\n",
    ": y\r\n",
    "no colon\r\n",
    "0\r\n\r\n",
    "ffffffffffffffff1\r\n",
    "-1\r\n",
    "HTTP/2.0",
    "HTTP/1.1",
    "chunked",
    "GET /a HTTP/1.1\r\nHost: a\r\n\r\n",
];

/// A valid request with one to three changes, most of them behind its request line, and a second request.
fn mutated(random: &mut Random) -> Vec<u8> {
    let mut bytes = VALID[random.below(VALID.len())].as_bytes().to_vec();
    for _ in 0..=random.below(3) {
        let line =
            bytes.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1).min(bytes.len().saturating_sub(1));
        let from = if random.below(5) == 0 { 0 } else { line };
        let at = from + random.below((bytes.len() - from).max(1));
        match random.below(6) {
            0 => bytes[at] = random.below(256) as u8,
            1 => bytes[at] ^= 1 << random.below(8),
            2 => drop(bytes.remove(at)),
            3 => {
                let end = (at + 1 + random.below(12)).min(bytes.len());
                let piece = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, piece));
            }
            _ => drop(bytes.splice(at..at, HARM[random.below(HARM.len())].bytes())),
        }
        if bytes.is_empty() {
            bytes.push(b'\r');
        }
    }
    bytes.extend_from_slice(b"GET /a/second HTTP/1.1\r\nHost: localhost\r\n\r\n");
    bytes
}

#[test]
fn c8_a_million_generated() {
    const CLIENTS: usize = 8;
    let (_site, server) = serving();
    let (count, next) = (size::of(1_000_000), AtomicUsize::new(0));
    let began = Instant::now();
    let kinds = thread::scope(|scope| {
        let client = |_| {
            scope.spawn(|| {
                let mut kinds = BTreeMap::new();
                loop {
                    let number = next.fetch_add(1, Relaxed);
                    if number >= count {
                        return kinds;
                    }
                    let bytes = mutated(&mut Random(number as u64));
                    match judge(server.address, &bytes) {
                        Ok(kind) => *kinds.entry(kind).or_insert(0) += 1,
                        Err(error) => panic!("number {number}: {error}\nsent {}", bytes.escape_ascii()),
                    }
                }
            })
        };
        let clients: Vec<_> = (0..CLIENTS).map(client).collect();
        let mut all = BTreeMap::<&str, usize>::new();
        for client in clients {
            client
                .join()
                .expect("a client")
                .into_iter()
                .for_each(|(kind, count)| *all.entry(kind).or_default() += count);
        }
        all
    });
    println!("C8: {count} generated in {:.0?}, each judged as by the second parser: {kinds:?}", began.elapsed());
    assert!(server.log.all().iter().all(|line| !line.contains("panicked")), "{:#?}", server.log.all());
    assert_eq!(server.status_of("/a"), 200);
}
