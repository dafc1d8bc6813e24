//! The limit: a hyper server that answers the same and does nothing else. Its workloads are the guest's own code.

use std::borrow::Cow;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use anyhow::Result;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{self, CONTENT_TYPE, HeaderName, HeaderValue, SERVER};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, server::conn::http1};
use hyper_util::rt::TokioIo;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

use crate::work;

/// Serves on `port` until it is killed.
pub(crate) fn serve(port: u16) -> Result<()> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        loop {
            let (stream, peer) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let service = service_fn(move |request| answer(request, peer));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    })
}

async fn answer(mut request: Request<Incoming>, peer: SocketAddr) -> Result<Response<Answer>, Infallible> {
    let text = "text/plain; charset=utf-8";
    Ok(match request.uri().path() {
        "/" => response(StatusCode::OK, "text/plain", Bytes::from_static(b"Hello, World!\n")),
        "/environ" => response(StatusCode::OK, text, work::lengths(|name| look_up(&request, peer, name)).into()),
        "/json" => match request.body_mut().collect().await.ok().and_then(|order| work::bill(&order.to_bytes())) {
            Some(bill) => response(StatusCode::OK, "application/json", bill.into()),
            None => response(StatusCode::BAD_REQUEST, text, "That is no order.\n".into()),
        },
        "/large" => response(StatusCode::OK, "application/octet-stream", chunk()),
        "/page" => {
            let name = request.uri().query().and_then(|query| query.strip_prefix("name=")).unwrap_or("Stock");
            response(StatusCode::OK, "text/html; charset=utf-8", work::page(name).into())
        }
        "/down" => {
            let mut response = response(StatusCode::OK, "application/octet-stream", Bytes::new());
            *response.body_mut() = Answer::Chunks(work::CHUNKS);
            response
        }
        "/up" => match hash(request.into_body()).await {
            Ok((bytes, digest)) => response(StatusCode::OK, text, format!("{bytes} bytes\nsha256 {digest}\n").into()),
            Err(error) => response(StatusCode::BAD_REQUEST, text, error.to_string().into()),
        },
        _ => response(StatusCode::NOT_FOUND, text, "No such workload.\n".into()),
    })
}

/// The example `upload`, natively.
async fn hash(mut body: Incoming) -> Result<(u64, String), hyper::Error> {
    let mut hasher = Sha256::new();
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        if let Ok(chunk) = frame?.into_data() {
            hasher.update(&chunk);
            bytes += chunk.len() as u64;
        }
    }
    Ok((bytes, hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()))
}

fn response(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Answer> {
    let mut response = Response::new(Answer::Whole(Some(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(SERVER, HeaderValue::from_static("wasgi/0.1.0"));
    response
}

/// No copy and no allocation: the least that a chunk can cost.
fn chunk() -> Bytes {
    static CHUNK: [u8; work::CHUNK] = [b'.'; work::CHUNK];
    Bytes::from_static(&CHUNK)
}

/// A variable of the environ, found where hyper has it.
fn look_up<'a>(request: &'a Request<Incoming>, peer: SocketAddr, name: &str) -> Option<Cow<'a, str>> {
    Some(match name {
        "REQUEST_METHOD" => request.method().as_str().into(),
        "SCRIPT_NAME" => "".into(),
        "PATH_INFO" => request.uri().path().into(),
        "QUERY_STRING" => request.uri().query().unwrap_or_default().into(),
        "SERVER_PROTOCOL" => "HTTP/1.1".into(),
        "REMOTE_ADDR" => peer.ip().to_string().into(),
        _ => String::from_utf8_lossy(request.headers().get(header(name)?)?.as_bytes()),
    })
}

/// The header that a variable stands for.
fn header(variable: &str) -> Option<HeaderName> {
    Some(match variable {
        "HTTP_HOST" => header::HOST,
        "HTTP_ACCEPT" => header::ACCEPT,
        "HTTP_ACCEPT_ENCODING" => header::ACCEPT_ENCODING,
        "HTTP_ACCEPT_LANGUAGE" => header::ACCEPT_LANGUAGE,
        "HTTP_AUTHORIZATION" => header::AUTHORIZATION,
        "HTTP_CACHE_CONTROL" => header::CACHE_CONTROL,
        "HTTP_COOKIE" => header::COOKIE,
        "HTTP_IF_MODIFIED_SINCE" => header::IF_MODIFIED_SINCE,
        "HTTP_IF_NONE_MATCH" => header::IF_NONE_MATCH,
        "HTTP_ORIGIN" => header::ORIGIN,
        "HTTP_RANGE" => header::RANGE,
        "HTTP_REFERER" => header::REFERER,
        "HTTP_USER_AGENT" => header::USER_AGENT,
        "HTTP_X_REQUESTED_WITH" => HeaderName::from_static("x-requested-with"),
        _ => return None,
    })
}

/// A response's body.
enum Answer {
    /// One piece, until it is taken.
    Whole(Option<Bytes>),
    /// So many chunks more.
    Chunks(usize),
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = match self.get_mut() {
            Answer::Whole(piece) => piece.take(),
            Answer::Chunks(0) => None,
            Answer::Chunks(left) => {
                *left -= 1;
                Some(chunk())
            }
        };
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Answer::Whole(None) | Answer::Chunks(0))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match self {
            Answer::Whole(piece) => piece.as_ref().map_or(0, Bytes::len) as u64,
            Answer::Chunks(left) => (left * work::CHUNK) as u64,
        })
    }
}
