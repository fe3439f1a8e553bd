//! Roles that one node of the cluster holds, and the epoch that fences them.
//!
//! Whoever takes a role gets the next epoch; every write of the role carries it, and the database refuses an old one. Each
//! epoch leaves a term: who held the role from when to when, and how it ended.

use busker_kit::clock::unix_ms;
use futures::FutureExt;
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

/// Terms kept of a role; the oldest goes first.
pub const TERMS_KEPT: i64 = 1_000;

/// One holder of a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RoleTerm {
    /// Role.
    pub role: String,
    /// Its epoch.
    pub epoch: i64,
    /// Node that held it.
    pub holder: String,
    /// From when, epoch milliseconds.
    pub since_ms: i64,
    /// Until when; `None` while it lasts.
    pub ended_ms: Option<i64>,
    /// How it ended: `released`, `fenced`, `lost`, `deposed`, or `taken` when its holder did not say.
    pub how: Option<String>,
}

const TAKE: &str = "INSERT INTO singleton (role, holder, epoch, since_ms) VALUES ($1, $2, 1, $3) \
    ON CONFLICT (role) DO UPDATE SET holder = excluded.holder, epoch = singleton.epoch + 1, \
    since_ms = excluded.since_ms RETURNING epoch";
const TAKE_FROM: &str = "UPDATE singleton SET holder = $2, epoch = epoch + 1, since_ms = $3 \
    WHERE role = $1 AND epoch = $4 RETURNING epoch";
const TAKE_FIRST: &str = "INSERT INTO singleton (role, holder, epoch, since_ms) \
    VALUES ($1, $2, 1, $3) ON CONFLICT (role) DO NOTHING RETURNING epoch";
const OPEN_TERM: &str = "INSERT INTO role_term (role, epoch, holder, since_ms) \
    VALUES ($1, $2, $3, $4)";
const CLOSE_BEFORE: &str = "UPDATE role_term SET ended_ms = $3, how = 'taken' \
    WHERE role = $1 AND epoch < $2 AND ended_ms IS NULL";
const FORGET_TERMS: &str = "DELETE FROM role_term WHERE role = $1 AND epoch <= $2";
const CLOSE: &str = "UPDATE role_term SET ended_ms = $3, how = $4 \
    WHERE role = $1 AND epoch = $2 AND ended_ms IS NULL";
const TERMS: &str = "SELECT role, epoch, holder, since_ms, ended_ms, how FROM role_term \
    WHERE role = $1 ORDER BY epoch DESC LIMIT $2";
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
        let (role, holder) = (role.to_owned(), holder.to_owned());
        let work = self.0.write(move |tx| {
            async move {
                let taken = values![role.as_str(), holder.as_str(), unix_ms()];
                let rows = tx.query(TAKE, taken).await?;
                let epoch = one(rows, "the role")?.int()?;
                open_term(tx, &role, &holder, epoch).await?;
                Ok(epoch)
            }
            .boxed()
        });
        work.await
    }

    /// Takes a role for a node, if its epoch still is `from` (0: nobody ever took it); answers the new one, or `None` when
    /// somebody else took it since. A request that arrives late thus deposes nobody.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn take_from(&self, role: &str, holder: &str, from: i64) -> Result<Option<i64>> {
        let (role, holder) = (role.to_owned(), holder.to_owned());
        let work = self.0.write(move |tx| {
            async move {
                let (sql, values) = if from == 0 {
                    let first = values![role.as_str(), holder.as_str(), unix_ms()];
                    (TAKE_FIRST, first)
                } else {
                    let next = values![role.as_str(), holder.as_str(), unix_ms(), from];
                    (TAKE_FROM, next)
                };
                let Some(mut row) = tx.query(sql, values).await?.into_iter().next() else {
                    return Ok(None);
                };
                let epoch = row.int()?;
                open_term(tx, &role, &holder, epoch).await?;
                Ok(Some(epoch))
            }
            .boxed()
        });
        work.await
    }

    /// The epoch of a role; 0 when nobody ever took it.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn epoch(&self, role: &str) -> Result<i64> {
        let rows = self.0.query(GET, values![role]).await?;
        rows.into_iter()
            .next()
            .map_or(Ok(0), |row| Ok(record_of(row)?.epoch))
    }

    /// Says that a term has ended, and how; one that has ended already is left alone.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn ended(&self, role: &str, epoch: i64, how: &str) -> Result<()> {
        let ended = values![role, epoch, unix_ms(), how];
        self.0.query(CLOSE, ended).await.map(drop)
    }

    /// Who held a role, newest first.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn terms(&self, role: &str, most: i64) -> Result<Vec<RoleTerm>> {
        let rows = self.0.query(TERMS, values![role, most]).await?;
        rows.into_iter().map(term_of).collect()
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

async fn open_term(tx: &mut dyn Tx, role: &str, holder: &str, epoch: i64) -> Result<()> {
    let now = unix_ms();
    tx.query(CLOSE_BEFORE, values![role, epoch, now]).await?;
    tx.query(OPEN_TERM, values![role, epoch, holder, now])
        .await?;
    let forgotten = values![role, epoch - TERMS_KEPT];
    tx.query(FORGET_TERMS, forgotten).await.map(drop)
}

fn term_of(mut row: Row) -> Result<RoleTerm> {
    Ok(RoleTerm {
        role: row.text()?,
        epoch: row.int()?,
        holder: row.text()?,
        since_ms: row.int()?,
        ended_ms: row.opt_int()?,
        how: row.opt_text()?,
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
