//! How rows of the outbox end: gone and counted, or kept as dead letters.

use busker_model::{Cid, ServiceName};

use super::{Count, Counts, bytes, service_of};
use crate::error::Result;
use crate::store::{Tx, bulk};
use crate::value::{Row, SqlValue, values};

/// Why an invocation is a dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadNote {
    /// When it was given up, epoch milliseconds.
    pub died_ms: i64,
    /// How often it was started.
    pub attempts: u64,
    /// Last failure, as the bus stores it.
    pub failure: String,
    /// Code that failed.
    pub version: String,
}

/// How an invocation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutboxEnd {
    /// It succeeded.
    Done,
    /// It was not started in time.
    Expired,
    /// It was a dead letter, and was let go.
    Discarded,
    /// It had ended before it was put in: the same was handed over twice.
    Twice,
    /// It is a dead letter.
    Dead(DeadNote),
}

const GO: &str = "DELETE FROM bus_outbox WHERE cid IN";
const GONE: &str = "RETURNING service";
const DIE: &str = "UPDATE bus_outbox SET died_ms = $2, attempts = $3, failure = $4, version = $5 \
    WHERE cid = $1 AND died_ms IS NULL RETURNING service";

pub(super) async fn end(
    tx: &mut dyn Tx,
    writer: String,
    mut ends: Vec<(Cid, OutboxEnd)>,
) -> Result<()> {
    // In one order everywhere, so that two transactions never wait for each other in a circle.
    ends.sort_by_key(|(cid, _)| cid.as_u128());
    let mut going: [Vec<SqlValue>; 4] = Default::default();
    let mut dying = Vec::new();
    for (cid, end) in ends {
        let place = match end {
            OutboxEnd::Done => 0,
            OutboxEnd::Expired => 1,
            OutboxEnd::Discarded => 2,
            OutboxEnd::Twice => 3,
            OutboxEnd::Dead(note) => {
                dying.push((cid, note));
                continue;
            }
        };
        going[place].push(bytes(cid));
    }
    let mut counts = Counts::default();
    let into: [fn(&mut Count); 4] = [
        |count| count.done += 1,
        |count| count.expired += 1,
        |count| count.discarded += 1,
        |count| count.accepted -= 1,
    ];
    for (cids, count) in going.into_iter().zip(into) {
        for service in gone(bulk::of(tx, GO, GONE, cids).await?) {
            count(counts.of(service?));
        }
    }
    for (cid, note) in dying {
        let attempts = i64::try_from(note.attempts).unwrap_or(i64::MAX);
        let row = values![note.died_ms, attempts, note.failure, note.version];
        let row = std::iter::once(bytes(cid)).chain(row).collect();
        tx.query(DIE, row).await?;
    }
    counts.add(tx, &writer).await
}

fn gone(rows: Vec<Row>) -> impl Iterator<Item = Result<ServiceName>> {
    rows.into_iter().map(|mut row| service_of(&row.text()?))
}
