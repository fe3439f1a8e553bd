//! Questions that change nothing: where an invocation is, and the ledger.

use std::sync::Arc;

use busker_kit::clock::unix_ms;
use busker_model::bus::{Envelope, InvocationState, InvocationStatus, LedgerRow};
use busker_model::{Cid, Delivery, ServiceName};
use busker_odb::Odb;
use bytes::Bytes;
use deadpool_redis::redis::Value;

use super::link::Link;
use super::strange;
use super::traffic::{read_name, unpack};
use crate::error::{BusError, Result};

/// One look at the counters.
#[derive(Debug)]
pub(super) struct Seen {
    /// Id of the data set.
    pub(super) life: String,
    /// Run id of the server that began it.
    pub(super) run_id: String,
    /// Number of the last change.
    pub(super) tick: i64,
    /// Whether it began with nothing.
    pub(super) emptied: bool,
    /// Counters and what is counted, of both classes, sorted.
    pub(super) rows: Vec<LedgerRow>,
    /// Pending `fast` ones it took over, by service.
    pub(super) kept: Vec<(ServiceName, u64)>,
}

type Counters = (String, u64, u64, u64, u64, u64, u64);
type Look = (String, String, i64, i64, Vec<Counters>, Vec<(String, u64)>);

pub(super) async fn look(link: &Link) -> Result<Seen> {
    let (life, run_id, tick, emptied, counters, kept): Look =
        link.run(&link.scripts.ledger, |_| {}).await?;
    let mut rows = counters
        .into_iter()
        .map(row_of)
        .collect::<Result<Vec<_>>>()?;
    rows.sort_by(|a, b| (&a.service, a.delivery).cmp(&(&b.service, b.delivery)));
    let kept = kept.into_iter().map(|(service, count)| {
        let service = ServiceName::new(&service).map_err(BusError::corrupt)?;
        Ok((service, count))
    });
    Ok(Seen {
        kept: kept.collect::<Result<_>>()?,
        life,
        run_id,
        tick,
        emptied: emptied != 0,
        rows,
    })
}

fn row_of(counters: Counters) -> Result<LedgerRow> {
    let (name, accepted, done, dead, discarded, expired, pending) = counters;
    let (service, delivery) = read_name(&name)?;
    Ok(LedgerRow {
        service,
        delivery,
        accepted,
        done,
        dead,
        discarded,
        expired,
        pending,
    })
}

/// The ledger: `fast` as Redis has it, `durable` as the ODB has it.
///
/// Redis counts what passes through it of `durable` too; should that not balance, it is shown beside the row of the ODB,
/// because it is a fault of ours.
pub(super) async fn ledger(link: &Link, odb: &Odb) -> Result<Vec<LedgerRow>> {
    let counts = odb.outbox().counts().await?;
    let seen = look(link).await?;
    let shown = |row: &LedgerRow| row.delivery == Delivery::Fast || !row.balances();
    let mut rows: Vec<LedgerRow> = seen.rows.into_iter().filter(shown).collect();
    rows.extend(counts.into_iter().map(|count| LedgerRow {
        service: count.service,
        delivery: Delivery::Durable,
        accepted: count.accepted,
        done: count.done,
        dead: count.dead,
        discarded: count.discarded,
        expired: count.expired,
        pending: count.pending,
    }));
    rows.sort_by(|a, b| (&a.service, a.delivery).cmp(&(&b.service, b.delivery)));
    Ok(rows)
}

async fn status_in_redis(link: &Link, cid: Cid) -> Result<Option<InvocationStatus>> {
    let answer: Vec<Value> = link
        .run(&link.scripts.status, |script| {
            script.arg(cid.text().as_str());
        })
        .await?;
    match answer.as_slice() {
        [] => Ok(None),
        [Value::BulkString(status), Value::Int(running)] => {
            read_status(cid, status, *running != 0).map(Some)
        }
        other => Err(strange(&format!("{} parts of a status", other.len()))),
    }
}

/// Where an invocation is. One that Redis does not know may wait in the ODB, where no node has started it.
pub(super) async fn status(
    link: Arc<Link>,
    odb: Odb,
    cid: Cid,
) -> Result<Option<InvocationStatus>> {
    let known = status_in_redis(&link, cid).await;
    if let Ok(Some(status)) = known {
        return Ok(Some(status));
    }
    let Some(item) = odb.outbox().items(vec![cid]).await?.into_iter().next() else {
        return known;
    };
    let envelope = Envelope::decode(&Bytes::from(item.envelope))?;
    let later = envelope.head.not_before_ms.filter(|&due| due > unix_ms());
    let (state, at_ms, attempts, failure) = match item.dead {
        None if later.is_some() => (InvocationState::Delayed, later, 0, None),
        None => (InvocationState::Waiting, None, 0, None),
        Some(note) => {
            let failure = serde_json::from_str(&note.failure).map_err(BusError::corrupt)?;
            let attempts = u32::try_from(note.attempts).unwrap_or(u32::MAX);
            (
                InvocationState::Dead,
                Some(note.died_ms),
                attempts,
                Some(failure),
            )
        }
    };
    Ok(Some(InvocationStatus {
        cid,
        service: envelope.service,
        delivery: Delivery::Durable,
        state,
        accepted_ms: envelope.head.accepted_ms,
        at_ms,
        attempts,
        failure,
        result: None,
    }))
}

fn read_status(cid: Cid, status: &[u8], running: bool) -> Result<InvocationStatus> {
    let mut parts = status.splitn(7, |&byte| byte == b'\n');
    let mut part = || parts.next().ok_or_else(|| strange("a torn status"));
    let (state, name, accepted, at, attempts) = (part()?, part()?, part()?, part()?, part()?);
    let (_, rest) = (part()?, part()?);
    let state = match state {
        b"W" if running => InvocationState::Running,
        b"W" => InvocationState::Waiting,
        b"L" | b"R" => InvocationState::Delayed,
        b"N" => InvocationState::Done,
        b"X" => InvocationState::Dead,
        b"C" => InvocationState::Discarded,
        b"E" => InvocationState::Expired,
        _ => return Err(strange("an unknown state")),
    };
    let (service, delivery) = read_name(text(name)?)?;
    let at: i64 = number(at)?;
    let attempts: u32 = number(attempts)?;
    let done = state == InvocationState::Done;
    let failure = (!done && !rest.is_empty())
        .then(|| serde_json::from_slice(rest).map_err(BusError::corrupt))
        .transpose()?;
    Ok(InvocationStatus {
        cid,
        service,
        delivery,
        state,
        accepted_ms: number(accepted)?,
        at_ms: (at != 0).then_some(at),
        // The status is written before a start, which counts once it runs.
        attempts: attempts + u32::from(running),
        failure,
        result: done.then(|| unpack(rest)).flatten(),
    })
}

fn text(bytes: &[u8]) -> Result<&str> {
    std::str::from_utf8(bytes).map_err(BusError::corrupt)
}

fn number<T: std::str::FromStr>(bytes: &[u8]) -> Result<T> {
    let text = text(bytes)?;
    text.parse().map_err(|_| strange(text))
}
