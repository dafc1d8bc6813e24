//! A request from its first byte to its last without a network: over a pipe of this process, through hyper and, for
//! wasgi, through the whole host, with its limits and its access log.

use std::convert::Infallible;
use std::io;
use std::path::Path;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue, SERVER};
use hyper::service::service_fn;
use hyper::{Response, server::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::runtime::Runtime;
use wasgi::Host;
use wasgi::log::{AccessLog, LogFormat};
use wasgi::manifest::{Limits, Settings};
use wasgi::server::{Accepted, Listener};

/// As wrk asks.
const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";
const ANSWER: &[u8] = b"Hello, World!\n";
/// More than a request or a response has.
const PIPE: usize = 64 << 10;

/// A server and its client, on one connection that is kept.
pub(crate) struct InProcess {
    runtime: Runtime,
    client: DuplexStream,
    response: Vec<u8>,
}

/// Gives one connection.
struct Once(Option<DuplexStream>);

impl Listener for Once {
    type Stream = DuplexStream;

    async fn accept(&mut self) -> io::Result<Accepted<DuplexStream>> {
        match self.0.take() {
            Some(stream) => Ok(Accepted::new(stream)),
            None => std::future::pending().await,
        }
    }
}

impl InProcess {
    /// hyper alone.
    pub(crate) fn bare() -> InProcess {
        InProcess::new(|stream| async move {
            let service = service_fn(|_| async {
                let mut response = Response::new(Full::new(Bytes::from_static(ANSWER)));
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
                response.headers_mut().insert(SERVER, HeaderValue::from_static("wasgi/0.1.0"));
                Ok::<_, Infallible>(response)
            });
            http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.unwrap();
        })
    }

    /// wasgi with the example `hello`, and a folder for its logs.
    pub(crate) fn wasgi(component: &[u8], reuse: bool, folder: &Path) -> InProcess {
        let manifest = format!("[instances]\nreuse = {reuse}\nmax_requests = 1000000000\n");
        let host = Host::builder()
            .settings(Settings::parse(&manifest, &Limits::default()).unwrap())
            .instances(4)
            .access_log(AccessLog::open(&folder.join("access.log"), LogFormat::default()).unwrap())
            .bytes("hello", component)
            .unwrap();
        InProcess::new(|stream| async move { host.serve(Once(Some(stream)), std::future::pending()).await })
    }

    fn new<F: Future<Output = ()> + Send + 'static>(serve: impl FnOnce(DuplexStream) -> F) -> InProcess {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (client, server) = duplex(PIPE);
        runtime.spawn(serve(server));
        InProcess { runtime, client, response: Vec::new() }
    }

    /// One request, and all of its response.
    pub(crate) fn ask(&mut self) {
        let InProcess { runtime, client, response } = self;
        response.clear();
        runtime.block_on(async {
            client.write_all(REQUEST).await.unwrap();
            while !response.ends_with(ANSWER) {
                assert!(client.read_buf(response).await.unwrap() > 0, "{}", String::from_utf8_lossy(response));
            }
        });
        assert!(response.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", String::from_utf8_lossy(response));
    }
}
