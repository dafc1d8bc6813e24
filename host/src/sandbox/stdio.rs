//! A guest's stdout and stderr: lines in its application's log. Writing never blocks.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

use crate::log::AppLog;

/// A line that grows longer is broken here.
const MAX_LINE: usize = 8 * 1024;

/// A guest's two.
pub(super) struct Stdio {
    pub(super) stdout: LogStream,
    pub(super) stderr: LogStream,
}

impl Stdio {
    pub(super) fn new(log: &AppLog) -> Stdio {
        Stdio { stdout: LogStream::new("stdout", log.clone()), stderr: LogStream::new("stderr", log.clone()) }
    }
}

/// One of a guest's standard streams. Clones share the line in the making.
#[derive(Clone)]
pub(super) struct LogStream {
    line: Arc<Mutex<Line>>,
}

struct Line {
    source: &'static str,
    text: Vec<u8>,
    log: AppLog,
}

impl LogStream {
    fn new(source: &'static str, log: AppLog) -> LogStream {
        LogStream { line: Arc::new(Mutex::new(Line { source, text: Vec::new(), log })) }
    }

    pub(super) fn take(&self, bytes: &[u8]) {
        self.line.lock().unwrap_or_else(PoisonError::into_inner).take(bytes);
    }
}

impl Line {
    fn take(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            for piece in part.chunks(MAX_LINE) {
                self.text.extend_from_slice(piece);
                if piece.ends_with(b"\n") || self.text.len() >= MAX_LINE {
                    self.end();
                }
            }
        }
    }

    fn end(&mut self) {
        let text = self.text.strip_suffix(b"\n").unwrap_or(&self.text);
        self.log.line(self.source, &String::from_utf8_lossy(text));
        self.text.clear();
    }
}

/// A last line without its end counts too.
impl Drop for Line {
    fn drop(&mut self) {
        if !self.text.is_empty() {
            self.end();
        }
    }
}

impl IsTerminal for LogStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for LogStream {
    async fn ready(&mut self) {}
}

impl OutputStream for LogStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.take(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 * 1024)
    }
}

impl AsyncWrite for LogStream {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.take(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
