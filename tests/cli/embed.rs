//! The host as a library: a component behind a listener of one's own.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use wasgi::Host;
use wasgi::compiler::{CompileLimits, Compiler};
use wasgi::log::{AccessLog, LogFormat};
use wasgi::server::{Accepted, Listener};
use wasgi::wsgi::environ::Scheme;

use crate::support::guests;

/// Connections that exist in memory only.
struct Pipes(mpsc::Receiver<DuplexStream>);

impl Listener for Pipes {
    type Stream = DuplexStream;

    async fn accept(&mut self) -> io::Result<Accepted<DuplexStream>> {
        let Some(stream) = self.0.recv().await else { return std::future::pending().await };
        let mut accepted = Accepted::new(stream);
        accepted.peer = Some(([192, 0, 2, 7], 1234).into());
        accepted.scheme = Scheme::Https;
        Ok(accepted)
    }
}

/// A socket in the file system.
struct Unix(UnixListener);

impl Listener for Unix {
    type Stream = UnixStream;

    async fn accept(&mut self) -> io::Result<Accepted<UnixStream>> {
        Ok(Accepted::new(self.0.accept().await?.0))
    }
}

/// One request on a connection of its own, and everything that is answered.
async fn ask(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin) -> String {
    stream.write_all(b"GET /x?y HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn behind_pipes_in_memory() {
    let host = Host::builder().instances(4).component(guests::component("environ")).unwrap();
    let (connect, connections) = mpsc::channel(1);
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(async move { host.serve(Pipes(connections), async { drop(stopped.await) }).await });
    for _ in 0..3 {
        let (ours, theirs) = duplex(4096);
        connect.send(theirs).await.unwrap();
        let answer = ask(ours).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        for line in ["PATH_INFO=/x", "QUERY_STRING=y", "REMOTE_ADDR=192.0.2.7", "wsgi.url_scheme=https"] {
            assert!(answer.lines().any(|given| given == line), "{line} is not in {answer}");
        }
    }
    stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(30), serving).await.expect("an end").unwrap();
}

#[tokio::test]
async fn behind_a_unix_socket_at_a_mount() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let log = folder.path().join("access.log");
    let builder = Host::builder().instances(4).mount("/x").access_log(AccessLog::open(&log, LogFormat::Text).unwrap());
    let host = Arc::new(builder.component(guests::component("environ")).unwrap());
    let served = host.clone();
    let listener = Unix(UnixListener::bind(&path).unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(async move { served.serve(listener, async { drop(stopped.await) }).await });
    let answer = ask(UnixStream::connect(&path).await.unwrap()).await;
    for line in ["SCRIPT_NAME=/x", "PATH_INFO=", "wsgi.url_scheme=http"] {
        assert!(answer.lines().any(|given| given == line), "{line} is not in {answer}");
    }
    stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(30), serving).await.expect("an end").unwrap();
    tokio::task::spawn_blocking(move || host.flush_logs()).await.unwrap();
    let lines = std::fs::read_to_string(log).unwrap();
    assert!(lines.contains(" GET /x?y 200 ok app=default/") && lines.lines().count() == 1, "{lines:?}");
}

#[tokio::test]
async fn with_a_component_that_another_process_compiled() {
    let wasgi = Compiler::child(env!("CARGO_BIN_EXE_wasgi"), CompileLimits::default());
    let builder = || Host::builder().instances(4).compiler(wasgi.clone());
    let host = builder().component(guests::component("environ")).unwrap();
    let (connect, connections) = mpsc::channel(1);
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(async move { host.serve(Pipes(connections), async { drop(stopped.await) }).await });
    let (ours, theirs) = duplex(4096);
    connect.send(theirs).await.unwrap();
    assert!(ask(ours).await.contains("\nPATH_INFO=/x\n"));
    stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(30), serving).await.expect("an end").unwrap();
    let error = builder().bytes("bad", b"PK").err().unwrap();
    assert!(format!("{error:#}").contains("zip"), "{error:#}");
    let other = Host::builder().instances(1).compiler(Compiler::child("/bin/cat", CompileLimits::default()));
    let error = other.component(guests::component("environ")).err().unwrap();
    assert!(format!("{error:#}").contains("can't compile it: "), "{error:#}");
}

#[test]
fn what_is_no_application_is_an_error() {
    let error = Host::builder().instances(1).component("missing.wasm").err().unwrap();
    assert!(format!("{error:#}").contains("missing.wasm"), "{error:#}");
    let error = Host::builder().instances(1).bytes("bad", b"PK").err().unwrap();
    assert!(format!("{error:#}").contains("zip"), "{error:#}");
}
