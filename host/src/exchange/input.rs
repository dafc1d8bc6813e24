//! The request's body, as a guest reads it: streamed, bounded, and an error where it is cut short.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use http_body::Body;
use http_body_util::BodyExt;

use super::client::Client;

/// Most bytes that one read gives, however many are asked for: what the host may have to copy.
const MAX_READ: usize = 256 * 1024;

/// Why the body can't be read any further.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// The client stopped before the announced end.
    #[error("the request body ends before its announced length")]
    Truncated,
    /// The framing is broken.
    #[error("the request body is malformed: {0}")]
    Malformed(&'static str),
    /// The application's limit.
    #[error("the request body is longer than its limit")]
    TooLarge,
    /// Nothing arrived for a while.
    #[error("the client sent nothing of the request body for {0:?}")]
    TimedOut(Duration),
    /// So little arrived that the host does not wait for more.
    #[error("the client sent the request body more slowly than {0} bytes a second")]
    TooSlow(u64),
}

type Source = Pin<Box<dyn Body<Data = Bytes, Error = Box<dyn std::error::Error + Send + Sync>> + Send>>;

/// A request body in the course of being read.
pub struct Input {
    source: Option<Source>,
    client: Arc<Client>,
    chunk: Bytes,
    left: u64,
    stall: Duration,
    /// Bytes that came, and how long they were waited for.
    came: u64,
    waited: Duration,
    read: u64,
    error: Option<InputError>,
}

impl Input {
    /// A body of at most `limit` bytes, whose client may send nothing for `stall`; without `source` there is none.
    pub fn new<B>(source: Option<B>, client: Arc<Client>, limit: u64, stall: Duration) -> Input
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let source = source.map(|body| Box::pin(body.map_err(Into::into)) as Source);
        Input {
            source,
            client,
            chunk: Bytes::new(),
            left: limit,
            stall,
            came: 0,
            waited: Duration::ZERO,
            read: 0,
            error: None,
        }
    }

    /// Bytes that were read so far.
    pub fn bytes_read(&self) -> u64 {
        self.read
    }

    /// What ended the body early, if something did.
    pub fn error(&self) -> Option<&InputError> {
        self.error.as_ref()
    }

    /// At most `max` bytes, at least one; none at the end.
    ///
    /// # Errors
    /// The same one at every read once there was one.
    pub async fn read(&mut self, max: usize) -> Result<Bytes, InputError> {
        if let Some(error) = &self.error {
            return Err(error.clone());
        }
        while self.chunk.is_empty() && max > 0 {
            match self.next_chunk().await {
                Ok(Some(chunk)) => self.chunk = chunk,
                Ok(None) => break,
                Err(error) => {
                    self.source = None;
                    self.error = Some(error.clone());
                    return Err(error);
                }
            }
        }
        let bytes = self.chunk.split_to(max.min(MAX_READ).min(self.chunk.len()));
        self.read += bytes.len() as u64;
        Ok(bytes)
    }

    async fn next_chunk(&mut self) -> Result<Option<Bytes>, InputError> {
        let Some(source) = &mut self.source else { return Ok(None) };
        let pace = self.client.pace();
        let patience = pace.patience(self.came).map_or(Duration::MAX, |patience| patience.saturating_sub(self.waited));
        let began = Instant::now();
        let came = tokio::time::timeout(self.stall.min(patience), source.frame()).await;
        self.waited += began.elapsed();
        let frame = match came {
            Err(_) if patience < self.stall => return Err(InputError::TooSlow(pace.rate)),
            Err(_) => return Err(InputError::TimedOut(self.stall)),
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(_))) => return Err(self.client.fault().map_or(InputError::Truncated, InputError::Malformed)),
            Ok(None) => {
                self.source = None;
                return Ok(None);
            }
        };
        // A frame that isn't data is the trailers, which WSGI has no place for.
        let data = frame.into_data().unwrap_or_default();
        self.left = self.left.checked_sub(data.remaining() as u64).ok_or(InputError::TooLarge)?;
        self.came += data.remaining() as u64;
        Ok(Some(data))
    }
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Input").field("read", &self.read).field("error", &self.error).finish_non_exhaustive()
    }
}
