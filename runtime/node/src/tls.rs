//! The TLS of a listener, from its files.

use std::path::Path;
use std::sync::Arc;

use busker_model::Fault;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{RootCertStore, ServerConfig};

use crate::config::{NodeConfig, TlsFiles};

/// Reads certificate and key.
///
/// # Errors
/// `Invalid`, naming the file and what is wrong with it.
pub(crate) fn server(config: &NodeConfig, files: &TlsFiles) -> Result<ServerConfig, Fault> {
    let (certificate, key) = (config.path(&files.certificate), config.path(&files.key));
    let wrong = |path: &Path, error: &dyn std::fmt::Display| {
        Fault::invalid(format!("{}: {error}", path.display()))
    };
    let chain = CertificateDer::pem_file_iter(&certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong(&certificate, &error))?;
    if chain.is_empty() {
        return Err(wrong(
            &certificate,
            &"holds no certificate; PEM is expected",
        ));
    }
    let private = PrivateKeyDer::from_pem_file(&key).map_err(|error| wrong(&key, &error))?;
    let builder = match &files.client_authority {
        None => ServerConfig::builder().with_no_client_auth(),
        Some(authority) => {
            let path = config.path(authority);
            let verifier = clients_of(&path).map_err(|error| wrong(&path, &error))?;
            ServerConfig::builder().with_client_cert_verifier(verifier)
        }
    };
    let mut server = builder
        .with_single_cert(chain, private)
        .map_err(|error| wrong(&key, &error))?;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(server)
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
