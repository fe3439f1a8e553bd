//! A socket to Redis that ends when more came over it than may.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use busker_model::{ErrorClass, Fault};
use deadpool_redis::redis::ConnectionAddr;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use crate::error::{BusError, Result};

/// Anything that bytes go over.
pub(super) trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Socket for S {}

/// How Redis is reached.
#[derive(Clone)]
pub(super) enum Way {
    Tcp(String, u16),
    Tls(String, u16, TlsConnector),
    Unix(PathBuf),
}

impl std::fmt::Debug for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(host, port) => write!(f, "redis://{host}:{port}"),
            Self::Tls(host, port, _) => write!(f, "rediss://{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Way {
    pub(super) fn to(address: &ConnectionAddr, authority: Option<&[u8]>) -> Result<Self> {
        Ok(match address {
            ConnectionAddr::Tcp(host, port) => Self::Tcp(host.clone(), *port),
            ConnectionAddr::TcpTls { host, port, .. } => {
                Self::Tls(host.clone(), *port, connector(authority)?)
            }
            ConnectionAddr::Unix(path) => Self::Unix(path.clone()),
            _ => {
                return Err(BusError::unavailable(
                    "an address of a kind that is not known",
                ));
            }
        })
    }

    pub(super) async fn connect(&self) -> Result<Box<dyn Socket>, Fault> {
        self.open().await.map_err(|error| {
            Fault::remote(ErrorClass::Unavailable, "Redis is not available")
                .operator(format!("{self:?}: {error}"))
        })
    }

    async fn open(&self) -> io::Result<Box<dyn Socket>> {
        Ok(match self {
            Self::Tcp(host, port) => Box::new(TcpStream::connect((host.as_str(), *port)).await?),
            Self::Tls(host, port, connector) => {
                let plain = TcpStream::connect((host.as_str(), *port)).await?;
                let name = ServerName::try_from(host.clone()).map_err(io::Error::other)?;
                Box::new(connector.connect(name, plain).await?)
            }
            Self::Unix(path) => Box::new(UnixStream::connect(path).await?),
        })
    }
}

/// Trusts that authority, or those of the system.
fn connector(authority: Option<&[u8]>) -> Result<TlsConnector> {
    let wrong = |error: String| {
        BusError::from(Fault::invalid(format!(
            "bus.root_certificate: {error}: name a PEM file with the certificate of the authority"
        )))
    };
    let mut roots = RootCertStore::empty();
    match authority {
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
                roots
                    .add(certificate)
                    .map_err(|error| wrong(error.to_string()))?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(BusError::unavailable)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Reads so many bytes and no more.
pub(super) struct Metered {
    socket: Box<dyn Socket>,
    left: usize,
    overrun: Arc<AtomicBool>,
}

impl Metered {
    /// `overrun` is set when there was more.
    pub(super) fn new(socket: Box<dyn Socket>, most: usize, overrun: Arc<AtomicBool>) -> Self {
        Self {
            socket,
            left: most,
            overrun,
        }
    }
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(cx, buffer))?;
        let read = buffer.filled().len() - before;
        match self.left.checked_sub(read) {
            Some(left) => {
                self.left = left;
                Poll::Ready(Ok(()))
            }
            None => {
                self.overrun.store(true, Ordering::Relaxed);
                Poll::Ready(Err(io::Error::other("the answer is too long")))
            }
        }
    }
}

impl AsyncWrite for Metered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.socket).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
