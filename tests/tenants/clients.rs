//! Clients that take more than their part: of connections, of time, and of patience.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::{mpsc, oneshot};
use wasgi::Host;
use wasgi::config::Connections;
use wasgi::server::{Accepted, Listener};

use crate::hosted;
use crate::support::site::{Server, Site};
use crate::support::version::version;
use crate::support::{PATIENCE, guests, wait_for};

/// A connection that says nothing by itself.
fn silent(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a patience");
    stream
}

/// Waits for the server to close.
#[track_caller]
fn closed(mut stream: TcpStream) {
    match stream.read(&mut [0; 64]) {
        Ok(0) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) if error.kind() == ErrorKind::Interrupted => closed(stream),
        other => panic!("not the end: {other:?}"),
    }
}

/// Whether the server has closed it.
fn is_closed(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).expect("a mode");
    let open = matches!(stream.peek(&mut [0; 1]), Err(error) if error.kind() == ErrorKind::WouldBlock);
    stream.set_nonblocking(false).expect("a mode");
    !open
}

#[test]
fn a_flood_of_silent_connections_keeps_nobody_out() {
    let host = hosted("[connections]\ntotal = 64\n", &[("acme/a", "chunks", ""), ("umbra/a", "chunks", "")]);
    let mut known: Vec<_> = (0..8).map(|_| host.server.connect()).collect();
    for client in &mut known {
        assert_eq!(client.get("/acme/a?n=1").expect("a response").status(), 200);
    }
    let mut flood = Vec::new();
    for round in 0..200 {
        flood.push(silent(&host.server));
        if round % 10 == 0 {
            // Whoever asks for something gets it, on a new connection as on an old one.
            assert_eq!(host.server.status_of("/umbra/a?n=1"), 200, "round {round}");
        }
    }
    for client in &mut known {
        assert_eq!(client.get("/acme/a?n=1").expect("a response").status(), 200, "it was within its share");
    }
    let open = || flood.iter().filter(|stream| !is_closed(stream)).count();
    wait_for("most of the flood is gone", || (open() <= 64).then_some(()));
    let line = host.server.log.with("there are more connections than there is room for");
    assert!(line.contains("open=64"), "{line}");
}

#[test]
fn a_tenant_with_many_idle_connections_gives_some_up_for_its_neighbour() {
    let host = hosted("[connections]\ntotal = 64\n", &[("acme/a", "lockstep", ""), ("umbra/a", "chunks", "")]);
    let mut neighbours: Vec<_> = (0..10).map(|_| host.server.connect()).collect();
    for client in &mut neighbours {
        client.get("/umbra/a?n=1").expect("a response");
    }
    // One of its connections is being served, which none of the newcomers ends.
    let running = host.begin("/acme/a");
    let mut greedy = Vec::new();
    for _ in 0..150 {
        let mut client = host.server.connect();
        if client.get("/acme/a").is_ok() {
            greedy.push(client);
        }
    }
    for client in &mut neighbours {
        assert_eq!(client.get("/umbra/a?n=1").expect("a response").status(), 200);
    }
    assert_eq!(host.server.status_of("/umbra/a?n=1"), 200);
    crate::finish(running);
    assert!(greedy.len() > 100, "{}", greedy.len());
}

#[test]
fn the_soft_limit_of_open_files_is_raised() {
    let site = Site::new();
    site.put("hello.wasm", version("hello"));
    let serve = site.command();
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -S -n 100 && ulimit -H -n 1000 && exec \"$@\"", "sh"]).arg(serve.get_program());
    command.args(serve.get_args());
    let server = Server::start(command);
    server.up("/hello", "hello");
    let open: Vec<_> = (0..300).map(|_| silent(&server)).collect();
    assert_eq!(server.text("/hello"), "hello");
    let files = || std::fs::read_dir(format!("/proc/{}/fd", server.pid())).expect("its files").count();
    wait_for("all are accepted", || (files() > 300).then_some(()));
    assert!(open.iter().all(|stream| !is_closed(stream)));
}

#[test]
fn silence_before_the_first_byte_has_its_own_end() {
    let host = hosted("[connections]\nfirst_byte = \"2s\"\n", &[("a", "chunks", "")]);
    let mut kept = host.server.connect();
    assert_eq!(kept.get("/a?n=1").expect("a response").status(), 200);
    let began = Instant::now();
    closed(silent(&host.server));
    let took = began.elapsed();
    assert!((Duration::from_millis(1_900)..Duration::from_secs(10)).contains(&took), "{took:?}");
    // Between two requests another one counts.
    assert_eq!(kept.get("/a?n=1").expect("a response").status(), 200);
}

