//! What the scheduler writes, many jobs at a time: one transaction, under the epoch of its role.

use std::collections::{HashMap, HashSet};

use busker_model::Cid;
use busker_model::job::{FireKey, FireOrigin, FireRecord, JobStanding, Verdict};
use futures::FutureExt;

use super::{Jobs, cid_of, key_of, key_values, retention};
use crate::error::Result;
use crate::roles::{self, SCHEDULER};
use crate::store::{Tx, bulk};
use crate::value::{SqlValue, values};

/// What to do with a fire while a run before it is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnOverlap {
    /// Run it too.
    Run,
    /// Write it down as skipped.
    Skip,
    /// Write it down as waiting; a second one that would wait is skipped.
    Buffer,
    /// Write nothing and say so.
    Leave,
}

/// A fire to write down before it is handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FireWrite {
    /// What names it.
    pub key: FireKey,
    /// cid its run is to have.
    pub cid: Cid,
    /// For a run that is followed to its end: what to do when another is open, and until when this one is open at
    /// most, epoch milliseconds.
    pub watched: Option<(OnOverlap, i64)>,
}

/// What became of a [`FireWrite`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FireOutcome {
    /// It is written down under this cid; hand it over.
    Recorded(Cid),
    /// It was there already.
    Duplicate,
    /// The run due at that time is still open, so it was skipped.
    Skipped(i64),
    /// It waits for the run due at that time.
    Buffered(i64),
    /// The run due at that time is still open; nothing was written.
    Overlapping(i64),
}

/// The verdict of a fire that was written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerdictWrite {
    /// What names it.
    pub key: FireKey,
    /// Verdict.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
    /// Milliseconds from due to handed over.
    pub late_ms: i64,
}

/// Everything one transaction writes.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Epoch of the role.
    pub epoch: i64,
    /// Now, epoch milliseconds.
    pub now_ms: i64,
    /// Fires to write down, in order.
    pub fires: Vec<FireWrite>,
    /// Fires and stretches that come with their verdict; those that are there already stay.
    pub decided: Vec<FireRecord>,
    /// Verdicts of fires written down before.
    pub verdicts: Vec<VerdictWrite>,
    /// Where jobs stand then; one more run is counted for each fire of a schedule that is to be handed over.
    pub standings: HashMap<i64, JobStanding>,
    /// Jobs whose old fires are to be summed up, at most [`super::PRUNED_PER_BATCH`].
    pub prune: Vec<i64>,
}

const FIRES: &str = "job_fire (job, due_ms, origin, until_ms, fires, verdict, reason, late_ms, \
    cid, epoch, recorded_ms, open_until_ms, ended_ms, outcome)";
const KEEP: &str = "ON CONFLICT (job, due_ms, origin) DO NOTHING RETURNING job, due_ms, origin";
/// A fire that waited is written down again when its turn comes; it keeps its cid.
const PROMOTE: &str = "INSERT INTO job_fire (job, due_ms, origin, until_ms, fires, verdict, reason, \
    late_ms, cid, epoch, recorded_ms, open_until_ms) \
    VALUES ($1, $2, $3, $2, 1, $4, $5, 0, $6, $7, $8, $9) \
    ON CONFLICT (job, due_ms, origin) DO UPDATE SET verdict = excluded.verdict, \
    reason = excluded.reason, epoch = excluded.epoch, open_until_ms = excluded.open_until_ms \
    WHERE job_fire.verdict = 'buffered' RETURNING cid";
const OPEN: &str = "SELECT due_ms FROM job_fire WHERE job = $1 AND NOT (due_ms = $2 AND origin = $3) \
    AND open_until_ms > $4 AND ended_ms IS NULL AND verdict IN ('recorded', 'fired', 'late') \
    ORDER BY due_ms DESC LIMIT 1";
const WAITING: &str = "SELECT due_ms FROM job_fire WHERE job = $1 \
    AND NOT (due_ms = $2 AND origin = $3) AND verdict = 'buffered' LIMIT 1";
