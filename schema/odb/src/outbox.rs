//! Durable asynchronous invocations of a cluster: rows from the moment a caller has its cid until the end, and the counters
//! that move with them.
//!
//! The bus sends what lies here on through Redis, and makes it again from here when Redis lost it. An envelope is bytes to
//! this crate. Pending and dead ones are counted, the others are counters: a difference between them is a fault of ours.

mod end;

use std::collections::{BTreeMap, HashSet};

use busker_model::{Cid, ServiceName};
use futures::FutureExt;

pub use self::end::{DeadNote, OutboxEnd};
use crate::error::{OdbError, Result};
use crate::odb::Odb;
use crate::store::{Tx, bulk};
use crate::value::{Row, SqlValue, values};

/// Most rows of one page.
pub const PAGE: i64 = 500;

/// A row to put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxRow {
    /// Invocation.
    pub cid: Cid,
    /// Its service.
    pub service: ServiceName,
    /// Its place in the order.
    pub seq: i64,
    /// Itself, as the bus stores it.
    pub envelope: Vec<u8>,
}

/// What became of a row that was put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It is kept.
    Kept,
    /// It was there already.
    Known,
    /// Its service has so many already, as many as it may.
    Full(u64),
}

/// A place in the outbox, which is read service by service in the order in which invocations came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxMark {
    /// Invocation.
    pub cid: Cid,
    /// Its service.
    pub service: ServiceName,
    /// Its place in the order.
    pub seq: i64,
    /// Length of its envelope in bytes.
    pub bytes: u64,
    /// Whether it is a dead letter.
    pub dead: bool,
}

/// A row as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxItem {
    /// Invocation.
    pub cid: Cid,
    /// Itself, as the bus stores it.
    pub envelope: Vec<u8>,
    /// Why it is a dead letter, if it is one.
    pub dead: Option<DeadNote>,
}

/// Counters of a service, and what is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxCount {
    /// Service.
    pub service: ServiceName,
    /// Handed over.
    pub accepted: u64,
    /// Succeeded.
    pub done: u64,
    /// Not started in time.
    pub expired: u64,
    /// Dead letters that were let go.
    pub discarded: u64,
    /// Dead letters: counted.
    pub dead: u64,
    /// Neither: counted.
    pub pending: u64,
}

const ROWS: &str = "bus_outbox (cid, service, seq, envelope, died_ms, attempts, failure, version)";
const KEEP: &str = "ON CONFLICT (cid) DO NOTHING RETURNING cid";
const HELD: &str = "SELECT CAST(SUM(accepted - done - expired - discarded) AS BIGINT) \
    FROM bus_count WHERE service = $1";
const COUNTS: &str = "bus_count (service, writer, accepted, done, expired, discarded)";
const ADD: &str = "ON CONFLICT (service, writer) DO UPDATE SET \
    accepted = bus_count.accepted + excluded.accepted, done = bus_count.done + excluded.done, \
    expired = bus_count.expired + excluded.expired, \
    discarded = bus_count.discarded + excluded.discarded";
const FIRST: &str = "SELECT cid, service, seq, CAST(length(envelope) AS BIGINT), died_ms FROM bus_outbox \
    WHERE seq < $1 ORDER BY service, seq, cid LIMIT $2";
const NEXT: &str = "SELECT cid, service, seq, CAST(length(envelope) AS BIGINT), died_ms FROM bus_outbox \
    WHERE seq < $1 AND (service, seq, cid) > ($3, $4, $5) ORDER BY service, seq, cid LIMIT $2";
const ITEMS: &str = "SELECT cid, envelope, died_ms, attempts, failure, version FROM bus_outbox \
    WHERE cid IN";
const COUNTED: &str = "SELECT service, CAST(SUM(accepted) AS BIGINT), CAST(SUM(done) AS BIGINT), \
    CAST(SUM(expired) AS BIGINT), CAST(SUM(discarded) AS BIGINT) FROM bus_count \
    GROUP BY service ORDER BY service";
const THERE: &str = "SELECT service, COUNT(*), COUNT(died_ms) FROM bus_outbox GROUP BY service";
const EDIT: &str = "UPDATE bus_outbox SET envelope = $2 WHERE cid = $1 AND died_ms IS NOT NULL \
    RETURNING service";
