//! The TLS of a listener, from its files; a certificate that is replaced is taken without a restart.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use busker_kit::Slot;
use busker_model::Fault;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};

use crate::config::{NodeConfig, TlsFiles};

/// Time between two looks at the files.
const LOOK: Duration = Duration::from_secs(5);

/// Certificate and key of a listener, as its files last were when they fitted.
#[derive(Debug)]
pub(crate) struct Certified {
    certificate: PathBuf,
    key: PathBuf,
    current: Slot<CertifiedKey>,
    /// Whose certificates clients may show; read once.
    clients: Option<Arc<dyn ClientCertVerifier>>,
}

impl ResolvesServerCert for Certified {
    fn resolve(&self, _client: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

/// When each of the two files was written.
type Written = [Option<SystemTime>; 2];

impl Certified {
    /// Reads certificate and key.
    ///
    /// # Errors
    /// `Invalid`, naming the file and what is wrong with it.
    pub(crate) fn open(config: &NodeConfig, files: &TlsFiles) -> Result<Arc<Self>, Fault> {
        let (certificate, key) = (config.path(&files.certificate), config.path(&files.key));
        let pair = read_pair(&certificate, &key)?;
        let clients = files.client_authority.as_ref().map(|authority| {
            let path = config.path(authority);
            clients_of(&path).map_err(|error| wrong(&path, &error))
        });
        Ok(Arc::new(Self {
            certificate,
            key,
            current: Slot::new(pair),
            clients: clients.transpose()?,
        }))
    }

    /// What a listener is set up with.
    pub(crate) fn server(self: &Arc<Self>) -> ServerConfig {
        let resolver: Arc<dyn ResolvesServerCert> = Arc::<Self>::clone(self);
        let builder = ServerConfig::builder();
        let builder = match &self.clients {
            None => builder.with_no_client_auth(),
            Some(clients) => builder.with_client_cert_verifier(Arc::clone(clients)),
        };
        let mut server = builder.with_cert_resolver(resolver);
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        server
    }

    /// Reads the files again whenever they are written. Two that do not fit, as while one of them is being replaced, leave
    /// what is there.
    #[expect(clippy::infinite_loop, reason = "its listener ends it")]
    pub(crate) async fn follow(self: Arc<Self>) {
        let mut seen = self.written();
        loop {
            tokio::time::sleep(LOOK).await;
            let now = self.written();
            if now == seen {
                continue;
            }
            seen = now;
            match read_pair(&self.certificate, &self.key) {
                Ok(pair) => {
                    self.current.store(pair);
                    tracing::info!("new certificate: {}", self.certificate.display());
                }
                Err(fault) => tracing::error!("the certificate stays as it was: {fault:?}"),
            }
        }
    }

    fn written(&self) -> Written {
        let modified = |path: &PathBuf| std::fs::metadata(path).and_then(|meta| meta.modified());
        [&self.certificate, &self.key].map(|path| modified(path).ok())
    }
}

/// Whether a certificate chain and a private key, both PEM, belong together and can serve a listener.
///
/// # Errors
/// `Invalid`, naming the file and what is wrong with it.
pub fn check_pair(certificate: &Path, key: &Path) -> Result<(), Fault> {
    read_pair(certificate, key).map(drop)
}

fn wrong(path: &Path, error: &dyn std::fmt::Display) -> Fault {
    Fault::invalid(format!("{}: {error}", path.display()))
}

fn read_pair(certificate: &Path, key: &Path) -> Result<CertifiedKey, Fault> {
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong(certificate, &error))?;
    if chain.is_empty() {
        return Err(wrong(certificate, &"holds no certificate; PEM is expected"));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| wrong(key, &error))?;
    let provider = rustls::crypto::ring::default_provider();
    CertifiedKey::from_der(chain, private, &provider).map_err(|error| wrong(key, &error))
}

/// Takes clients without a certificate as well: which channel needs one is not known yet. One that is shown must be of this
/// authority.
fn clients_of(path: &Path) -> Result<Arc<dyn ClientCertVerifier>, String> {
    let mut roots = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    WebPkiClientVerifier::builder(Arc::new(roots))
        .allow_unauthenticated()
        .build()
        .map_err(|error| error.to_string())
}
