//! The way of an invocation through the file: publish, claim, renew, settle.

use busker_model::Delivery;
use busker_model::bus::{Envelope, Failure};
use busker_model::invocation::ReplyBody;
use bytes::Bytes;
use rusqlite::{OptionalExtension, params};

use super::schema::state;
use super::shelf::{Shelf, cid, cid_bytes, class, class_number, failure_text, service};
use crate::error::{BusError, Result};
use crate::limits::CLAIM_MAX;
use crate::store::{Claimed, End, Lease, Want, kept};

/// Keeps a new invocation. `bounds` are the time and the most that may be pending.
pub(super) fn publish(
    shelf: &mut Shelf,
    envelope: &Envelope,
    stored: &[u8],
    (now, most): (i64, u64),
) -> Result<()> {
    let pending = shelf.pending(&envelope.service);
    if pending >= most {
        let service = envelope.service.clone();
        return Err(BusError::Busy { service, pending });
    }
    let due = envelope.head.not_before_ms.unwrap_or_default();
    let state = if due > now {
        state::DELAYED
    } else {
        place_in_line(
            shelf,
            envelope.service.as_str(),
            envelope.head.key.as_deref(),
        )?
    };
    if insert(shelf, envelope, stored, (state, due))? {
        shelf.count(&envelope.service, envelope.delivery).accepted += 1;
    }
    Ok(())
}

/// Puts a row in, unless its cid is known; tells whether it did.
pub(super) fn insert(
    shelf: &Shelf,
    envelope: &Envelope,
    stored: &[u8],
    (state, due): (i64, i64),
) -> Result<bool> {
    let mut statement = shelf.db.prepare_cached(
        "INSERT OR IGNORE INTO message (cid, service, class, state, due_ms, attempts, line, accepted_ms, envelope)
         SELECT ?1, ?2, ?3, ?4, ?5, 0, ?6, ?7, ?8
         WHERE NOT EXISTS (SELECT 1 FROM ended WHERE cid = ?1) AND NOT EXISTS (SELECT 1 FROM dead WHERE cid = ?1)",
    )?;
    let rows = statement.execute(params![
        cid_bytes(envelope.cid),
        envelope.service.as_str(),
        class_number(envelope.delivery),
        state,
        due,
        envelope.head.key,
        envelope.head.accepted_ms,
        stored
    ])?;
    Ok(rows == 1)
}

/// The state of one that joins the line of its key: behind others it is held.
pub(super) fn place_in_line(shelf: &Shelf, service: &str, key: Option<&str>) -> Result<i64> {
    let Some(key) = key else {
        return Ok(state::READY);
    };
    let mut statement = shelf.db.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM message WHERE service = ?1 AND line = ?2 AND state <> 1)",
    )?;
    let taken: bool = statement.query_row(params![service, key], |row| row.get(0))?;
    Ok(if taken { state::HELD } else { state::READY })
}

/// The first of a line has ended: the next one may start.
pub(super) fn advance(shelf: &Shelf, service: &str, key: Option<&str>) -> Result<()> {
    let Some(key) = key else {
        return Ok(());
    };
    let mut statement = shelf.db.prepare_cached(
        "UPDATE message SET state = 0 WHERE seq =
         (SELECT min(seq) FROM message WHERE service = ?1 AND line = ?2 AND state = 2)",
    )?;
    statement.execute(params![service, key])?;
    Ok(())
}

/// Hands out leases that run until `until`.
pub(super) fn claim(
    shelf: &mut Shelf,
    wants: &[Want],
    (most, until): (u32, i64),
) -> Result<Vec<Claimed>> {
    let mut claimed = Vec::new();
    let mut room = most.min(CLAIM_MAX);
    for want in wants {
        // Services without work are most of them, and cost nothing here.
        if shelf.pending(&want.service) == 0 || room == 0 {
            continue;
        }
        let mut rows = claim_of(shelf, want, room.min(want.permits), until)?;
        rows.sort_by_key(|(seq, _)| *seq);
        room = room.saturating_sub(u32::try_from(rows.len()).unwrap_or(u32::MAX));
        claimed.extend(rows.into_iter().map(|(_, claimed)| claimed));
    }
    Ok(claimed)
}

fn claim_of(shelf: &Shelf, want: &Want, most: u32, until: i64) -> Result<Vec<(i64, Claimed)>> {
    let mut statement = shelf.db.prepare_cached(
        "UPDATE message SET state = 3, due_ms = ?3, attempts = attempts + 1 WHERE seq IN
         (SELECT seq FROM message WHERE service = ?1 AND state = 0 ORDER BY seq LIMIT ?2)
         RETURNING seq, attempts, envelope",
    )?;
    let mut rows = statement.query(params![want.service.as_str(), most, until])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let stored = Bytes::from(row.get::<_, Vec<u8>>(2)?);
        let envelope = Envelope::decode(&stored)?;
        let lease = Lease {
            cid: envelope.cid,
            service: envelope.service.clone(),
            delivery: envelope.delivery,
            attempt: row.get(1)?,
            key: envelope.head.key.clone(),
            accepted_ms: envelope.head.accepted_ms,
            entry: Box::default(),
        };
        found.push((row.get(0)?, Claimed { lease, envelope }));
    }
    Ok(found)
}

pub(super) fn renew(shelf: &Shelf, held: &[Lease], until: i64) -> Result<()> {
    let mut statement = shelf.db.prepare_cached(
        "UPDATE message SET due_ms = ?3 WHERE cid = ?1 AND attempts = ?2 AND state = 3",
    )?;
    for lease in held {
        statement.execute(params![cid_bytes(lease.cid), lease.attempt, until])?;
    }
    Ok(())
}