const REVIVE: &str = "UPDATE bus_outbox SET envelope = $2, died_ms = NULL, attempts = 0, \
    failure = '', version = '' WHERE cid = $1 AND died_ms IS NOT NULL RETURNING service";

/// Operations on durable invocations.
#[derive(Debug, Clone, Copy)]
pub struct Outbox<'a>(&'a Odb);

impl<'a> Outbox<'a> {
    pub(crate) const fn new(odb: &'a Odb) -> Self {
        Self(odb)
    }

    /// Puts rows in, in one transaction, and answers for each in order. `most` bounds how many a service may have.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn put(&self, node: &str, rows: Vec<OutboxRow>, most: u64) -> Result<Vec<Put>> {
        let writer = format!("{node}/in");
        self.0
            .write(move |tx| put(tx, writer, rows, most).boxed())
            .await
    }

    /// Ends invocations, in one transaction. What has ended already stays as it is.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn end(&self, node: &str, ends: Vec<(Cid, OutboxEnd)>) -> Result<()> {
        let writer = format!("{node}/out");
        self.0
            .write(move |tx| end::end(tx, writer, ends).boxed())
            .await
    }

    /// The next places after one, of what came before `before`; at most [`PAGE`].
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn page(&self, after: Option<&OutboxMark>, before: i64) -> Result<Vec<OutboxMark>> {
        let rows = match after {
            None => self.0.query(FIRST, values![before, PAGE]).await?,
            Some(mark) => {
                let place = values![
                    before,
                    PAGE,
                    mark.service.as_str(),
                    mark.seq,
                    bytes(mark.cid)
                ];
                self.0.query(NEXT, place).await?
            }
        };
        rows.into_iter().map(mark_of).collect()
    }

    /// Rows by cid, in no order; those that are gone are left out.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn items(&self, cids: Vec<Cid>) -> Result<Vec<OutboxItem>> {
        let read = self.0.read(move |tx| {
            async move { bulk::of(tx, ITEMS, "", cids.into_iter().map(bytes).collect()).await }
                .boxed()
        });
        read.await?.into_iter().map(item_of).collect()
    }

    /// Gives a dead letter another envelope; `false` when there is no such dead letter.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn edit(&self, cid: Cid, envelope: Vec<u8>) -> Result<bool> {
        let changed = self.0.query(EDIT, values![bytes(cid), envelope]).await?;
        Ok(!changed.is_empty())
    }

    /// Makes a dead letter an invocation again; `false` when there is no such dead letter.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn revive(&self, cid: Cid, envelope: Vec<u8>) -> Result<bool> {
        let changed = self.0.query(REVIVE, values![bytes(cid), envelope]).await?;
        Ok(!changed.is_empty())
    }

    /// Counters and counts of every service, by name; all of one moment.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn counts(&self) -> Result<Vec<OutboxCount>> {
        self.0.read(|tx| counts(tx).boxed()).await
    }
}

async fn put(tx: &mut dyn Tx, writer: String, rows: Vec<OutboxRow>, most: u64) -> Result<Vec<Put>> {
    let mut held: BTreeMap<ServiceName, u64> = BTreeMap::new();
    for row in &rows {
        if !held.contains_key(&row.service) {
            let sum = tx.query(HELD, values![row.service.as_str()]).await?;
            let sum = sum.into_iter().next().map(|mut row| row.opt_int());
            let sum = sum.transpose()?.flatten().unwrap_or_default();
            held.insert(row.service.clone(), unsigned(sum));
        }
    }
    let mut answers = Vec::with_capacity(rows.len());
    let mut fitting = Vec::with_capacity(rows.len());
    let mut order = Vec::with_capacity(rows.len());
    for row in rows {
        let count = held.entry(row.service.clone()).or_default();
        if *count >= most {
            answers.push(Put::Full(*count));
            continue;
        }
        *count += 1;
        answers.push(Put::Known);
        order.push((answers.len() - 1, row.cid, row.service.clone()));
        fitting.push([
            bytes(row.cid),
            row.service.as_str().into(),
            row.seq.into(),
            row.envelope.into(),
            SqlValue::Null,
            0.into(),
            "".into(),
            "".into(),
        ]);
    }
    let mut kept = HashSet::with_capacity(fitting.len());
    for mut row in bulk::insert(tx, ROWS, KEEP, fitting).await? {
        kept.insert(cid_of(&mut row)?);
    }
    let mut counts = Counts::default();
    for (place, cid, service) in order {
        // Taken out: the same invocation twice in one batch is kept once.
        if kept.remove(&cid)
            && let Some(answer) = answers.get_mut(place)
        {
            *answer = Put::Kept;
            counts.of(service).accepted += 1;
        }
    }
    counts.add(tx, &writer).await?;
    Ok(answers)
}