#[test]
fn a_body_that_comes_too_slowly_is_408_and_one_at_its_pace_is_not() {
    let config = "[connections]\nmin_bytes_per_second = 200\ngrace = \"3s\"\n";
    let host = hosted(config, &[("acme/a", "reads", "")]);
    let post = |app: &str| {
        let mut stream = silent(&host.server);
        let head =
            format!("POST {app} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).expect("a head");
        stream
    };
    // Sends some bytes each 20 ms until the server answers, or all are sent.
    let drip = |mut stream: TcpStream, bytes: usize| {
        let mut sent = 0;
        let mut answer = Vec::new();
        stream.set_read_timeout(Some(Duration::from_millis(20))).expect("a patience");
        while sent < 1_000 && answer.is_empty() {
            sent += stream.write(&vec![b'x'; bytes.min(1_000 - sent)]).unwrap_or(1_000);
            let mut buffer = [0; 4096];
            if let Ok(read) = stream.read(&mut buffer) {
                answer.extend_from_slice(&buffer[..read]);
            }
        }
        stream.set_read_timeout(Some(PATIENCE)).expect("a patience");
        let _ = stream.read_to_end(&mut answer);
        (sent, String::from_utf8_lossy(&answer).into_owned())
    };
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| drip(post("/acme/a?plan=a&tag=slow"), 1));
        let quick = scope.spawn(|| drip(post("/acme/a?plan=a&tag=quick"), 20));
        let (sent, answer) = slow.join().expect("a client");
        assert!(answer.starts_with("HTTP/1.1 408 ") && sent < 500, "{sent}: {answer}");
        let (sent, answer) = quick.join().expect("a client");
        assert!(answer.starts_with("HTTP/1.1 200 ") && sent == 1_000, "{sent}: {answer}");
    });
    assert!(host.server.log.with("tag=slow").contains(" timeout "));
    wait_for("its place is free", || (host.tenant("acme")["in_flight"] == 0).then_some(()));
}

#[test]
fn a_client_that_takes_too_little_has_left_and_one_that_takes_more_has_not() {
    let config = "[connections]\nmin_bytes_per_second = \"20KiB\"\ngrace = \"3s\"\n";
    let host = hosted(config, &[("acme/a", "endless", "")]);
    let narrow = |tag: &str| {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
        socket.set_recv_buffer_size(4096).expect("a buffer");
        socket.connect(&host.server.address.into()).expect("a connection");
        let mut stream: TcpStream = socket.into();
        stream.set_read_timeout(Some(PATIENCE)).expect("a patience");
        let head = format!("GET /acme/a?quiet=1&mb=8&tag={tag} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        stream.write_all(head.as_bytes()).expect("a request");
        stream
    };
    // It takes something all the time, and so is never silent.
    let mut slow = narrow("slow");
    let ended = wait_for("its end", || {
        let read = slow.read(&mut [0; 100]).unwrap_or(0);
        let line = host.server.log.all().into_iter().find(|line| line.contains("tag=slow"));
        line.or_else(|| (read == 0).then(|| host.server.log.with("tag=slow")))
    });
    assert!(ended.contains(" client_gone "), "{ended}");
    let mut steady = narrow("steady");
    let mut read = 0;
    while read < 8 << 20 {
        read += steady.read(&mut [0; 64 * 1024]).expect("bytes");
    }
    assert!(host.server.log.with("tag=steady").contains(" 200 ok "));
    wait_for("both places are free", || (host.tenant("acme")["in_flight"] == 0).then_some(()));
}

/// Connections from whatever address the test says.
struct Pipes(mpsc::Receiver<(DuplexStream, [u8; 4])>);

impl Listener for Pipes {
    type Stream = DuplexStream;

    async fn accept(&mut self) -> std::io::Result<Accepted<DuplexStream>> {
        let Some((stream, address)) = self.0.recv().await else { return std::future::pending().await };
        let mut accepted = Accepted::new(stream);
        accepted.peer = Some((address, 1234).into());
        Ok(accepted)
    }
}

#[tokio::test]
async fn one_address_has_so_many_connections_and_a_trusted_proxy_as_many_as_it_likes() {
    let connections = Connections { per_address: 3, ..Connections::default() };
    let builder = Host::builder().instances(4).connections(connections);
    let builder = builder.trusted_proxies(vec!["192.0.2.0/24".parse().expect("a block")]);
    let host = builder.component(guests::component("chunks")).expect("a host");
    let (connect, accepted) = mpsc::channel(1);
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(async move { host.serve(Pipes(accepted), async { drop(stopped.await) }).await });
    let served = async |address: [u8; 4]| {
        let (mut ours, theirs) = duplex(4096);
        connect.send((theirs, address)).await.expect("a server");
        let asked = ours.write_all(b"GET /?n=1 HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        let mut status = [0; 15];
        let answered = asked.is_ok() && ours.read_exact(&mut status).await.is_ok();
        answered.then_some((ours, status)).filter(|(_, status)| status == b"HTTP/1.1 200 OK").map(|(ours, _)| ours)
    };
    let mut first = Vec::new();
    for _ in 0..3 {
        first.push(served([198, 51, 100, 1]).await.expect("a response"));
    }
    for _ in 0..3 {
        assert!(served([198, 51, 100, 1]).await.is_none());
    }
    let mut others = Vec::new();
    for address in [[198, 51, 100, 2], [198, 51, 100, 3]] {
        others.push(served(address).await.expect("another address"));
    }
    for address in [[192, 0, 2, 7], [127, 0, 0, 1]] {
        for _ in 0..10 {
            others.push(served(address).await.expect("a proxy, or the machine itself"));
        }
    }
    // Who closes one may open another.
    first.pop();
    let again = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Some(again) = served([198, 51, 100, 1]).await {
                return again;
            }
        }
    });
    others.push(again.await.expect("a place"));
    drop((first, others));
    stop.send(()).expect("a server");
    tokio::time::timeout(PATIENCE, serving).await.expect("an end").expect("no panic");
}
