//! How a package fares on each node.

use busker_kit::clock::unix_ms;
use serde::Serialize;

use crate::error::Result;
use crate::packages::Packages;
use crate::value::{Row, values};

/// A package on a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackageStatus {
    /// Package.
    pub package: i64,
    /// Node.
    pub node: String,
    /// `loading`, `live`, `failed`, `drained`.
    pub state: String,
    /// Why, when it failed.
    pub message: String,
    /// Epoch milliseconds.
    pub at_ms: i64,
}

/// What a node says of a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusWrite {
    /// Package.
    pub package: i64,
    /// Node.
    pub node: String,
    /// `loading`, `live`, `failed`, `drained`.
    pub state: String,
    /// Why, when it failed; cut at [`STATUS_MESSAGE_CHARS`].
    pub message: String,
}

/// Longest message kept, in characters.
pub const STATUS_MESSAGE_CHARS: usize = 8_000;

/// A package that was pruned meanwhile is not there to have a status: nothing is written then.
const SET: &str = "INSERT INTO package_status (node, package, state, message, at_ms) \
    SELECT $2, id, $3, $4, $5 FROM package WHERE id = $1 \
    ON CONFLICT (package, node) DO UPDATE SET \
    state = excluded.state, message = excluded.message, at_ms = excluded.at_ms";
const LIST: &str = "SELECT package, node, state, message, at_ms FROM package_status \
    WHERE package = $1 ORDER BY node";

impl Packages<'_> {
    /// Writes the status of a package on a node over the one before.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn set_status(&self, write: StatusWrite) -> Result<()> {
        let message: String = write.message.chars().take(STATUS_MESSAGE_CHARS).collect();
        let row = values![write.package, write.node, write.state, message, unix_ms()];
        self.odb.query(SET, row).await.map(drop)
    }

    /// The status of a package on each node that reported one, by node.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn statuses(&self, package: i64) -> Result<Vec<PackageStatus>> {
        let rows = self.odb.query(LIST, values![package]).await?;
        rows.into_iter().map(status_of).collect()
    }
}

fn status_of(mut row: Row) -> Result<PackageStatus> {
    Ok(PackageStatus {
        package: row.int()?,
        node: row.text()?,
        state: row.text()?,
        message: row.text()?,
        at_ms: row.int()?,
    })
}
