//! One connection from its first byte to its last: hyper, the requests' tails, and what its
//! deadlines bring about.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::timeout;

use super::deadlines::{Deadlines, Look};
use super::listener::Accepted;
use super::places::Place;
use super::transport::{Transport, Waiting, Wire};
use crate::gateway::{Body, Gateway, Line, Respond, Tails};
use crate::wsgi::wire::{Limits, Reject};

/// How long, and for how many bytes, a client that was refused may go on sending before the
/// connection is closed: closing earlier would destroy the answer on its way (RFC 9112 §9.6).
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 1 << 20;

/// The gateway as hyper calls it.
struct App {
    gateway: Arc<Gateway>,
    line: Line,
    wire: Arc<Wire>,
    tails: Tails,
}

impl Service<hyper::Request<Incoming>> for App {
    type Response = hyper::Response<Body>;
    type Error = crate::exchange::Cut;
    type Future = Respond;

    fn call(&self, request: hyper::Request<Incoming>) -> Respond {
        self.gateway.serve(request, &self.line, &self.wire.client, &self.tails)
    }
}

/// Serves a connection until either side is done with it. `draining` asks to finish soon.
pub(super) async fn serve<S>(
    gateway: Arc<Gateway>,
    accepted: Accepted<S>,
    wire: Arc<Wire>,
    place: Place,
    draining: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Accepted { stream, peer, local, scheme, socket } = accepted;
    let tails = Tails::new(gateway.scheduler().clone());
    let transport = Transport::new(stream, wire.clone(), Limits::default());
    let line = Line { peer, local, scheme, ..Line::default() };
    let app = App { gateway: gateway.clone(), line: line.clone(), wire: wire.clone(), tails: tails.clone() };
    let connection = http1::Builder::new().serve_connection(TokioIo::new(transport), app);
    let mut closing = Closing { socket: socket.clone(), wire: wire.clone(), in_order: false };
    let deadlines = Deadlines::new(place.limits(), &wire);
    let driver = Driver { connection, wire: wire.clone(), tails: tails.clone(), socket, deadlines };
    let ended = driver.run(draining, &place).await;
    closing.in_order = ended.is_ok();
    if ended.is_err() {
        wire.client.leave();
    }
    let (wire, tails) = (&wire, &tails);
    let farewell = async move {
        // Others are free to take its place once the connection is closed.
        let (_place, _closing) = (&place, closing);
        let Ok(transport) = ended else { return };
        // Who is asked to leave has been sent nothing that could be lost.
        if place.is_to_leave() {
            return;
        }
        let mut stream = transport.into_stream();
        if let Some(reject) = wire.rejected() {
            let page = gateway.reject(reject, &line);
            let _ = timeout(LINGER, stream.write_all(&page)).await;
        }
        let _ = timeout(LINGER, linger(&mut stream)).await;
    };
    // Close and hooks of the last request wait for no client, and no client for them.
    tokio::join!(farewell, poll_fn(|cx| tails.poll(cx)));
}

/// A connection's end. Where that is all that tells a response's end, a response that is cut must not look whole: its
/// connection is reset.
struct Closing {
    socket: Option<Arc<tokio::net::TcpStream>>,
    wire: Arc<Wire>,
    in_order: bool,
}

impl Drop for Closing {
    fn drop(&mut self) {
        if let (Some(socket), false, true) = (&self.socket, self.in_order, self.wire.client.is_unframed()) {
            let _ = socket2::SockRef::from(&**socket).set_linger(Some(Duration::ZERO));
        }
    }
}

/// Says that nothing more comes, and takes what the client still sends, so that the system doesn't
/// answer it with a reset that overtakes the response.
async fn linger(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<()> {
    stream.shutdown().await?;
    let mut sink = [0; 4096];
    let mut left = LINGER_BYTES;
    loop {
        match stream.read(&mut sink).await? {
            0 => return Ok(()),
            n if n > left => return Ok(()),
            n => left -= n,
        }
    }
}

struct Driver<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> {
    connection: http1::Connection<TokioIo<Transport<S>>, App>,
    wire: Arc<Wire>,
    tails: Tails,
    socket: Option<Arc<tokio::net::TcpStream>>,
    deadlines: Deadlines,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Driver<S> {
    /// Until hyper is done; then the transport, or the reason why it is of no use any more.
    async fn run(mut self, mut draining: watch::Receiver<bool>, place: &Place) -> Result<Transport<S>, hyper::Error> {
        let drains_already = *draining.borrow_and_update();
        let told = draining.clone();
        // Polled once, for its waker: whether something was told costs less to ask.
        let mut waiter = pin!(async move { draining.changed().await });
        let mut waits = false;
        let done = poll_fn(|cx| {
            if !waits {
                place.wakes(cx.waker());
                waits = waiter.as_mut().poll(cx).is_pending();
            }
            if place.is_to_leave() {
                self.give_way(place);
            }
            let drains = drains_already || told.has_changed().unwrap_or(true);
            if drains && self.wire.drains_since().is_none() {
                self.wire.drain();
            }
            self.poll(cx)
        });
        done.await?;
        Ok(self.connection.into_parts().io.into_inner())
    }

    /// Others need the place: a connection that waits for a request ends.
    fn give_way(&self, place: &Place) {
        match self.wire.waiting() {
            Waiting::Message => place.stay(),
            Waiting::Idle | Waiting::Head => self.wire.end(),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        loop {
            let closing = self.wire.client.is_closing();
            // While draining, a silent connection is left open for a moment: hyper would close it at
            // once, under a request that is on its way.
            let silent = self.wire.drains_since().is_some() && self.wire.waiting() != Waiting::Message;
            if closing && !silent {
                Pin::new(&mut self.connection).graceful_shutdown();
            }
            if let Poll::Ready(done) = self.connection.poll_without_shutdown(cx) {
                return Poll::Ready(done);
            }
            // What a tail says may concern the connection: that it shall be closed.
            let _ = self.tails.poll(cx);
            let unchanged = self.wire.client.is_closing() == closing && !self.wire.client.has_progress();
            if unchanged && self.poll_deadlines(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Ready when a deadline has changed something for the connection.
    fn poll_deadlines(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match ready!(self.deadlines.poll(cx, &self.wire)) {
                Look::Owed if !self.has_hung_up() => continue,
                Look::Owed | Look::Stalled => self.wire.client.leave(),
                Look::SlowHead => {
                    self.wire.reject(Reject { status: 408, reason: "the head took too long" });
                    Pin::new(&mut self.connection).graceful_shutdown();
                }
                Look::Silent => Pin::new(&mut self.connection).graceful_shutdown(),
            }
            return Poll::Ready(());
        }
    }

    /// Whether the client has closed its side: seen even behind bytes that nobody has read.
    fn has_hung_up(&self) -> bool {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let Some(socket) = &self.socket else { return false };
        let mut fds = [PollFd::new(socket, PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut fds, Some(&now)).is_ok_and(|ready| ready > 0)
    }
}
