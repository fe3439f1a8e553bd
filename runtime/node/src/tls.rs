//! The TLS of a listener, from its files.

use busker_model::Fault;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::{NodeConfig, TlsFiles};

/// Reads certificate and key.
///
/// # Errors
/// `Invalid`, naming the file and what is wrong with it.
pub(crate) fn server(config: &NodeConfig, files: &TlsFiles) -> Result<ServerConfig, Fault> {
    let (certificate, key) = (config.path(&files.certificate), config.path(&files.key));
    let wrong = |path: &std::path::Path, error: &dyn std::fmt::Display| {
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
    let mut server = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|error| wrong(&key, &error))?;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(server)
}
