//! What a keeper does in the file: make due rows ready, take leases back, forget what is old.

use rusqlite::params;

use super::letters;
use super::shelf::Shelf;
use super::traffic::{self, Grave};
use crate::error::{BusError, Result};
use crate::limits::{Limits, ROUND_MAX, millis};
use crate::store::{Lease, lost};

/// Ends every lease: nobody else can hold one of a file that has just been opened.
pub(super) fn free_all(shelf: &mut Shelf) -> Result<usize> {
    Ok(shelf
        .db
        .execute("UPDATE message SET due_ms = 0 WHERE state = 3", [])?)
}

/// Makes due rows ready, or puts them in the line of their key.
pub(super) fn promote(shelf: &mut Shelf, now: i64) -> Result<u32> {
    let again = {
        let mut statement = shelf.db.prepare_cached(
            "UPDATE message SET state = 0 WHERE seq IN
             (SELECT seq FROM message WHERE state = 4 AND due_ms <= ?1 ORDER BY due_ms LIMIT ?2)",
        )?;
        statement.execute(params![now, ROUND_MAX])?
    };
    let due = due(shelf, now)?;
    let moved = again + due.len();
    for (seq, service, line) in due {
        let state = traffic::place_in_line(shelf, &service, line.as_deref())?;
        let mut statement = shelf
            .db
            .prepare_cached("UPDATE message SET state = ?2 WHERE seq = ?1")?;
        statement.execute(params![seq, state])?;
    }
    Ok(u32::try_from(moved).unwrap_or(u32::MAX))
}

type Due = (i64, String, Option<String>);

fn due(shelf: &Shelf, now: i64) -> Result<Vec<Due>> {
    let mut statement = shelf.db.prepare_cached(
        "SELECT seq, service, line FROM message WHERE state = 1 AND due_ms <= ?1 ORDER BY due_ms LIMIT ?2",
    )?;
    let rows = statement.query_map(params![now, ROUND_MAX], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Takes back what ran longer than its lease; what did so too often is dead.
pub(super) fn reclaim(shelf: &mut Shelf, now: i64, limits: Limits) -> Result<u32> {
    let overdue = overdue(shelf, now)?;
    let moved = overdue.len();
    for (lease, envelope) in overdue {
        if lease.attempt < limits.lost_max {
            let mut statement = shelf.db.prepare_cached(
                "UPDATE message SET state = 0 WHERE cid = ?1 AND attempts = ?2 AND state = 3",
            )?;
            statement.execute(params![super::shelf::cid_bytes(lease.cid), lease.attempt])?;
            continue;
        }
        shelf
            .db
            .prepare_cached("DELETE FROM message WHERE cid = ?1")?
            .execute(params![super::shelf::cid_bytes(lease.cid)])?;
        let failure = lost(lease.attempt, limits.lease);
        let grave = Grave {
            failure: &failure,
            version: "",
            died_ms: now,
        };
        traffic::bury(shelf, &lease, &envelope, &grave)?;
        traffic::advance(shelf, lease.service.as_str(), lease.key.as_deref())?;
    }
    Ok(u32::try_from(moved).unwrap_or(u32::MAX))
}

fn overdue(shelf: &Shelf, now: i64) -> Result<Vec<(Lease, Vec<u8>)>> {
    let mut statement = shelf.db.prepare_cached(
        "SELECT cid, service, class, attempts, line, accepted_ms, envelope FROM message
         WHERE state = 3 AND due_ms <= ?1 ORDER BY seq LIMIT ?2",
    )?;
    let mut rows = statement.query(params![now, ROUND_MAX])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push((traffic::lease_of(row)?, row.get(6)?));
    }
    Ok(found)
}

/// Forgets results by age and number, and discards dead letters by age.
pub(super) fn sweep(shelf: &mut Shelf, now: i64, limits: Limits) -> Result<u32> {
    let before = now.saturating_sub(millis(limits.result_retention));
    let forgotten = {
        let mut statement = shelf.db.prepare_cached(
            "DELETE FROM ended WHERE seq IN (SELECT seq FROM ended
             WHERE ended_ms < ?1 OR seq <= (SELECT max(seq) FROM ended) - ?2 ORDER BY seq LIMIT ?3)",
        )?;
        statement.execute(params![before, limits.results_max, ROUND_MAX])?
    };
    let before = now.saturating_sub(millis(limits.dead_retention));
    let old: Vec<[u8; 16]> = {
        let mut statement = shelf
            .db
            .prepare_cached("SELECT cid FROM dead WHERE died_ms < ?1 ORDER BY seq LIMIT ?2")?;
        let rows = statement.query_map(params![before, ROUND_MAX], |row| row.get(0))?;
        rows.collect::<rusqlite::Result<_>>()?
    };
    let discarded = old.len();
    for cid in old {
        match letters::discard(shelf, super::shelf::cid(cid), now) {
            Ok(()) | Err(BusError::NotDead(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(u32::try_from(forgotten + discarded).unwrap_or(u32::MAX))
}
