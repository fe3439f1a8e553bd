//! Questions that change nothing: where an invocation is, and the ledger.

use std::sync::Arc;

use busker_model::Cid;
use busker_model::bus::{InvocationState, InvocationStatus, LedgerRow};
use deadpool_redis::redis::Value;

use super::link::Link;
use super::strange;
use super::traffic::{read_name, unpack};
use crate::error::{BusError, Result};

/// One look at the ledger.
#[derive(Debug)]
pub(super) struct Seen {
    /// Id of the data set.
    pub(super) life: String,
    /// Accepted in all.
    pub(super) total: u64,
    pub(super) rows: Vec<LedgerRow>,
}

type Counters = (String, u64, u64, u64, u64, u64, u64);

pub(super) async fn ledger(link: Arc<Link>) -> Result<Seen> {
    let fresh = format!("{:032x}", fastrand::u128(..));
    let (life, total, counters): (String, u64, Vec<Counters>) = link
        .run(&link.scripts.ledger, |script| {
            script.arg(fresh);
        })
        .await?;
    let mut rows = counters
        .into_iter()
        .map(
            |(name, accepted, done, dead, discarded, expired, pending)| {
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
            },
        )
        .collect::<Result<Vec<_>>>()?;
    rows.sort_by(|a, b| (&a.service, a.delivery).cmp(&(&b.service, b.delivery)));
    Ok(Seen { life, total, rows })
}

pub(super) async fn status(link: Arc<Link>, cid: Cid) -> Result<Option<InvocationStatus>> {
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
