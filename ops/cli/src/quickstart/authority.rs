//! The certificate authority of an environment, and the certificates of its nodes.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::time::Duration;

use busker_kit::clock;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use time::OffsetDateTime;

use super::write_private;
use crate::exit::{Exit, Failure};

const DAY: Duration = Duration::from_secs(86_400);
/// Certificates hold from a little before they are made, for clocks that are behind.
const BEFORE: Duration = DAY;
const AUTHORITY_DAYS: u32 = 3650;
const NODE_DAYS: u32 = 825;

/// An authority that can issue certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

/// Makes an authority: `ca.pem`, and `ca.key` with mode 0600.
pub(crate) fn create(folder: &Path) -> Result<Authority, Failure> {
    let key = KeyPair::generate().map_err(failed)?;
    let params = params()?;
    let certificate = params.self_signed(&key).map_err(failed)?.pem();
    write_private(&folder.join("ca.key"), &key.serialize_pem())?;
    write_private(&folder.join("ca.pem"), &certificate)?;
    Ok(Authority {
        issuer: Issuer::new(params, key),
        certificate,
    })
}

/// The authority that [`create`] made in that folder.
pub(crate) fn open(folder: &Path) -> Result<Authority, Failure> {
    let read = |file: &str| {
        let path = folder.join(file);
        std::fs::read_to_string(&path).map_err(|error| Failure::file(&path, &error))
    };
    let key = KeyPair::from_pem(&read("ca.key")?).map_err(failed)?;
    Ok(Authority {
        issuer: Issuer::new(params()?, key),
        certificate: read("ca.pem")?,
    })
}

/// What the authority's own certificate says; of an authority that is opened, its name and uses matter alone.
fn params() -> Result<CertificateParams, Failure> {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "Busker environment CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.not_before, params.not_after) = validity(AUTHORITY_DAYS)?;
    Ok(params)
}

/// What a node shows the others.
pub(crate) struct Issued {
    pub(crate) certificate: String,
    pub(crate) key: String,
    pub(crate) authority: String,
}

impl Issued {
    /// Writes `node.pem`, `node.key`, and the authority's `ca.pem`.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), Failure> {
        write_private(&folder.join("node.key"), &self.key)?;
        write_private(&folder.join("node.pem"), &self.certificate)?;
        write_private(&folder.join("ca.pem"), &self.authority)
    }
}

impl Authority {
    /// Issues a certificate for a node's name and the loopback address.
    pub(crate) fn issue(&self, node: &str) -> Result<Issued, Failure> {
        let key = KeyPair::generate().map_err(failed)?;
        let names = vec!["localhost".to_owned(), node.to_owned()];
        let mut params = CertificateParams::new(names).map_err(failed)?;
        let loopback = SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST));
        params.subject_alt_names.push(loopback);
        params.distinguished_name.push(DnType::CommonName, node);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = validity(NODE_DAYS)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(failed)?;
        Ok(Issued {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            authority: self.certificate.clone(),
        })
    }
}

fn validity(days: u32) -> Result<(OffsetDateTime, OffsetDateTime), Failure> {
    let now = OffsetDateTime::from_unix_timestamp(clock::unix_ms() / 1000)
        .map_err(|error| Failure::new(Exit::Internal, format!("the clock is off: {error}")))?;
    Ok((now - BEFORE, now + DAY * days))
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "shaped for map_err, which hands the error over"
)]
fn failed(error: rcgen::Error) -> Failure {
    Failure::new(Exit::Internal, format!("certificate: {error}"))
}