/// Ends one start.
pub(super) fn settle(shelf: &mut Shelf, lease: &Lease, end: End, now: i64) -> Result<()> {
    match end {
        End::Done(body) => {
            drop(take(shelf, lease)?);
            shelf.count(&lease.service, lease.delivery).done += 1;
            let ended = Ended {
                state: state::DONE,
                failure: None,
                result: kept(body),
            };
            remember(shelf, lease, &ended, now)?;
        }
        End::Expired => {
            let stored = take(shelf, lease)?;
            shelf.count(&lease.service, lease.delivery).expired += 1;
            let ended = Ended {
                state: state::EXPIRED,
                failure: stored.failure,
                result: None,
            };
            // It was claimed to be looked at, not started.
            let lease = Lease {
                attempt: lease.attempt.saturating_sub(1),
                ..lease.clone()
            };
            remember(shelf, &lease, &ended, now)?;
        }
        End::Dead { failure, version } => {
            let stored = take(shelf, lease)?;
            let grave = Grave {
                failure: &failure,
                version: &version,
                died_ms: now,
            };
            bury(shelf, lease, &stored.envelope, &grave)?;
        }
        End::Retry { at_ms, failure } => {
            let text = Some(failure_text(&failure)?);
            return put_back(shelf, lease, (at_ms, lease.attempt), text);
        }
        End::GiveBack { at_ms } => {
            return put_back(shelf, lease, (at_ms, lease.attempt.saturating_sub(1)), None);
        }
    }
    advance(shelf, lease.service.as_str(), lease.key.as_deref())
}

struct Taken {
    envelope: Vec<u8>,
    failure: Option<String>,
}

/// Takes a running row out, if the lease is the one that holds it.
fn take(shelf: &Shelf, lease: &Lease) -> Result<Taken> {
    let mut statement = shelf.db.prepare_cached(
        "DELETE FROM message WHERE cid = ?1 AND attempts = ?2 AND state = 3 RETURNING envelope, failure",
    )?;
    let row = statement
        .query_row(params![cid_bytes(lease.cid), lease.attempt], |row| {
            Ok(Taken {
                envelope: row.get(0)?,
                failure: row.get(1)?,
            })
        })
        .optional()?;
    row.ok_or(BusError::NotHeld(lease.cid))
}

fn put_back(
    shelf: &Shelf,
    lease: &Lease,
    (at_ms, attempts): (i64, u32),
    failure: Option<String>,
) -> Result<()> {
    let mut statement = shelf.db.prepare_cached(
        "UPDATE message SET state = 4, due_ms = ?3, attempts = ?4, failure = coalesce(?5, failure)
         WHERE cid = ?1 AND attempts = ?2 AND state = 3",
    )?;
    let rows = statement.execute(params![
        cid_bytes(lease.cid),
        lease.attempt,
        at_ms,
        attempts,
        failure
    ])?;
    if rows == 1 {
        Ok(())
    } else {
        Err(BusError::NotHeld(lease.cid))
    }
}

/// What is remembered of one that ended.
pub(super) struct Ended {
    pub(super) state: i64,
    pub(super) failure: Option<String>,
    pub(super) result: Option<ReplyBody>,
}

pub(super) fn remember(shelf: &Shelf, lease: &Lease, ended: &Ended, now: i64) -> Result<()> {
    let (kind, bytes): (i64, Option<&[u8]>) = match &ended.result {
        None => (0, None),
        Some(ReplyBody::Empty) => (1, None),
        Some(ReplyBody::Json(bytes)) => (2, Some(bytes)),
        Some(ReplyBody::Raw(bytes)) => (3, Some(bytes)),
    };
    let mut statement = shelf.db.prepare_cached(
        "INSERT OR REPLACE INTO ended
         (cid, service, class, state, accepted_ms, ended_ms, attempts, failure, result_kind, result)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    statement.execute(params![
        cid_bytes(lease.cid),
        lease.service.as_str(),
        class_number(lease.delivery),
        ended.state,
        lease.accepted_ms,
        now,
        lease.attempt,
        ended.failure,
        kind,
        bytes
    ])?;
    Ok(())
}

/// Why and when one died.
pub(super) struct Grave<'a> {
    pub(super) failure: &'a Failure,
    pub(super) version: &'a str,
    pub(super) died_ms: i64,
}

/// Makes a dead letter of a row that was taken out, and counts it.
pub(super) fn bury(
    shelf: &mut Shelf,
    lease: &Lease,
    envelope: &[u8],
    grave: &Grave<'_>,
) -> Result<()> {
    let failure = failure_text(grave.failure)?;
    {
        let mut statement = shelf.db.prepare_cached(
            "INSERT INTO dead (cid, service, class, accepted_ms, died_ms, attempts, failure, version, envelope)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?;
        statement.execute(params![
            cid_bytes(lease.cid),
            lease.service.as_str(),
            class_number(lease.delivery),
            lease.accepted_ms,
            grave.died_ms,
            lease.attempt,
            failure,
            grave.version,
            envelope
        ])?;
    }
    shelf.count(&lease.service, lease.delivery).dead += 1;
    Ok(())
}

/// A lease from the columns `cid, service, class, attempts, line, accepted_ms`, in this order.
pub(super) fn lease_of(row: &rusqlite::Row<'_>) -> Result<Lease> {
    let delivery: Delivery = class(row.get(2)?)?;
    Ok(Lease {
        cid: cid(row.get(0)?),
        service: service(row.get_ref(1)?.as_str().map_err(BusError::corrupt)?)?,
        delivery,
        attempt: row.get(3)?,
        key: row.get(4)?,
        accepted_ms: row.get(5)?,
        entry: Box::default(),
    })
}
