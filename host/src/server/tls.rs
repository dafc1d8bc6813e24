//! HTTPS: a listener whose connections are TLS 1.2 or 1.3, with a certificate that can be changed
//! while it listens.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use anyhow::Context as _;
use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpListener;
use tokio::time::{Timeout, timeout};
use tokio_rustls::{Accept, TlsAcceptor, server::TlsStream};

use super::listener::{Accepted, Listener, Tcp};
use crate::wsgi::environ::Scheme;

/// A certificate and its key, as connections to come will use them.
#[derive(Clone, Debug)]
pub struct Certificate(Arc<ArcSwap<ServerConfig>>);

impl Certificate {
    /// Reads a chain and its key, both PEM.
    ///
    /// # Errors
    /// Where a file can't be read or the key isn't the certificate's.
    pub fn read(cert: &Path, key: &Path) -> anyhow::Result<Certificate> {
        Ok(Certificate(Arc::new(ArcSwap::from(config(cert, key)?))))
    }

    /// Reads both again. What is wrong leaves the old ones in force.
    ///
    /// # Errors
    /// As [`Certificate::read`].
    pub fn reload(&self, cert: &Path, key: &Path) -> anyhow::Result<()> {
        self.0.store(config(cert, key)?);
        Ok(())
    }
}

fn config(cert: &Path, key: &Path) -> anyhow::Result<Arc<ServerConfig>> {
    let read = || format!("reading the certificate {}", cert.display());
    let chain =
        CertificateDer::pem_file_iter(cert).and_then(Iterator::collect::<Result<Vec<_>, _>>).with_context(read)?;
    if chain.is_empty() {
        anyhow::bail!("the file {} holds no certificate in PEM", cert.display());
    }
    let secret = PrivateKeyDer::from_pem_file(key).with_context(|| format!("reading the key {}", key.display()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("choosing TLS versions")?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .with_context(|| format!("using the key {} with the certificate {}", key.display(), cert.display()))?;
    Ok(Arc::new(config))
}

/// TLS over TCP.
#[derive(Debug)]
pub struct TlsListener {
    listener: TcpListener,
    certificate: Certificate,
    handshake: Duration,
}

impl TlsListener {
    /// Connections of `listener`, with `certificate`, whose clients have `handshake` to shake hands.
    pub fn new(listener: TcpListener, certificate: Certificate, handshake: Duration) -> TlsListener {
        TlsListener { listener, certificate, handshake }
    }
}

impl Listener for TlsListener {
    type Stream = Tls;

    async fn accept(&mut self) -> io::Result<Accepted<Tls>> {
        let accepted = Listener::accept(&mut self.listener).await?;
        let acceptor = TlsAcceptor::from(self.certificate.0.load_full());
        let hello = |stream| Tls::Hello(Box::pin(timeout(self.handshake, acceptor.accept(stream))));
        Ok(accepted.map(hello, Scheme::Https))
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        Listener::local_addr(&self.listener)
    }
}

/// A TLS connection. It shakes hands when it is first read from, so that accepting waits for nobody.
pub enum Tls {
    /// Shaking hands.
    Hello(Pin<Box<Timeout<Accept<Tcp>>>>),
    /// Ready for bytes.
    Open(Box<TlsStream<Tcp>>),
    /// What came was no TLS.
    Failed,
}

impl Tls {
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Pin<&mut TlsStream<Tcp>>>> {
        if let Tls::Hello(accept) = self {
            // A handshake that failed must not be polled again.
            *self = match ready!(accept.as_mut().poll(cx)).unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
                Ok(stream) => Tls::Open(Box::new(stream)),
                Err(error) => {
                    *self = Tls::Failed;
                    return Poll::Ready(Err(error));
                }
            };
        }
        match self {
            Tls::Open(stream) => Poll::Ready(Ok(Pin::new(stream))),
            Tls::Hello(_) => Poll::Pending,
            Tls::Failed => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

impl AsyncRead for Tls {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_open(cx))?.poll_read(cx, out)
    }
}

impl AsyncWrite for Tls {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_open(cx))?.poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_open(cx))?.poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            // Nothing was written before the handshake.
            Tls::Hello(_) | Tls::Failed => Poll::Ready(Ok(())),
            Tls::Open(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Tls::Hello(_) => Poll::Ready(Ok(())),
            Tls::Failed => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
            Tls::Open(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