/// What a transaction adds to the counters.
#[derive(Debug, Default)]
struct Counts(BTreeMap<ServiceName, Count>);

#[derive(Debug, Default)]
struct Count {
    accepted: i64,
    done: i64,
    expired: i64,
    discarded: i64,
}

impl Counts {
    fn of(&mut self, service: ServiceName) -> &mut Count {
        self.0.entry(service).or_default()
    }

    /// Adds them, in the order of services, so that two transactions never wait for each other in a circle.
    async fn add(self, tx: &mut dyn Tx, writer: &str) -> Result<()> {
        let rows = self.0.into_iter().map(|(service, count)| {
            [
                service.as_str().into(),
                writer.into(),
                count.accepted.into(),
                count.done.into(),
                count.expired.into(),
                count.discarded.into(),
            ]
        });
        bulk::insert(tx, COUNTS, ADD, rows.collect())
            .await
            .map(drop)
    }
}

async fn counts(tx: &mut dyn Tx) -> Result<Vec<OutboxCount>> {
    let mut all: BTreeMap<ServiceName, OutboxCount> = BTreeMap::new();
    for mut row in tx.query(COUNTED, Vec::new()).await? {
        let service = service_of(&row.text()?)?;
        let count = OutboxCount {
            service: service.clone(),
            accepted: unsigned(row.int()?),
            done: unsigned(row.int()?),
            expired: unsigned(row.int()?),
            discarded: unsigned(row.int()?),
            dead: 0,
            pending: 0,
        };
        all.insert(service, count);
    }
    for mut row in tx.query(THERE, Vec::new()).await? {
        let service = service_of(&row.text()?)?;
        let (there, dead) = (unsigned(row.int()?), unsigned(row.int()?));
        let count = all.entry(service.clone()).or_insert(OutboxCount {
            service,
            accepted: 0,
            done: 0,
            expired: 0,
            discarded: 0,
            dead: 0,
            pending: 0,
        });
        count.dead = dead;
        count.pending = there - dead;
    }
    Ok(all.into_values().collect())
}

/// A cid as stored.
fn bytes(cid: Cid) -> SqlValue {
    SqlValue::Bytes(cid.as_u128().to_be_bytes().to_vec())
}

fn cid_of(row: &mut Row) -> Result<Cid> {
    let stored = row.bytes()?;
    let stored = <[u8; 16]>::try_from(stored)
        .map_err(|stored| OdbError::corrupt(format!("cid of {} bytes", stored.len())))?;
    Ok(Cid::from_u128(u128::from_be_bytes(stored)))
}

fn service_of(text: &str) -> Result<ServiceName> {
    ServiceName::new(text).map_err(OdbError::corrupt)
}

/// A count as it is: below 0 only if the database was edited by hand, and then the ledger shows it.
fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}

fn mark_of(mut row: Row) -> Result<OutboxMark> {
    Ok(OutboxMark {
        cid: cid_of(&mut row)?,
        service: service_of(&row.text()?)?,
        seq: row.int()?,
        bytes: unsigned(row.int()?),
        dead: row.opt_int()?.is_some(),
    })
}

fn item_of(mut row: Row) -> Result<OutboxItem> {
    let (cid, envelope, died_ms) = (cid_of(&mut row)?, row.bytes()?, row.opt_int()?);
    let (attempts, failure, version) = (unsigned(row.int()?), row.text()?, row.text()?);
    Ok(OutboxItem {
        cid,
        envelope,
        dead: died_ms.map(|died_ms| DeadNote {
            died_ms,
            attempts,
            failure,
            version,
        }),
    })
}
