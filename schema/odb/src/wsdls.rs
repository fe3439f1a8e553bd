//! WSDL that people uploaded for services: one for each, kept byte for byte. What is in it is for others to judge.

use busker_kit::clock::unix_ms;
use futures::FutureExt;
use serde::Serialize;

use crate::error::{OdbError, Result};
use crate::odb::{Odb, one};
use crate::random;
use crate::value::{Row, values};

/// Largest WSDL, in bytes.
pub const WSDL_BYTES: usize = 4 * 1024 * 1024;
/// Most services with a WSDL of their own: a bound on what uploads can fill the database with.
pub const WSDLS: i64 = 10_000;

/// A WSDL without its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WsdlInfo {
    /// Service.
    pub service: String,
    /// File name.
    pub file: String,
    /// SHA-256 of the content, hexadecimal.
    pub sha256: String,
    /// Principal.
    pub uploaded_by: String,
    /// Epoch milliseconds.
    pub at_ms: i64,
}

/// What to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WsdlWrite {
    /// Service; it may be deployed later.
    pub service: String,
    /// File name.
    pub file: String,
    /// The WSDL.
    pub content: Vec<u8>,
    /// Principal.
    pub uploaded_by: String,
}

const SET: &str = "INSERT INTO service_wsdl (service, file, content, sha256, uploaded_by, at_ms) \
    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (service) DO UPDATE SET \
    file = excluded.file, content = excluded.content, sha256 = excluded.sha256, \
    uploaded_by = excluded.uploaded_by, at_ms = excluded.at_ms";
const COUNT: &str = "SELECT COUNT(*) FROM service_wsdl WHERE service <> $1";
const INFO: &str = "SELECT service, file, sha256, uploaded_by, at_ms FROM service_wsdl \
    WHERE service = $1";
const CONTENT: &str = "SELECT content FROM service_wsdl WHERE service = $1";
const DELETE: &str = "DELETE FROM service_wsdl WHERE service = $1 RETURNING service";

/// Operations on uploaded WSDL.
#[derive(Debug, Clone, Copy)]
pub struct Wsdls<'a>(&'a Odb);

impl<'a> Wsdls<'a> {
    pub(crate) const fn new(odb: &'a Odb) -> Self {
        Self(odb)
    }

    /// Keeps a WSDL in place of the one before.
    ///
    /// # Errors
    /// `Invalid` when it is empty or larger than [`WSDL_BYTES`]; `Conflict` when [`WSDLS`] services have one.
    pub async fn set(&self, write: WsdlWrite) -> Result<WsdlInfo> {
        let size = write.content.len();
        if size == 0 || size > WSDL_BYTES {
            return Err(OdbError::Invalid(format!(
                "{}: {size} bytes; a WSDL has from 1 to {WSDL_BYTES}",
                write.file
            )));
        }
        let info = WsdlInfo {
            sha256: random::sha256(&write.content),
            at_ms: unix_ms(),
            service: write.service,
            file: write.file,
            uploaded_by: write.uploaded_by,
        };
        let (kept, content) = (info.clone(), write.content);
        self.0
            .write(move |tx| {
                async move {
                    let others = tx.query(COUNT, values![kept.service.as_str()]).await?;
                    if one(others, "count")?.int()? >= WSDLS {
                        return Err(OdbError::Conflict(format!(
                            "{WSDLS} services have a WSDL of their own: delete one first"
                        )));
                    }
                    let row = values![
                        kept.service,
                        kept.file,
                        content,
                        kept.sha256,
                        kept.uploaded_by,
                        kept.at_ms
                    ];
                    tx.query(SET, row).await.map(drop)
                }
                .boxed()
            })
            .await?;
        Ok(info)
    }

    /// What is known of a service's WSDL; `None` when it has none.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn info(&self, service: &str) -> Result<Option<WsdlInfo>> {
        let rows = self.0.query(INFO, values![service]).await?;
        rows.into_iter().next().map(info_of).transpose()
    }

    /// The WSDL of a service, byte for byte; `None` when it has none.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn content(&self, service: &str) -> Result<Option<Vec<u8>>> {
        let rows = self.0.query(CONTENT, values![service]).await?;
        let mut rows = rows.into_iter();
        rows.next().map(|mut row| row.bytes()).transpose()
    }

    /// Lets a service's WSDL go.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn delete(&self, service: &str) -> Result<()> {
        let rows = self.0.query(DELETE, values![service]).await?;
        one(rows, &format!("a WSDL of service {service:?}")).map(drop)
    }
}

fn info_of(mut row: Row) -> Result<WsdlInfo> {
    Ok(WsdlInfo {
        service: row.text()?,
        file: row.text()?,
        sha256: row.text()?,
        uploaded_by: row.text()?,
        at_ms: row.int()?,
    })
}
