//! The server: accepts and drains connections, and gives each its deadlines. It knows HTTP, and no wasm.

mod connection;
mod deadlines;
mod listener;
mod places;
mod tls;
mod transport;

pub(crate) use listener::bind;
pub use listener::{Accepted, Listener, Tcp, listen};
pub use places::Places;
pub use tls::{Certificate, Tls, TlsListener};

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::task::coop::unconstrained;
use tracing::{info, warn};

use transport::Wire;

use crate::gateway::Gateway;

/// How long accepting rests after an error, such as too many open files.
const REST: Duration = Duration::from_millis(50);
/// How often that is told: it may last for as long as clients keep the files that are missing.
const TELL: Duration = Duration::from_secs(10);
/// How long what is cut may take to say so in the logs: it does at once, or a bug of the host is in its way.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Serves connections from `listener` until `shutdown` completes, and then drains: what waits in
/// the backlog is still accepted, requests in flight go on until `limit` completes at the latest,
/// and their connections are closed after them. Each connection takes one of `places`; `limit` is first polled when
/// draining begins.
pub async fn serve<L: Listener>(
    gateway: Arc<Gateway>,
    mut listener: L,
    places: Arc<Places>,
    shutdown: impl Future<Output = ()>,
    limit: impl Future<Output = ()>,
) {
    let (draining, watch) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    let mut told = None::<Instant>;
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => admit(&mut connections, &gateway, accepted, &places, &watch),
                Err(error) => {
                    if told.is_none_or(|told| told.elapsed() >= TELL) {
                        warn!(%error, "accepting a connection failed");
                        told = Some(Instant::now());
                    }
                    tokio::time::sleep(REST).await;
                }
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
    // Whoever got as far as the backlog was told that somebody listens. A task may not do as much at a time otherwise; and
    // who keeps coming does not hold it up.
    let backlog = unconstrained(async {
        for _ in 0..listener::BACKLOG {
            match now(listener.accept()).await {
                Some(Ok(accepted)) => admit(&mut connections, &gateway, accepted, &places, &watch),
                // This one is gone; the next may be there.
                Some(Err(_)) => {}
                None => break,
            }
        }
    });
    backlog.await;
    drop(listener);
    let _ = draining.send(true);
    info!(connections = connections.len(), "draining");
    let drained = async { while connections.join_next().await.is_some() {} };
    tokio::select! {
        biased;
        () = drained => return,
        () = limit => {}
    }
    warn!(connections = connections.len(), "not drained in time; what is left is cut");
    // Each request that is dropped writes its line in the access log.
    let _ = tokio::time::timeout(LAST_WORDS, connections.shutdown()).await;
}

/// Serves a connection, if there is a place for it; otherwise it is closed without a word.
fn admit<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    connections: &mut JoinSet<()>,
    gateway: &Arc<Gateway>,
    accepted: Accepted<S>,
    places: &Arc<Places>,
    draining: &watch::Receiver<bool>,
) {
    let wire = Wire::new(places.limits().pace);
    // A proxy has the connections of many, and the machine itself is the operator's.
    let peer = accepted.peer.map(|peer| peer.ip());
    let bounded = peer.filter(|peer| !peer.to_canonical().is_loopback() && !gateway.trusts(*peer));
    if let Some(place) = places.take(bounded, &wire.client) {
        let lane = wire.client.lane().clone();
        let connection = connection::serve(gateway.clone(), accepted, wire, place, draining.clone());
        connections.spawn(gateway.scheduler().movable(lane, Box::pin(connection)));
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
