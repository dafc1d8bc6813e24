//! Where connections come from.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use crate::wsgi::environ::Scheme;

/// A source of connections: TCP, or whatever an embedder has.
///
/// An embedder that speaks TLS itself gives streams of plain bytes with [`Scheme::Https`].
pub trait Listener: Send + 'static {
    /// A connection's bytes.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Waits for the next connection. It is dropped in the middle where the server drains.
    ///
    /// # Errors
    /// One that concerns a connection or passes (too many open files) is waited out and logged.
    fn accept(&mut self) -> impl Future<Output = io::Result<Accepted<Self::Stream>>> + Send;

    /// The address that it listens on, if it has one.
    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }
}

/// A connection that was accepted.
#[derive(Debug)]
pub struct Accepted<S> {
    /// Its bytes.
    pub stream: S,
    /// Who is at the other end, as `REMOTE_ADDR` says it; none where there are no addresses.
    pub peer: Option<SocketAddr>,
    /// Our end, as `SERVER_NAME` and `SERVER_PORT` say it.
    pub local: Option<SocketAddr>,
    /// `wsgi.url_scheme`.
    pub scheme: Scheme,
    /// The socket under it, which tells whether the client is still there.
    pub(crate) socket: Option<Arc<TcpStream>>,
}

impl<S> Accepted<S> {
    /// A connection without addresses, over plain HTTP.
    pub fn new(stream: S) -> Accepted<S> {
        Accepted { stream, peer: None, local: None, scheme: Scheme::Http, socket: None }
    }

    /// The same connection through `wrap`, for instance TLS.
    pub fn map<T>(self, wrap: impl FnOnce(S) -> T, scheme: Scheme) -> Accepted<T> {
        let Accepted { stream, peer, local, socket, .. } = self;
        Accepted { stream: wrap(stream), peer, local, scheme, socket }
    }
}

impl Accepted<Tcp> {
    /// A TCP connection. What this knows and [`Accepted::new`] doesn't: whether the client is still
    /// there, behind bytes that nobody has read yet.
    pub fn tcp(stream: TcpStream, peer: SocketAddr) -> Accepted<Tcp> {
        // Chunks go out when they are yielded, not when enough have gathered.
        let _ = stream.set_nodelay(true);
        let local = stream.local_addr().ok();
        let socket = Arc::new(stream);
        let stream = Tcp(socket.clone());
        Accepted { stream, peer: Some(peer), local, scheme: Scheme::Http, socket: Some(socket) }
    }
}

/// Connections that the kernel keeps while nobody accepts them. Of `TcpListener::bind`'s 128 a burst
/// of clients, or the moment of a busy machine in which nothing is accepted, is soon too much: those
/// beyond it are dropped, and try again a second later. The kernel's own bound
/// (`net.core.somaxconn`, 4096 since Linux 5.4) applies, and a place costs some hundred bytes.
pub(super) const BACKLOG: i32 = 4096;

/// Listens on `address`, with the backlog of a server. Must be called within a runtime.
///
/// # Errors
/// Where the address is taken, or isn't this machine's.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::from_std(bind(address)?)
}

/// The same outside of a runtime, which takes the socket over later.
pub(crate) fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // As `TcpListener::bind` does: connections of the server before this one don't hold the port.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

impl Listener for TcpListener {
    type Stream = Tcp;

    async fn accept(&mut self) -> io::Result<Accepted<Tcp>> {
        let (stream, peer) = TcpListener::accept(self).await?;
        Ok(Accepted::tcp(stream, peer))
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        TcpListener::local_addr(self).ok()
    }
}

/// A TCP stream whose socket can be looked at while hyper has the stream.
#[derive(Debug)]
pub struct Tcp(Arc<TcpStream>);

impl AsyncRead for Tcp {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, mut out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.poll_read_ready(cx))?;
            let room = out.remaining();
            let mut read = None;
            // A read that gave less than it could have has left the socket empty: the next one waits for
            // the system to say otherwise, instead of asking it in vain. (tokio's own stream does the
            // same, and can't be shared.) What the system said before the read is forgotten by that,
            // and nothing that it says meanwhile: so the read lies within what forgets.
            let _ = self.0.try_io(Interest::READABLE, || {
                let given = self.0.try_read_buf(&mut out);
                let emptied = given.as_ref().is_ok_and(|given| (1..room).contains(given));
                read = Some(given.map(drop));
                if emptied { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
            });
            match read {
                None => {}
                Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
                Some(done) => return Poll::Ready(done),
            }
        }
    }
}

impl AsyncWrite for Tcp {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(cx))?;
            match self.0.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.poll_write_ready(cx))?;
            match self.0.try_write_vectored(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(socket2::SockRef::from(&*self.0).shutdown(std::net::Shutdown::Write))
    }
}
