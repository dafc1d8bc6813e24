//! The server: accepts and drains connections, and gives each its deadlines. It knows HTTP, and no wasm.

mod connection;
mod listener;
mod tls;
mod transport;

pub use listener::{Accepted, Listener, Tcp, listen};
pub use tls::{Certificate, Tls, TlsListener};

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{info, warn};

use crate::gateway::Gateway;

/// How long accepting rests after an error, such as too many open files.
const REST: Duration = Duration::from_millis(50);

/// Serves connections from `listener` until `shutdown` completes, and then drains: what waits in
/// the backlog is still accepted, requests in flight go on for at most `drain`, and their
/// connections are closed after them.
pub async fn serve<L: Listener>(
    gateway: Arc<Gateway>,
    mut listener: L,
    shutdown: impl Future<Output = ()>,
    drain: Duration,
) {
    let (draining, watch) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => {
                    connections.spawn(connection::serve(gateway.clone(), accepted, watch.clone()));
                }
                Err(error) => {
                    warn!(%error, "accepting a connection failed");
                    tokio::time::sleep(REST).await;
                }
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
    // Whoever got as far as the backlog was told that somebody listens.
    while let Some(Ok(accepted)) = now(listener.accept()).await {
        connections.spawn(connection::serve(gateway.clone(), accepted, watch.clone()));
    }
    drop(listener);
    let _ = draining.send(true);
    info!(connections = connections.len(), "draining");
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(drain, drained).await.is_err() {
        warn!(connections = connections.len(), "not drained in time; what is left is cut");
    }
}

/// What a future gives at once, if it does.
async fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
        std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}
