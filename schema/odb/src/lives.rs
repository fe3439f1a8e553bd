//! Data sets of Redis, one after another, and what was in them: so that a loss is an interval and a number.
//!
//! A node that looks at the bus writes down what it saw: a checkpoint. When the data set is another one, the one before is
//! closed: no checkpoint of it is written any more, the nodes add what they remember since the last, and what the next data
//! set took over is taken off.

use std::collections::BTreeMap;

use busker_model::ServiceName;
use busker_model::bus::{Loss, LossRow};
use futures::FutureExt;

use crate::error::{OdbError, Result};
use crate::odb::Odb;
use crate::store::{Tx, bulk};
use crate::value::{Row, values};

/// Most losses in one answer, the newest.
pub const LOSSES_SHOWN: i64 = 100;
/// Time a loss is kept, in milliseconds: 90 days.
pub const LOSS_AGE_MS: i64 = 90 * 24 * 3_600_000;

/// A data set of Redis at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifeSeen {
    /// Its id.
    pub life: String,
    /// Run id of the server that holds it.
    pub run_id: String,
    /// When it was seen, epoch milliseconds.
    pub seen_ms: i64,
    /// Number of the last change in it.
    pub tick: i64,
}

/// What a data set has of one service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifeCount {
    /// Service.
    pub service: ServiceName,
    /// Handed over in all.
    pub accepted: u64,
    /// Waiting, delayed or running.
    pub pending: u64,
}

/// What a node did in a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifeChange {
    /// Number of the change.
    pub tick: i64,
    /// Service.
    pub service: ServiceName,
    /// Handed over, or made an invocation again.
    pub came: u64,
    /// Ended.
    pub went: u64,
}

/// The data set that took the place of the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LifeNow {
    /// Its id.
    pub life: String,
    /// When it was noticed, epoch milliseconds.
    pub noticed_ms: i64,
    /// What it took over, by service.
    pub kept: Vec<(ServiceName, u64)>,
    /// Whether it began with nothing.
    pub emptied: bool,
}

const LOOK: &str = "INSERT INTO bus_life (life, run_id, seen_ms, tick, noticed_ms, emptied) \
    VALUES ($1, $2, $3, $4, NULL, FALSE) ON CONFLICT (life) DO UPDATE SET \
    seen_ms = excluded.seen_ms, tick = excluded.tick \
    WHERE bus_life.tick <= excluded.tick AND bus_life.noticed_ms IS NULL RETURNING life";
const COUNTS: &str = "bus_checkpoint (life, service, accepted, pending, came, went, kept)";
const SEEN: &str = "ON CONFLICT (life, service) DO UPDATE SET accepted = excluded.accepted, \
    pending = excluded.pending";
const CAME: &str = "ON CONFLICT (life, service) DO UPDATE SET \
    came = bus_checkpoint.came + excluded.came, went = bus_checkpoint.went + excluded.went";
const TOOK: &str = "ON CONFLICT (life, service) DO UPDATE SET kept = excluded.kept";
const OTHERS: &str = "SELECT life FROM bus_life WHERE noticed_ms IS NULL AND life <> $1 \
    ORDER BY seen_ms DESC";
const CLOSE: &str = "UPDATE bus_life SET noticed_ms = $2, emptied = $3 \
    WHERE life = $1 AND noticed_ms IS NULL RETURNING life";
/// A data set nobody wrote a checkpoint of is closed as it is made.
const CLOSED: &str = "INSERT INTO bus_life (life, run_id, seen_ms, tick, noticed_ms, emptied) \
    VALUES ($1, '', $2, 0, $2, TRUE) ON CONFLICT (life) DO UPDATE SET \
    noticed_ms = COALESCE(bus_life.noticed_ms, excluded.noticed_ms) RETURNING tick";
const LIVES: &str = "SELECT life, seen_ms, noticed_ms, emptied FROM bus_life \
    WHERE noticed_ms IS NOT NULL ORDER BY noticed_ms DESC LIMIT $1";
const ROWS: &str = "SELECT service, accepted, pending, came, went, kept FROM bus_checkpoint \
    WHERE life = $1 ORDER BY service";
const FORGET: [&str; 2] = [
    "DELETE FROM bus_checkpoint WHERE life IN \
     (SELECT life FROM bus_life WHERE noticed_ms < $1)",
    "DELETE FROM bus_life WHERE noticed_ms < $1",
];

/// Operations on data sets of Redis.
#[derive(Debug, Clone, Copy)]
pub struct Lives<'a>(&'a Odb);

impl<'a> Lives<'a> {
    pub(crate) const fn new(odb: &'a Odb) -> Self {
        Self(odb)
    }

