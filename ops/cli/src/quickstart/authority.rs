//! The certificate authority of an environment, and the certificates of its nodes.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use busker_kit::clock;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use time::OffsetDateTime;

use super::write_private;
use crate::exit::{Exit, Failure};

const DAY: Duration = Duration::from_secs(86_400);
/// Certificates hold from a little before they are made, for clocks that are behind.
const BEFORE: Duration = DAY;
const AUTHORITY_DAYS: u32 = 3650;
/// Days the certificate of a node holds.
pub(crate) const NODE_DAYS: u32 = 825;
/// Name of an authority that was given none.
pub(crate) const NAME: &str = "Busker environment CA";

/// An authority that can issue certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

/// Makes an authority: `ca.pem`, and `ca.key` with mode 0600.
pub(crate) fn create(folder: &Path, name: DistinguishedName) -> Result<Authority, Failure> {
    let key = KeyPair::generate().map_err(failed)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = name;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.not_before, params.not_after) = validity(AUTHORITY_DAYS)?;
    let certificate = params.self_signed(&key).map_err(failed)?.pem();
    write_private(&folder.join("ca.key"), &key.serialize_pem())?;
    write_private(&folder.join("ca.pem"), &certificate)?;
    Ok(Authority {
        issuer: Issuer::new(params, key),
        certificate,
    })
}

/// A name that is nothing but a name.
pub(crate) fn named(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

/// The authority that [`create`] made in that folder.
pub(crate) fn open(folder: &Path) -> Result<Authority, Failure> {
    let read = |file: &str| {
        let path = folder.join(file);
        std::fs::read_to_string(&path).map_err(|error| Failure::file(&path, &error))
    };
    let key = KeyPair::from_pem(&read("ca.key")?).map_err(failed)?;
    let certificate = read("ca.pem")?;
    Ok(Authority {
        issuer: Issuer::from_ca_cert_pem(&certificate, key).map_err(failed)?,
        certificate,
    })
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
        self.write_as(folder, "node")
    }

    /// Writes them with another first name.
    pub(crate) fn write_as(&self, folder: &Path, name: &str) -> Result<(), Failure> {
        write_private(&folder.join(format!("{name}.key")), &self.key)?;
        write_private(&folder.join(format!("{name}.pem")), &self.certificate)?;
        write_private(&folder.join("ca.pem"), &self.authority)
    }
}

impl Authority {
    /// Issues a certificate for a node's name and the loopback address.
    pub(crate) fn issue(&self, node: &str) -> Result<Issued, Failure> {
        self.issue_for(&node_hosts(node), NODE_DAYS)
    }

    /// Issues a certificate for names and addresses.
    pub(crate) fn issue_for(&self, hosts: &[String], days: u32) -> Result<Issued, Failure> {
        let key = KeyPair::generate().map_err(failed)?;
        Ok(Issued {
            certificate: self.sign(hosts, &key, days)?,
            key: key.serialize_pem(),
            authority: self.certificate.clone(),
        })
    }

    /// A certificate for those hosts and an existing key, PEM.
    pub(crate) fn sign(
        &self,
        hosts: &[String],
        key: &KeyPair,
        days: u32,
    ) -> Result<String, Failure> {
        let (addresses, names): (Vec<&String>, Vec<&String>) = hosts
            .iter()
            .partition(|host| host.parse::<IpAddr>().is_ok());
        let names: Vec<String> = names.into_iter().cloned().collect();
        let mut params = CertificateParams::new(names).map_err(|error| {
            Failure::usage(format!("{}: no name of a host: {error}", hosts.join(", ")))
        })?;
        let addresses = addresses.iter().filter_map(|address| address.parse().ok());
        params
            .subject_alt_names
            .extend(addresses.map(SanType::IpAddress));
        params.distinguished_name = named(hosts.first().map_or("", String::as_str));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = validity(days)?;
        let certificate = params.signed_by(key, &self.issuer).map_err(failed)?;
        Ok(certificate.pem())
    }
}

/// What the certificate of a node is for: its name first, by which the others know it.
pub(crate) fn node_hosts(node: &str) -> Vec<String> {
    [node, "localhost", "127.0.0.1"].map(str::to_owned).to_vec()
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
