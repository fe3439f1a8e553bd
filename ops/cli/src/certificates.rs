//! What a certificate says: whom it is for, who signed it, and how long it holds.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use busker_kit::clock;
use x509_parser::extensions::GeneralName;
use x509_parser::pem::parse_x509_pem;

use crate::exit::{Exit, Failure};

const DAY_S: i64 = 86_400;
/// Certificates that one look at a folder finds; the others are left out.
const FOUND: usize = 1_000;
/// Folders below each other that are looked into.
const DEPTH: usize = 6;

/// A certificate, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Certificate {
    pub(crate) file: PathBuf,
    /// Names and addresses it is for, in its own order; of an authority, its name.
    pub(crate) hosts: Vec<String>,
    pub(crate) issuer: String,
    pub(crate) is_authority: bool,
    /// Unix seconds.
    pub(crate) until_s: i64,
}

impl Certificate {
    /// Reads the first certificate of a file.
    pub(crate) fn read(file: &Path) -> Result<Self, Failure> {
        let bytes = std::fs::read(file).map_err(|error| Failure::file(file, &error))?;
        let wrong = |error: &dyn std::fmt::Display| {
            let message = format!("{}: no certificate in PEM ({error})", file.display());
            Failure::new(Exit::Invalid, message)
        };
        let (_, pem) = parse_x509_pem(&bytes).map_err(|error| wrong(&error))?;
        let found = pem.parse_x509().map_err(|error| wrong(&error))?;
        let alternative = found.subject_alternative_name();
        let alternative = alternative.map_err(|error| wrong(&error))?;
        let names = alternative.map(|names| &names.value.general_names);
        let mut hosts: Vec<String> = names.into_iter().flatten().filter_map(host).collect();
        if hosts.is_empty() {
            hosts.push(found.subject().to_string());
        }
        Ok(Self {
            file: file.to_owned(),
            hosts,
            issuer: found.issuer().to_string(),
            is_authority: found.is_ca(),
            until_s: found.validity().not_after.timestamp(),
        })
    }

    /// Whole days it still holds; below 0 when it has ended.
    pub(crate) fn days_left(&self) -> i64 {
        (self.until_s - clock::unix_ms().div_euclid(1_000)).div_euclid(DAY_S)
    }
}

fn host(name: &GeneralName<'_>) -> Option<String> {
    if let GeneralName::DNSName(name) = name {
        return Some((*name).to_owned());
    }
    let GeneralName::IPAddress(bytes) = name else {
        return None;
    };
    let four = <[u8; 4]>::try_from(*bytes).map(|bytes| IpAddr::V4(Ipv4Addr::from(bytes)));
    let six = <[u8; 16]>::try_from(*bytes).map(|bytes| IpAddr::V6(Ipv6Addr::from(bytes)));
    four.or(six).ok().map(|address| address.to_string())
}

/// The certificates in files `.pem` below a folder, by path; files that are none are passed over.
pub(crate) fn below(folder: &Path) -> Vec<Certificate> {
    let mut files = Vec::new();
    collect(folder, DEPTH, &mut files);
    files.sort();
    let found = files.iter().filter_map(|file| Certificate::read(file).ok());
    found.take(FOUND).collect()
}

fn collect(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries {
        let path = entry.path();
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_folder && depth > 0 {
            collect(&path, depth - 1, files);
        } else if path.extension().is_some_and(|extension| extension == "pem") {
            files.push(path);
        }
    }
}
