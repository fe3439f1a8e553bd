//! Who asked for what over the API, and what came of it.

use std::sync::atomic::{AtomicU64, Ordering};

use busker_kit::clock::unix_ms;
use serde::Serialize;

use crate::error::Result;
use crate::odb::Odb;
use crate::random;
use crate::value::{Row, values};

/// Rows kept; older ones go.
pub const AUDIT_ROWS: i64 = 100_000;
/// Longest page.
pub const AUDIT_PAGE: i64 = 1_000;
/// Old rows are looked for once in so many appends of a process, and at its first.
const PRUNE_EVERY: u64 = 256;

/// One operation that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// Sorts by time; give it to `list` to see what was before.
    pub id: String,
    /// Epoch milliseconds.
    pub at_ms: i64,
    /// Principal, or empty when nobody could be told.
    pub who: String,
    /// Admin service.
    pub service: String,
    /// What it was about; empty when it was about nothing named.
    pub object: String,
    /// `ok`, or the class of the error.
    pub result: String,
    /// cid of the request.
    pub cid: String,
}

/// What to append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditWrite {
    /// Principal.
    pub who: String,
    /// Admin service.
    pub service: String,
    /// What it was about.
    pub object: String,
    /// `ok`, or the class of the error.
    pub result: String,
    /// cid of the request.
    pub cid: String,
}

const APPEND: &str = "INSERT INTO audit (id, at_ms, who, service, object, result, cid) \
    VALUES ($7, $6, $1, $2, $3, $4, $5)";
const LIST: &str = "SELECT id, at_ms, who, service, object, result, cid FROM audit \
    WHERE ($2 = '' OR id < $2) ORDER BY id DESC LIMIT $1";
const PRUNE: &str = "DELETE FROM audit WHERE id <= \
    (SELECT id FROM audit ORDER BY id DESC LIMIT 1 OFFSET $1)";

static APPENDED: AtomicU64 = AtomicU64::new(0);

/// Operations on the audit log.
#[derive(Debug, Clone, Copy)]
pub struct Audit<'a>(&'a Odb);

impl<'a> Audit<'a> {
    pub(crate) const fn new(odb: &'a Odb) -> Self {
        Self(odb)
    }

    /// Appends a row.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn append(&self, write: AuditWrite) -> Result<()> {
        let at_ms = unix_ms();
        let turn = APPENDED.fetch_add(1, Ordering::Relaxed);
        // Fixed widths, so that text sorts like time; the random end tells processes apart.
        let id = format!("{at_ms:013}-{turn:012}-{}", random::hex::<4>()?);
        let row = values![
            write.who,
            write.service,
            write.object,
            write.result,
            write.cid,
            at_ms,
            id
        ];
        self.0.query(APPEND, row).await?;
        if turn.is_multiple_of(PRUNE_EVERY) {
            self.0.query(PRUNE, values![AUDIT_ROWS]).await?;
        }
        Ok(())
    }

    /// A page, newest first; `before` is the id of the last row of the page before.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn list(&self, limit: i64, before: Option<&str>) -> Result<Vec<AuditEntry>> {
        let query = values![limit.clamp(0, AUDIT_PAGE), before.unwrap_or_default()];
        self.0
            .query(LIST, query)
            .await?
            .into_iter()
            .map(entry_of)
            .collect()
    }
}

fn entry_of(mut row: Row) -> Result<AuditEntry> {
    Ok(AuditEntry {
        id: row.text()?,
        at_ms: row.int()?,
        who: row.text()?,
        service: row.text()?,
        object: row.text()?,
        result: row.text()?,
        cid: row.text()?,
    })
}
