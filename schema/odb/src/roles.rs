//! Roles that one node of the cluster holds, and the epoch that fences them.
//!
//! Whoever takes a role gets the next epoch; every write of the role carries it, and the database refuses an old one.

use busker_kit::clock::unix_ms;
use serde::Serialize;

use crate::error::{OdbError, Result};
use crate::odb::{Odb, one};
use crate::store::Tx;
use crate::value::{Row, values};

/// The role that fires jobs.
pub const SCHEDULER: &str = "scheduler";

/// Who holds a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RoleRecord {
    /// Role.
    pub role: String,
    /// Node that took it last.
    pub holder: String,
    /// How often it was taken.
    pub epoch: i64,
    /// When it was taken, epoch milliseconds.
    pub since_ms: i64,
}

const TAKE: &str = "INSERT INTO singleton (role, holder, epoch, since_ms) VALUES ($1, $2, 1, $3) \
    ON CONFLICT (role) DO UPDATE SET holder = excluded.holder, epoch = singleton.epoch + 1, \
    since_ms = excluded.since_ms RETURNING epoch";
const GET: &str = "SELECT role, holder, epoch, since_ms FROM singleton WHERE role = $1";
/// Changes nothing, but holds the row: whoever takes the role waits for this transaction, or this one sees its epoch.
const HOLD: &str =
    "UPDATE singleton SET epoch = epoch WHERE role = $1 AND epoch = $2 RETURNING epoch";

/// Operations on roles.
#[derive(Debug, Clone, Copy)]
pub struct Roles<'a>(&'a Odb);

impl<'a> Roles<'a> {
    pub(crate) const fn new(odb: &'a Odb) -> Self {
        Self(odb)
    }

    /// Takes a role for a node; answers its new epoch. Writes of whoever had it are refused from now on.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn take(&self, role: &str, holder: &str) -> Result<i64> {
        let rows = self.0.query(TAKE, values![role, holder, unix_ms()]);
        one(rows.await?, "the role")?.int()
    }

    /// Who holds a role.
    ///
    /// # Errors
    /// `NotFound` when nobody ever took it.
    pub async fn get(&self, role: &str) -> Result<RoleRecord> {
        let rows = self.0.query(GET, values![role]).await?;
        record_of(one(rows, &format!("role {role:?}"))?)
    }
}

/// Keeps a transaction to the holder of an epoch.
///
/// # Errors
/// `Stale` when the role was taken since.
pub(crate) async fn hold(tx: &mut dyn Tx, role: &str, epoch: i64) -> Result<()> {
    if !tx.query(HOLD, values![role, epoch]).await?.is_empty() {
        return Ok(());
    }
    let found = tx.query(GET, values![role]).await?;
    let current = one(found, &format!("role {role:?}")).and_then(record_of)?;
    Err(OdbError::Stale {
        what: format!("the role {role:?}, which {} took,", current.holder),
        expected: epoch,
        current: current.epoch,
    })
}

fn record_of(mut row: Row) -> Result<RoleRecord> {
    Ok(RoleRecord {
        role: row.text()?,
        holder: row.text()?,
        epoch: row.int()?,
        since_ms: row.int()?,
    })
}