    /// Writes a checkpoint: what was seen, and the counts that are not as in the one before. `false` when a later one is
    /// there or the data set is closed; nothing is written then.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn checkpoint(&self, seen: LifeSeen, counts: Vec<LifeCount>) -> Result<bool> {
        self.0
            .write(move |tx| checkpoint(tx, seen, counts).boxed())
            .await
    }

    /// Closes all data sets but the one there is now; answers how many that were.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn close_others(&self, now: LifeNow) -> Result<usize> {
        self.0.write(move |tx| close(tx, now).boxed()).await
    }

    /// Adds what a node did in a data set that is gone, as far as no checkpoint has it; the data set is closed with it.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn add(&self, life: &str, noticed_ms: i64, done: Vec<LifeChange>) -> Result<()> {
        let life = life.to_owned();
        self.0
            .write(move |tx| add(tx, life, noticed_ms, done).boxed())
            .await
    }

    /// Losses, oldest first: the last [`LOSSES_SHOWN`] data sets that went with something in them, or left nothing.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn losses(&self) -> Result<Vec<Loss>> {
        self.0.read(|tx| losses(tx).boxed()).await
    }

    /// Forgets losses noticed more than [`LOSS_AGE_MS`] before.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn forget(&self, now_ms: i64) -> Result<()> {
        let before = now_ms.saturating_sub(LOSS_AGE_MS);
        for sql in FORGET {
            self.0.query(sql, values![before]).await?;
        }
        Ok(())
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

async fn checkpoint(tx: &mut dyn Tx, seen: LifeSeen, counts: Vec<LifeCount>) -> Result<bool> {
    let row = values![seen.life.as_str(), seen.run_id, seen.seen_ms, seen.tick];
    if tx.query(LOOK, row).await?.is_empty() {
        return Ok(false);
    }
    let rows = counts.into_iter().map(|count| {
        [
            seen.life.as_str().into(),
            count.service.as_str().into(),
            signed(count.accepted).into(),
            signed(count.pending).into(),
            0.into(),
            0.into(),
            0.into(),
        ]
    });
    bulk::insert(tx, COUNTS, SEEN, rows.collect()).await?;
    Ok(true)
}

async fn close(tx: &mut dyn Tx, now: LifeNow) -> Result<usize> {
    let others = tx.query(OTHERS, values![now.life.as_str()]).await?;
    let others: Vec<String> = others
        .into_iter()
        .map(|mut row| row.text())
        .collect::<Result<_>>()?;
    let mut closed = 0;
    for life in &others {
        let row = values![life.as_str(), now.noticed_ms, now.emptied];
        closed += tx.query(CLOSE, row).await?.len();
    }
    if closed > 0
        && let Some(last) = others.first()
    {
        let rows = now.kept.into_iter().map(|(service, kept)| {
            [
                last.as_str().into(),
                service.as_str().into(),
                0.into(),
                0.into(),
                0.into(),
                0.into(),
                signed(kept).into(),
            ]
        });
        bulk::insert(tx, COUNTS, TOOK, rows.collect()).await?;
    }
    Ok(closed)
}

async fn add(tx: &mut dyn Tx, life: String, noticed_ms: i64, done: Vec<LifeChange>) -> Result<()> {
    let closed = tx.query(CLOSED, values![life.as_str(), noticed_ms]).await?;
    let tick = crate::odb::one(closed, "data set")?.int()?;
    let mut sums: BTreeMap<ServiceName, (u64, u64)> = BTreeMap::new();
    for change in done.into_iter().filter(|change| change.tick > tick) {
        let (came, went) = sums.entry(change.service).or_default();
        *came += change.came;
        *went += change.went;
    }
    let rows = sums.into_iter().map(|(service, (came, went))| {
        [
            life.as_str().into(),
            service.as_str().into(),
            0.into(),
            0.into(),
            signed(came).into(),
            signed(went).into(),
            0.into(),
        ]
    });
    bulk::insert(tx, COUNTS, CAME, rows.collect())
        .await
        .map(drop)
}

async fn losses(tx: &mut dyn Tx) -> Result<Vec<Loss>> {
    let mut losses = Vec::new();
    for mut life in tx.query(LIVES, values![LOSSES_SHOWN]).await? {
        let (id, from_ms, noticed_ms) = (life.text()?, life.int()?, life.int()?);
        let emptied = life.bool()?;
        let rows = tx.query(ROWS, values![id]).await?;
        let rows: Vec<LossRow> = rows.into_iter().map(row_of).collect::<Result<_>>()?;
        let loss = Loss {
            from_ms,
            noticed_ms,
            emptied,
            lost: rows.iter().map(|row| row.lost).sum(),
            services: rows,
        };
        if loss.lost > 0 || (emptied && loss.services.iter().any(|row| row.accepted > 0)) {
            losses.push(loss);
        }
    }
    losses.reverse();
    Ok(losses)
}

fn row_of(mut row: Row) -> Result<LossRow> {
    let service = ServiceName::new(&row.text()?).map_err(OdbError::corrupt)?;
    let (accepted, pending) = (row.int()?, row.int()?);
    let (came, went, kept) = (row.int()?, row.int()?, row.int()?);
    let count = |number: i64| u64::try_from(number).unwrap_or_default();
    Ok(LossRow {
        service,
        accepted: count(accepted + came),
        pending: count(pending + came - went),
        kept: count(kept),
        lost: count(pending + came - went - kept),
    })
}