/// A verdict is given once: what has one keeps it.
const VERDICTS: &str = "ON CONFLICT (job, due_ms, origin) DO UPDATE SET verdict = excluded.verdict, \
    reason = excluded.reason, late_ms = excluded.late_ms \
    WHERE job_fire.verdict IN ('recorded', 'buffered')";
const STANDING: &str = "job_standing (job, planned_ms, anchor_ms, runs, paused, schedule)";
const STANDING_TAIL: &str = "ON CONFLICT (job) DO UPDATE SET planned_ms = excluded.planned_ms, \
    anchor_ms = excluded.anchor_ms, runs = excluded.runs, paused = excluded.paused, \
    schedule = excluded.schedule";

impl Jobs<'_> {
    /// Writes a batch; answers for each of its fires, in order.
    ///
    /// # Errors
    /// `Stale` when the role was taken since the epoch: nothing is written then. `Unavailable`, `Busy`.
    pub async fn write(&self, batch: Batch) -> Result<Vec<FireOutcome>> {
        self.odb.write(move |tx| write(tx, batch).boxed()).await
    }
}

async fn write(tx: &mut dyn Tx, batch: Batch) -> Result<Vec<FireOutcome>> {
    roles::hold(tx, SCHEDULER, batch.epoch).await?;
    verdicts(tx, &batch).await?;
    decided(tx, &batch).await?;
    let outcomes = fires(tx, &batch).await?;
    let mut batch = batch;
    for (fire, outcome) in batch.fires.iter().zip(&outcomes) {
        if matches!(outcome, FireOutcome::Recorded(_))
            && fire.key.origin == FireOrigin::Schedule
            && let Some(standing) = batch.standings.get_mut(&fire.key.job)
        {
            standing.runs += 1;
        }
    }
    let rows = batch.standings.into_iter().map(|(job, standing)| {
        [
            job.into(),
            standing.planned_ms.into(),
            standing.anchor_ms.into(),
            standing.runs.into(),
            standing.paused.into(),
            standing.schedule.into(),
        ]
    });
    bulk::insert(tx, STANDING, STANDING_TAIL, rows.collect()).await?;
    for job in batch.prune.into_iter().take(retention::PRUNED_PER_BATCH) {
        retention::sum_up(tx, job).await?;
    }
    Ok(outcomes)
}

