//! Dead letters in the file.

use busker_model::Cid;
use busker_model::bus::{DeadLetter, DeadSummary, Envelope};
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, params};

use super::schema::state;
use super::shelf::{Shelf, cid_bytes, failure, unsigned};
use super::traffic::{self, Ended};
use crate::error::{BusError, Result};
use crate::limits::DEAD_PAGE_MAX;
use crate::store::{DeadFilter, DeadPage, Lease, revived};

pub(super) fn list(db: &mut Connection, filter: &DeadFilter) -> Result<DeadPage> {
    let service = filter.service.as_ref().map(|service| service.as_str());
    let total = db
        .prepare_cached("SELECT count(*) FROM dead WHERE ?1 IS NULL OR service = ?1")?
        .query_row(params![service], |row| row.get(0))?;
    let mut statement = db.prepare_cached(
        "SELECT cid, service, class, attempts, NULL, accepted_ms, died_ms, failure, version, length(envelope)
         FROM dead WHERE ?1 IS NULL OR service = ?1 ORDER BY seq DESC LIMIT ?2 OFFSET ?3",
    )?;
    let limit = filter.limit.min(DEAD_PAGE_MAX);
    let mut rows = statement.query(params![service, limit, filter.offset])?;
    let mut letters = Vec::new();
    while let Some(row) = rows.next()? {
        let lease = traffic::lease_of(row)?;
        letters.push(DeadSummary {
            cid: lease.cid,
            service: lease.service,
            delivery: lease.delivery,
            accepted_ms: lease.accepted_ms,
            attempts: lease.attempt,
            died_ms: row.get(6)?,
            failure: failure(row.get_ref(7)?.as_str().map_err(BusError::corrupt)?)?,
            version: row.get(8)?,
            bytes: unsigned(row.get(9)?),
        });
    }
    let total = unsigned(total);
    Ok(DeadPage { total, letters })
}

pub(super) fn get(db: &mut Connection, cid: Cid) -> Result<DeadLetter> {
    let row = db
        .prepare_cached(
            "SELECT envelope, died_ms, attempts, failure, version FROM dead WHERE cid = ?1",
        )?
        .query_row(params![cid_bytes(cid)], |row| {
            Ok((
                row.get::<_, Vec<u8>>(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get::<_, String>(3)?,
                row.get(4)?,
            ))
        })
        .optional()?;
    let (envelope, died_ms, attempts, why, version) = row.ok_or(BusError::NotDead(cid))?;
    Ok(DeadLetter {
        envelope: Envelope::decode(&Bytes::from(envelope))?,
        died_ms,
        attempts,
        failure: failure(&why)?,
        version,
    })
}

fn envelope_of(shelf: &Shelf, cid: Cid) -> Result<Envelope> {
    let stored: Option<Vec<u8>> = shelf
        .db
        .prepare_cached("SELECT envelope FROM dead WHERE cid = ?1")?
        .query_row(params![cid_bytes(cid)], |row| row.get(0))
        .optional()?;
    let stored = stored.ok_or(BusError::NotDead(cid))?;
    Ok(Envelope::decode(&Bytes::from(stored))?)
}

pub(super) fn edit(shelf: &mut Shelf, cid: Cid, payload: Bytes) -> Result<()> {
    let mut envelope = envelope_of(shelf, cid)?;
    envelope.replace_payload(payload)?;
    let stored = envelope.encode()?;
    shelf
        .db
        .prepare_cached("UPDATE dead SET envelope = ?2 WHERE cid = ?1")?
        .execute(params![cid_bytes(cid), stored])?;
    Ok(())
}

pub(super) fn replay(shelf: &mut Shelf, cid: Cid) -> Result<()> {
    let envelope = revived(envelope_of(shelf, cid)?);
    let stored = envelope.encode()?;
    remove(shelf, cid)?;
    let key = envelope.head.key.as_deref();
    let state = traffic::place_in_line(shelf, envelope.service.as_str(), key)?;
    traffic::insert(shelf, &envelope, &stored, (state, 0))?;
    // It was accepted once, and is pending again.
    shelf.count(&envelope.service, envelope.delivery).dead -= 1;
    Ok(())
}

pub(super) fn discard(shelf: &mut Shelf, cid: Cid, now: i64) -> Result<()> {
    let row = {
        let mut statement = shelf.db.prepare_cached(
            "SELECT cid, service, class, attempts, NULL, accepted_ms, failure FROM dead WHERE cid = ?1",
        )?;
        let mut rows = statement.query(params![cid_bytes(cid)])?;
        match rows.next()? {
            Some(row) => Some((traffic::lease_of(row)?, row.get::<_, String>(6)?)),
            None => None,
        }
    };
    let (lease, failure): (Lease, String) = row.ok_or(BusError::NotDead(cid))?;
    remove(shelf, cid)?;
    let ended = Ended {
        state: state::DISCARDED,
        failure: Some(failure),
        result: None,
    };
    traffic::remember(shelf, &lease, &ended, now)?;
    let counts = shelf.count(&lease.service, lease.delivery);
    counts.dead -= 1;
    counts.discarded += 1;
    Ok(())
}

fn remove(shelf: &Shelf, cid: Cid) -> Result<()> {
    shelf
        .db
        .prepare_cached("DELETE FROM dead WHERE cid = ?1")?
        .execute(params![cid_bytes(cid)])?;
    Ok(())
}
