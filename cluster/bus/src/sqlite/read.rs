//! Questions that change nothing: where an invocation is, and the ledger.

use std::collections::BTreeMap;

use busker_model::bus::{InvocationState, InvocationStatus, LedgerRow};
use busker_model::invocation::ReplyBody;
use busker_model::{Cid, Delivery, ServiceName};
use bytes::Bytes;
use rusqlite::{Connection, Row, params};

use super::schema::state;
use super::shelf::{cid_bytes, class, failure, service, unsigned};
use super::traffic;
use crate::error::{BusError, Result};

pub(super) fn status(db: &mut Connection, cid: Cid) -> Result<Option<InvocationStatus>> {
    // One moment: it must not be seen in none of the tables while it moves from one to the next.
    let moment = db.transaction()?;
    for (sql, read) in QUESTIONS {
        let mut statement = moment.prepare_cached(sql)?;
        let mut rows = statement.query(params![cid_bytes(cid)])?;
        if let Some(row) = rows.next()? {
            return read(row).map(Some);
        }
    }
    Ok(None)
}

type Read = fn(&Row<'_>) -> Result<InvocationStatus>;

const QUESTIONS: [(&str, Read); 3] = [
    (
        "SELECT cid, service, class, attempts, line, accepted_ms, state, due_ms, failure FROM message WHERE cid = ?1",
        pending,
    ),
    (
        "SELECT cid, service, class, attempts, NULL, accepted_ms, NULL, died_ms, failure FROM dead WHERE cid = ?1",
        dead,
    ),
    (
        "SELECT cid, service, class, attempts, NULL, accepted_ms, state, ended_ms, failure, result_kind, result
         FROM ended WHERE cid = ?1",
        ended,
    ),
];

/// The columns all tables have.
fn common(row: &Row<'_>, state: InvocationState) -> Result<InvocationStatus> {
    let lease = traffic::lease_of(row)?;
    let why: Option<String> = row.get(8)?;
    Ok(InvocationStatus {
        cid: lease.cid,
        service: lease.service,
        delivery: lease.delivery,
        state,
        accepted_ms: lease.accepted_ms,
        at_ms: row.get(7)?,
        attempts: lease.attempt,
        failure: why.as_deref().map(failure).transpose()?,
        result: None,
    })
}

fn pending(row: &Row<'_>) -> Result<InvocationStatus> {
    let state = match row.get(6)? {
        state::READY | state::HELD => InvocationState::Waiting,
        state::DELAYED | state::RETRYING => InvocationState::Delayed,
        state::RUNNING => InvocationState::Running,
        other => return Err(unknown(other)),
    };
    let mut status = common(row, state)?;
    status.at_ms = status.at_ms.filter(|_| state == InvocationState::Delayed);
    Ok(status)
}

fn dead(row: &Row<'_>) -> Result<InvocationStatus> {
    common(row, InvocationState::Dead)
}

fn ended(row: &Row<'_>) -> Result<InvocationStatus> {
    let state = match row.get(6)? {
        state::DONE => InvocationState::Done,
        state::EXPIRED => InvocationState::Expired,
        state::DISCARDED => InvocationState::Discarded,
        other => return Err(unknown(other)),
    };
    let mut status = common(row, state)?;
    let bytes: Option<Vec<u8>> = row.get(10)?;
    let bytes = Bytes::from(bytes.unwrap_or_default());
    status.result = match row.get::<_, i64>(9)? {
        1 => Some(ReplyBody::Empty),
        2 => Some(ReplyBody::Json(bytes)),
        3 => Some(ReplyBody::Raw(bytes)),
        _ => None,
    };
    Ok(status)
}

fn unknown(state: i64) -> BusError {
    BusError::corrupt(format!("state {state}"))
}

/// Counters and what is counted, in one transaction.
pub(super) fn ledger(db: &mut Connection) -> Result<Vec<LedgerRow>> {
    let moment = db.transaction()?;
    let mut found: BTreeMap<(ServiceName, Delivery), LedgerRow> = BTreeMap::new();
    {
        let mut statement = moment.prepare_cached(
            "SELECT service, class, accepted, done, dead, discarded, expired FROM ledger",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let entry = row_of(&mut found, row)?;
            entry.accepted = unsigned(row.get(2)?);
            entry.done = unsigned(row.get(3)?);
            entry.dead = unsigned(row.get(4)?);
            entry.discarded = unsigned(row.get(5)?);
            entry.expired = unsigned(row.get(6)?);
        }
        let mut statement = moment.prepare_cached(
            "SELECT service, class, count(*) FROM message GROUP BY service, class",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            row_of(&mut found, row)?.pending = unsigned(row.get(2)?);
        }
    }
    Ok(found.into_values().collect())
}

fn row_of<'a>(
    found: &'a mut BTreeMap<(ServiceName, Delivery), LedgerRow>,
    row: &Row<'_>,
) -> Result<&'a mut LedgerRow> {
    let service = service(row.get_ref(0)?.as_str().map_err(BusError::corrupt)?)?;
    let delivery = class(row.get(1)?)?;
    Ok(found
        .entry((service.clone(), delivery))
        .or_insert(LedgerRow {
            service,
            delivery,
            accepted: 0,
            done: 0,
            dead: 0,
            discarded: 0,
            expired: 0,
            pending: 0,
        }))
}
