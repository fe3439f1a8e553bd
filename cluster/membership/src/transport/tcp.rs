//! TCP with mutual TLS: both ends show a certificate of the cluster's own authority, for their own name.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use busker_model::Fault;
use futures::FutureExt;
use futures::future::BoxFuture;
use rustls::client::verify_server_name;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{ClientConfig, RootCertStore, ServerConfig, version};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::{Accepted, Accepting, Listener, Target, Way, failed};
use crate::stream::BoxBytes;

/// Files of a node's TLS, PEM.
#[derive(Debug, Clone)]
pub struct TlsPaths {
    /// Its certificate.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
    /// The authority of the cluster.
    pub authority: PathBuf,
}

/// The TCP way.
#[derive(Clone)]
pub struct TcpTransport {
    listen: SocketAddr,
    acceptor: TlsAcceptor,
    connector: TlsConnector,
}

impl std::fmt::Debug for TcpTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TcpTransport")
            .field("listen", &self.listen)
            .finish_non_exhaustive()
    }
}

impl TcpTransport {
    /// Reads the files; nothing is opened yet.
    ///
    /// # Errors
    /// `Invalid`, naming the field, the file and what is wrong with it.
    pub fn new(listen: SocketAddr, files: &TlsPaths) -> Result<Self, Fault> {
        let chain = certificates("cluster.certificate", &files.certificate)?;
        let key = || {
            PrivateKeyDer::from_pem_file(&files.key)
                .map_err(|error| wrong("cluster.key", &files.key, error))
        };
        let mut roots = RootCertStore::empty();
        for root in certificates("cluster.authority", &files.authority)? {
            let added = roots.add(root);
            added.map_err(|error| wrong("cluster.authority", &files.authority, error))?;
        }
        let roots = Arc::new(roots);
        let provider = Arc::new(ring::default_provider());
        let clients =
            WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider))
                .build()
                .map_err(|error| wrong("cluster.authority", &files.authority, error))?;
        check_own(&chain, clients.as_ref())
            .map_err(|why| wrong("cluster.certificate", &files.certificate, why))?;
        let own = |error| wrong("cluster.key", &files.key, error);
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&version::TLS13])
            .map_err(own)?
            .with_client_cert_verifier(clients)
            .with_single_cert(chain.clone(), key()?)
            .map_err(own)?;
        let client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13])
            .map_err(own)?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key()?)
            .map_err(own)?;
        Ok(Self {
            listen,
            acceptor: TlsAcceptor::from(Arc::new(server)),
            connector: TlsConnector::from(Arc::new(client)),
        })
    }
}

fn certificates(field: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let read = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong(field, path, error))?;
    if read.is_empty() {
        return Err(wrong(field, path, "holds no certificate; PEM is expected"));
    }
    Ok(read)
}

/// A certificate that the others will refuse is found out here, where the field is known.
fn check_own(
    chain: &[CertificateDer<'static>],
    authority: &dyn ClientCertVerifier,
) -> Result<(), String> {
    let Some((own, above)) = chain.split_first() else {
        return Ok(());
    };
    let checked = authority.verify_client_cert(own, above, UnixTime::now());
    checked.map(drop).map_err(|error| {
        format!(
            "does not hold for cluster.authority ({error}): take the certificate that this authority has issued for \
             this node; `busker create join-token` issues another"
        )
    })
}

fn wrong(field: &str, path: &Path, error: impl std::fmt::Display) -> Fault {
    Fault::invalid(format!("{field}: {}: {error}", path.display()))
}

impl Way for TcpTransport {
    fn address(&self) -> String {
        self.listen.to_string()
    }

    fn listen(&self) -> BoxFuture<'static, Result<Box<dyn Listener>, Fault>> {
        let this = self.clone();
        async move {
            let listener = TcpListener::bind(this.listen).await.map_err(|error| {
                failed(
                    format!("cluster.listen: {} cannot be opened", this.listen),
                    error,
                )
            })?;
            let door: Box<dyn Listener> = Box::new(Door {
                listener,
                acceptor: this.acceptor,
            });
            Ok(door)
        }
        .boxed()
    }

    fn dial(&self, to: Target) -> BoxFuture<'static, Result<BoxBytes, Fault>> {
        let connector = self.connector.clone();
        async move {
            let name = ServerName::try_from(to.id.name.to_string())
                .map_err(|error| failed(format!("node.name: {:?}", to.id.name), error))?;
            let at = || format!("node {} at {}", to.id.name, to.address);
            let stream = TcpStream::connect(&to.address)
                .await
                .map_err(|error| failed(at(), error))?;
            stream
                .set_nodelay(true)
                .map_err(|error| failed(at(), error))?;
            let stream = connector.connect(name, stream).await;
            let bytes: BoxBytes = Box::new(stream.map_err(|error| failed(at(), error))?);
            Ok(bytes)
        }
        .boxed()
    }
}

struct Door {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for Door {
    fn accept(&mut self) -> BoxFuture<'_, Result<Accepting, Fault>> {
        async move {
            let (stream, from) = self
                .listener
                .accept()
                .await
                .map_err(|error| failed("a connection", error))?;
            let handshake = welcome(self.acceptor.clone(), stream, from);
            Ok(handshake.boxed())
        }
        .boxed()
    }
}

async fn welcome(
    acceptor: TlsAcceptor,
    stream: TcpStream,
    from: SocketAddr,
) -> Result<Accepted, Fault> {
    let what = || format!("a connection from {from}");
    stream
        .set_nodelay(true)
        .map_err(|error| failed(what(), error))?;
    let stream = acceptor.accept(stream).await;
    let stream = stream.map_err(|error| failed(what(), error))?;
    let (_, session) = stream.get_ref();
    let shown = session.peer_certificates().and_then(<[_]>::first);
    let shown = shown
        .cloned()
        .ok_or_else(|| failed(what(), "shows no certificate"))?;
    Ok(Accepted {
        bytes: Box::new(stream),
        may_be_called: Box::new(move |name| is_of(&shown, name)),
    })
}

/// Whether a certificate, which the authority has signed, is for that name.
fn is_of(certificate: &CertificateDer<'_>, name: &str) -> bool {
    let (Ok(certificate), Ok(name)) = (
        ParsedCertificate::try_from(certificate),
        ServerName::try_from(name),
    ) else {
        return false;
    };
    verify_server_name(&certificate, &name).is_ok()
}

#[cfg(test)]
mod tests;
