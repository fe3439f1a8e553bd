//! The connection that writes, and the ledger's counters beside it.
//!
//! The counters live in memory and are written with the transaction that moved them, so a publish costs one row.

use std::collections::{HashMap, HashSet};

use busker_model::bus::FAILURE_DETAIL_MAX;
use busker_model::{Cid, Delivery, ServiceName};
use rusqlite::{Connection, ErrorCode};

use crate::error::{BusError, Result};

/// Counters of one service and class.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) accepted: i64,
    pub(super) done: i64,
    pub(super) dead: i64,
    pub(super) discarded: i64,
    pub(super) expired: i64,
}

impl Counts {
    const fn pending(self) -> i64 {
        self.accepted - self.done - self.dead - self.discarded - self.expired
    }
}

/// What a transaction works on.
#[derive(Debug)]
pub(super) struct Shelf {
    pub(super) db: Connection,
    ledger: HashMap<ServiceName, [Counts; 2]>,
    touched: HashSet<(ServiceName, Delivery)>,
    synced: bool,
}

impl Shelf {
    pub(super) fn open(db: Connection) -> Result<Self> {
        let mut shelf = Self {
            db,
            ledger: HashMap::new(),
            touched: HashSet::new(),
            synced: false,
        };
        shelf.load()?;
        Ok(shelf)
    }

    fn load(&mut self) -> Result<()> {
        self.touched.clear();
        self.ledger.clear();
        let mut statement = self.db.prepare_cached(
            "SELECT service, class, accepted, done, dead, discarded, expired FROM ledger",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let service = service(row.get_ref(0)?.as_str().map_err(BusError::corrupt)?)?;
            let counts = Counts {
                accepted: row.get(2)?,
                done: row.get(3)?,
                dead: row.get(4)?,
                discarded: row.get(5)?,
                expired: row.get(6)?,
            };
            let class = class(row.get(1)?)?;
            self.ledger.entry(service).or_default()[place(class)] = counts;
        }
        Ok(())
    }

    /// Invocations of a service that have not ended. This is for bounds; what the ledger shows is counted.
    pub(super) fn pending(&self, service: &ServiceName) -> u64 {
        let both = self.ledger.get(service);
        let pending = both.map_or(0, |both| both.iter().map(|counts| counts.pending()).sum());
        unsigned(pending)
    }

    /// Counters of a service and class, to be changed with the messages they count.
    pub(super) fn count(&mut self, service: &ServiceName, class: Delivery) -> &mut Counts {
        self.touched.insert((service.clone(), class));
        &mut self.ledger.entry(service.clone()).or_default()[place(class)]
    }

    pub(super) fn begin(&mut self, full: bool) -> Result<()> {
        if self.synced != full {
            let level = if full { "FULL" } else { "NORMAL" };
            self.db.pragma_update(None, "synchronous", level)?;
            self.synced = full;
        }
        Ok(self.db.execute_batch("BEGIN IMMEDIATE")?)
    }

    pub(super) fn commit(&mut self) -> Result<()> {
        let written = self
            .write_ledger()
            .and_then(|()| Ok(self.db.execute_batch("COMMIT")?));
        if written.is_err() {
            self.undo()?;
        }
        written
    }

    pub(super) fn undo(&mut self) -> Result<()> {
        if !self.db.is_autocommit() {
            self.db.execute_batch("ROLLBACK")?;
        }
        self.load()
    }

    fn write_ledger(&mut self) -> Result<()> {
        if self.touched.is_empty() {
            return Ok(());
        }
        let mut statement = self.db.prepare_cached(
            "INSERT INTO ledger (service, class, accepted, done, dead, discarded, expired)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (service, class) DO UPDATE SET accepted = excluded.accepted, done = excluded.done,
                 dead = excluded.dead, discarded = excluded.discarded, expired = excluded.expired",
        )?;
        for (service, class) in self.touched.drain() {
            let counts = self.ledger.get(&service).map(|both| both[place(class)]);
            let counts = counts.unwrap_or_default();
            statement.execute(rusqlite::params![
                service.as_str(),
                class_number(class),
                counts.accepted,
                counts.done,
                counts.dead,
                counts.discarded,
                counts.expired
            ])?;
        }
        Ok(())
    }
}

const fn place(class: Delivery) -> usize {
    match class {
        Delivery::Durable => 0,
        Delivery::Fast => 1,
    }
}

/// The number a class is stored as.
pub(super) const fn class_number(class: Delivery) -> i64 {
    match class {
        Delivery::Durable => 0,
        Delivery::Fast => 1,
    }
}

pub(super) fn class(number: i64) -> Result<Delivery> {
    match number {
        0 => Ok(Delivery::Durable),
        1 => Ok(Delivery::Fast),
        other => Err(BusError::corrupt(format!("delivery class {other}"))),
    }
}

/// A count as it is shown; SQLite knows no unsigned numbers.
pub(super) fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}

pub(super) fn service(name: &str) -> Result<ServiceName> {
    ServiceName::new(name).map_err(BusError::corrupt)
}

pub(super) fn cid_bytes(cid: Cid) -> [u8; 16] {
    cid.as_u128().to_be_bytes()
}

pub(super) fn cid(bytes: [u8; 16]) -> Cid {
    Cid::from_u128(u128::from_be_bytes(bytes))
}

pub(super) fn failure_text(failure: &busker_model::bus::Failure) -> Result<String> {
    debug_assert!(
        failure
            .detail
            .as_ref()
            .is_none_or(|detail| detail.len() <= FAILURE_DETAIL_MAX)
    );
    serde_json::to_string(failure).map_err(BusError::corrupt)
}

pub(super) fn failure(text: &str) -> Result<busker_model::bus::Failure> {
    serde_json::from_str(text).map_err(BusError::corrupt)
}

impl From<rusqlite::Error> for BusError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::corrupt(error),
            Some(_) | None => Self::unavailable(error),
        }
    }
}