async fn fires(tx: &mut dyn Tx, batch: &Batch) -> Result<Vec<FireOutcome>> {
    let plain: Vec<[SqlValue; 14]> = batch
        .fires
        .iter()
        .filter(|fire| fire.watched.is_none())
        .map(|fire| plain_row(fire, batch))
        .collect();
    let mut written = HashSet::with_capacity(plain.len());
    for mut row in bulk::insert(tx, FIRES, KEEP, plain).await? {
        written.insert(key_of(&mut row)?);
    }
    let mut outcomes = Vec::with_capacity(batch.fires.len());
    for fire in &batch.fires {
        let outcome = match fire.watched {
            // Taken out: the same fire twice in one batch is a duplicate too.
            None if written.remove(&fire.key) => FireOutcome::Recorded(fire.cid),
            None => FireOutcome::Duplicate,
            Some((on_overlap, open_until_ms)) => {
                watched(tx, batch, fire, (on_overlap, open_until_ms)).await?
            }
        };
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

fn plain_row(fire: &FireWrite, batch: &Batch) -> [SqlValue; 14] {
    let [job, due, origin] = key_values(fire.key);
    [
        job,
        due,
        origin,
        fire.key.due_ms.into(),
        1.into(),
        Verdict::Recorded.as_str().into(),
        "".into(),
        0.into(),
        fire.cid.to_string().into(),
        batch.epoch.into(),
        batch.now_ms.into(),
        0.into(),
        SqlValue::Null,
        SqlValue::Null,
    ]
}

/// A fire whose run is followed: what is open decides in the same transaction.
async fn watched(
    tx: &mut dyn Tx,
    batch: &Batch,
    fire: &FireWrite,
    (on_overlap, open_until_ms): (OnOverlap, i64),
) -> Result<FireOutcome> {
    let [job, due, origin] = key_values(fire.key);
    let mut ask = vec![job.clone(), due.clone(), origin.clone()];
    ask.push(batch.now_ms.into());
    let open = tx.query(OPEN, ask).await?.into_iter().next();
    let open = open.map(|mut row| row.int()).transpose()?;
    let (verdict, reason) = match (open, on_overlap) {
        (None, _) | (Some(_), OnOverlap::Run) => (Verdict::Recorded, String::new()),
        (Some(other), OnOverlap::Leave) => return Ok(FireOutcome::Overlapping(other)),
        (Some(other), OnOverlap::Skip) => (Verdict::Skipped, still_running(other)),
        (Some(other), OnOverlap::Buffer) => {
            let waiting = tx.query(WAITING, vec![job, due, origin]).await?;
            if waiting.is_empty() {
                (Verdict::Buffered, still_running(other))
            } else {
                let reason = format!("{}, and one fire waits already", still_running(other));
                (Verdict::Skipped, reason)
            }
        }
    };
    let opens = verdict == Verdict::Recorded;
    let mut row: Vec<SqlValue> = key_values(fire.key).into();
    row.extend(values![
        verdict.as_str(),
        reason,
        fire.cid.to_string(),
        batch.epoch,
        batch.now_ms,
        if opens { open_until_ms } else { 0 }
    ]);
    let Some(mut stored) = tx.query(PROMOTE, row).await?.into_iter().next() else {
        return Ok(FireOutcome::Duplicate);
    };
    let cid = cid_of(&stored.text()?)?.unwrap_or(fire.cid);
    Ok(match (verdict, open) {
        (Verdict::Skipped, Some(other)) => FireOutcome::Skipped(other),
        (Verdict::Buffered, Some(other)) => FireOutcome::Buffered(other),
        (_, _) => FireOutcome::Recorded(cid),
    })
}

fn still_running(due_ms: i64) -> String {
    format!("the run due at {due_ms} still runs")
}

async fn decided(tx: &mut dyn Tx, batch: &Batch) -> Result<()> {
    let rows = batch.decided.iter().map(|record| {
        let [job, due, origin] = key_values(record.key);
        [
            job,
            due,
            origin,
            record.until_ms.into(),
            record.fires.into(),
            record.verdict.as_str().into(),
            record.reason.as_str().into(),
            record.late_ms.into(),
            record
                .cid
                .map(|cid| cid.to_string())
                .unwrap_or_default()
                .into(),
            batch.epoch.into(),
            batch.now_ms.into(),
            0.into(),
            record.ended_ms.into(),
            record.outcome.clone().into(),
        ]
    });
    bulk::insert(tx, FIRES, KEEP, rows.collect())
        .await
        .map(drop)
}

/// One upsert for many, since PostgreSQL is asked over the network.
async fn verdicts(tx: &mut dyn Tx, batch: &Batch) -> Result<()> {
    // The last word on a fire counts; a statement may name a row once only.
    let last: HashMap<FireKey, &VerdictWrite> = (batch.verdicts.iter())
        .map(|write| (write.key, write))
        .collect();
    let rows = last.into_values().map(|write| {
        let [job, due, origin] = key_values(write.key);
        [
            job,
            due,
            origin,
            write.key.due_ms.into(),
            1.into(),
            write.verdict.as_str().into(),
            write.reason.as_str().into(),
            write.late_ms.into(),
            "".into(),
            batch.epoch.into(),
            batch.now_ms.into(),
            0.into(),
            SqlValue::Null,
            SqlValue::Null,
        ]
    });
    bulk::insert(tx, FIRES, VERDICTS, rows.collect())
        .await
        .map(drop)
}
