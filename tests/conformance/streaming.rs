//! Chunks go out as they are made, and are made as the client takes them.

use std::time::{Duration, Instant};

use crate::support::client::Client;
use crate::support::host::{Host, guest};
use crate::support::{unique, wait_for, wait_until_still};

#[test]
fn a_chunk_is_sent_before_the_next_one_is_asked_for() {
    let app = guest("lockstep");
    let mut client = app.connect();
    client.send(app.request("POST", "/").header("Transfer-Encoding", "chunked").bytes());
    client.send("2\r\n1\n\r\n");
    client.head();
    for n in 1..=20 {
        // The application waits for the next line, and this one is back already.
        assert_eq!(client.chunk().unwrap(), format!("{n}\n").as_bytes());
        client.expect_nothing_yet();
        let next = format!("{}\n", n + 1);
        client.send(if n < 20 { format!("{:x}\r\n{next}\r\n", next.len()) } else { "0\r\n\r\n".to_owned() });
    }
    assert_eq!(client.chunk().unwrap(), b"");
}

#[test]
fn a_chunk_of_a_known_length_is_not_held_back_either() {
    let app = guest("lockstep");
    let mut client = app.connect();
    client.send("POST / HTTP/1.0\r\nHost: lockstep.test\r\nContent-Length: 4\r\n\r\n1\n");
    client.head();
    client.read_exactly(b"1\n");
    client.send("2\n");
    assert_eq!(client.rest(), b"2\n");
}

#[test]
fn a_chunk_arrives_while_the_application_still_waits() {
    let app = guest("ticks");
    let mut client = app.connect();
    client.send(app.request("GET", "/?n=4&ms=300").bytes());
    client.head();
    let began = Instant::now();
    let mut times = Vec::new();
    for n in 0..4 {
        assert_eq!(client.chunk().unwrap(), format!("tick {n}\n").as_bytes());
        times.push(began.elapsed());
    }
    let apart: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(apart.iter().all(|pause| *pause > Duration::from_millis(100)), "{times:?}");
}

/// Socket buffers of both ends, and one chunk.
const BUFFERED: u64 = 16 << 20;

#[test]
fn a_slow_client_stops_the_application() {
    let host = Host::options().start();
    let app = host.deploy("endless");
    let before = host.memory("VmRSS");
    let mut client = Client::narrow(host.clone());
    client.send(app.request("GET", "/?tag=slow").bytes());
    client.head();
    let made = || app.lines("chunk ").len();
    let stopped = wait_until_still("the application stops", Duration::from_millis(700), made);
    assert!((stopped as u64) * 64 * 1024 < BUFFERED, "{stopped} chunks were made for nobody");
    // It goes on as the client does, and stops again.
    client.skim(BUFFERED as usize);
    wait_for("the application goes on", || (made() > stopped).then_some(()));
    let again = wait_until_still("the application stops again", Duration::from_millis(700), made);
    assert!((again as u64) * 64 * 1024 < 2 * BUFFERED + (4 << 20), "{again} chunks");
    let grown = host.memory("VmRSS").saturating_sub(before);
    assert!(grown < 32 << 10, "{grown} KiB more memory");
}

#[test]
fn large_bodies_pass_both_ways_with_flat_memory() {
    const MEGABYTES: usize = 64;
    let host = Host::options().start();
    let (up, down) = (host.deploy("counts_input"), host.deploy("endless"));
    // One of each first: code is loaded and pools are warm.
    up.post("/", vec![0; 1 << 20]).expect(200);
    down.get("/?mb=1&quiet=1").expect(200);
    let before = host.memory("VmHWM");

    let mut client = down.connect();
    client
        .send(down.request("GET", &format!("/?mb={MEGABYTES}&quiet=1&tag=down")).header("Connection", "close").bytes());
    client.head();
    assert!(client.skim(usize::MAX) >= MEGABYTES << 20);
    let line = down.wait_access("tag=down");
    assert_eq!((line.outcome(), line.number("out")), ("ok", (MEGABYTES as u64) << 20));

    let mut client = up.connect();
    let length = (MEGABYTES << 20).to_string();
    client.send(up.request("POST", "/?tag=up").header("Content-Length", &length).bytes());
    let piece: Vec<u8> = (0..1 << 20).map(|n| (n % 251) as u8).collect();
    let mut sum = 0xcbf2_9ce4_8422_2325_u64;
    for _ in 0..MEGABYTES {
        client.send(&piece);
        sum = piece.iter().fold(sum, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    }
    assert_eq!(client.response().expect(200).text(), format!("{length} {sum:016x}"));
    assert_eq!(up.wait_access("tag=up").number("in"), (MEGABYTES as u64) << 20);

    let grown = host.memory("VmHWM") - before;
    assert!(grown < 16 << 10, "{grown} KiB more memory at the peak");
}

#[test]
fn a_client_that_takes_its_time_gets_everything() {
    let (app, tag) = (guest("endless"), unique());
    let mut client = Client::narrow(app.host.clone());
    client.send(app.request("GET", &format!("/?mb=8&quiet=1&tag={tag}")).bytes());
    let head = client.head();
    let response = client.body_of(head, true).expect(200);
    assert_eq!(response.body.len(), 8 << 20);
    for (n, chunk) in response.body.chunks(64 * 1024).enumerate() {
        assert!(chunk.iter().all(|byte| *byte == b'a' + (n % 26) as u8), "chunk {n}");
    }
    app.wait_line(&format!("sent {tag} bytes={} complete=true", 8 << 20));
}
