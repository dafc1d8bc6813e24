//! One request without a server: what `call` and `cgi` share.

use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll};

use anyhow::{Context, Result};
use bytes::{Bytes, BytesMut};
use http::response::Parts;
use http::{Request, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::ext::ReasonPhrase;
use tokio::io::AsyncRead;
use tokio_util::io::poll_read_buf;

use super::working;
use crate::compiler::{CompileLimits, Compiler};
use crate::exchange::Client;
use crate::gateway::{Line, Tails};
use crate::host::{Builder, Host};
use crate::manifest::{Limits, Settings};
use crate::state;

/// What the manifest beside the component `file` says, if there is one.
fn manifest(file: &Path) -> Result<Settings> {
    let manifest = file.with_extension("toml");
    let shown = || format!("reading the manifest {}", manifest.display());
    match std::fs::read_to_string(&manifest) {
        Ok(text) => Settings::parse(&text, &Limits::default()).with_context(shown),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Settings::default()),
        Err(error) => Err(error).with_context(shown),
    }
}

/// A host for the component `file`, with the manifest beside it and the code cache.
pub(super) fn host(file: &Path, builder: Builder) -> Result<Host> {
    let settings = manifest(file)?;
    let _compiling = working(&format!("compiling {}", file.display()));
    // A place for the cache is worth having, and not worth failing for.
    let cache = state::default_root().ok().map(|root| root.join("call"));
    if let Some(folder) = &cache {
        // Whoever can write there can run code here.
        let _ = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    }
    let compiler = Compiler::own(CompileLimits::default());
    builder.settings(settings).instances(1).cache(cache).compiler(compiler).component(file)
}

/// Sends `request` through `host`, the response's head to `head`, which may write it, and the body
/// to `out` as it comes. Ends after the application's hooks.
pub(super) async fn exchange<B>(
    host: &Host,
    request: Request<B>,
    line: &Line,
    out: &mut impl Write,
    head: impl FnOnce(&Parts, &mut dyn Write) -> io::Result<()>,
) -> Result<StatusCode>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (client, tails) = (Arc::new(Client::default()), Tails::default());
    let response = host.gateway().serve(request, line, &client, &tails).await.context("the response was cut")?;
    let (parts, mut body) = response.into_parts();
    let mut written = head(&parts, out).and_then(|()| out.flush());
    client.accept(1, 1, || 0);
    let mut cut = false;
    while written.is_ok() {
        client.flushed();
        match body.frame().await {
            None => break,
            Some(Err(_)) => {
                cut = true;
                break;
            }
            Some(Ok(frame)) => {
                let chunk = frame.into_data().unwrap_or_default();
                written = out.write_all(&chunk).and_then(|()| out.flush());
                client.accept(chunk.len(), chunk.len(), || 0);
            }
        }
    }
    if written.is_err() {
        client.leave();
    }
    drop(body);
    std::future::poll_fn(|cx| tails.poll(cx)).await;
    written?;
    anyhow::ensure!(!cut, "the response was cut");
    Ok(parts.status)
}

/// The status as the application gave it: three digits and a reason.
pub(super) fn write_status(parts: &Parts, out: &mut dyn Write) -> io::Result<()> {
    let reason = parts.extensions.get::<ReasonPhrase>().map(ReasonPhrase::as_bytes);
    let reason = reason.or(parts.status.canonical_reason().map(str::as_bytes)).unwrap_or(b"Status");
    write!(out, "{} ", parts.status.as_u16())?;
    out.write_all(reason)
}

/// A request body from a reader, of a length that is known.
pub(super) struct ReaderBody<R> {
    reader: R,
    left: u64,
}

impl<R> ReaderBody<R> {
    pub(super) fn new(reader: R, length: u64) -> ReaderBody<R> {
        ReaderBody { reader, left: length }
    }
}

impl<R: AsyncRead + Unpin> Body for ReaderBody<R> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Task<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let mut buffer = BytesMut::with_capacity(usize::try_from(self.left.min(64 * 1024)).unwrap_or(64 * 1024));
        let read = std::task::ready!(poll_read_buf(Pin::new(&mut self.reader), cx, &mut buffer))?;
        if read == 0 {
            return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())));
        }
        buffer.truncate(usize::try_from(self.left).unwrap_or(read).min(read));
        self.left -= buffer.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(buffer.freeze()))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
