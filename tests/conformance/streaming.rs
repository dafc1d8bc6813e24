//! Chunks go out as they are made, and are made as the client takes them.

use std::time::{Duration, Instant};

use crate::support::client::Client;
use crate::support::guests::is_python;
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
    // They come so far apart that a reader who had to wait for the machine still sees that they do.
    client.send(app.request("GET", "/?n=3&ms=2000").bytes());
    client.head();
    let began = Instant::now();
    let mut times = Vec::new();
    for n in 0..3 {
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
    // What Python's toolchain sends it never frees (host/docs/sdk-python.md, "Memory").
    if !is_python("endless") {
        let grown = host.memory("VmRSS").saturating_sub(before);
        assert!(grown < 32 << 10, "{grown} KiB more memory");
    }
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
