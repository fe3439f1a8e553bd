//! Jobs as they ran: where each stands, its fires with their verdicts, and totals of the old ones.
//!
//! What a job is lies in its object; here is what happened. Everything the scheduler writes goes through
//! [`Jobs::write`]: one transaction for many jobs, under the epoch of its role. A fire is there once per job, due time
//! and origin, whoever writes it.

mod batch;
mod retention;

use busker_model::Cid;
use busker_model::job::{FireKey, FireOrigin, FireRecord, FireTotal, JobStanding, Verdict};

pub use self::batch::{Batch, FireOutcome, FireWrite, OnOverlap, VerdictWrite};
pub use self::retention::{FIRE_AGE_MS, FIRES_KEPT, PRUNED_PER_BATCH, TOTAL_AGE_MS, TOTALS_SHOWN};
use crate::error::{OdbError, Result};
use crate::odb::Odb;
use crate::value::{Row, SqlValue, values};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT job, due_ms, origin, until_ms, fires, verdict, reason, late_ms, cid, epoch, ",
            "recorded_ms, ended_ms, outcome FROM job_fire ",
            $rest
        )
    };
}

const UNFINISHED: &str = select!("WHERE verdict IN ('recorded', 'buffered') ORDER BY job, due_ms");
const HISTORY: &str = select!("WHERE job = $1 ORDER BY due_ms DESC, origin LIMIT $2");
const STANDINGS: &str =
    "SELECT job, planned_ms, anchor_ms, runs, paused, schedule FROM job_standing";
const STANDING: &str = "SELECT job, planned_ms, anchor_ms, runs, paused, schedule \
    FROM job_standing WHERE job = $1";
const TOTALS: &str = "SELECT hour_ms, verdict, fires, late_max_ms FROM job_total \
    WHERE job = $1 ORDER BY hour_ms DESC, verdict LIMIT $2";
const ENDED: &str = "UPDATE job_fire SET ended_ms = $4, outcome = $5 \
    WHERE job = $1 AND due_ms = $2 AND origin = $3 AND ended_ms IS NULL RETURNING job";

/// Operations on jobs.
#[derive(Debug, Clone, Copy)]
pub struct Jobs<'a> {
    odb: &'a Odb,
}

impl<'a> Jobs<'a> {
    pub(crate) const fn new(odb: &'a Odb) -> Self {
        Self { odb }
    }

    /// Where every job stands, by number.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn standings(&self) -> Result<Vec<(i64, JobStanding)>> {
        let rows = self.odb.query(STANDINGS, Vec::new()).await?;
        rows.into_iter().map(standing_of).collect()
    }

    /// Where one job stands; `None` before it was first started.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn standing(&self, job: i64) -> Result<Option<JobStanding>> {
        let row = self.odb.query(STANDING, values![job]).await?;
        let found = row.into_iter().next().map(standing_of).transpose()?;
        Ok(found.map(|(_, standing)| standing))
    }

    /// Fires that were written down and have no verdict yet.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn unfinished(&self) -> Result<Vec<FireRecord>> {
        let rows = self.odb.query(UNFINISHED, Vec::new()).await?;
        rows.into_iter().map(fire_of).collect()
    }

    /// The last fires of a job, newest first.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn history(&self, job: i64, limit: i64) -> Result<Vec<FireRecord>> {
        let rows = self.odb.query(HISTORY, values![job, limit]).await?;
        rows.into_iter().map(fire_of).collect()
    }

    /// Fires of a job that are too old to be kept one by one, newest hour first.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn totals(&self, job: i64) -> Result<Vec<FireTotal>> {
        let rows = self.odb.query(TOTALS, values![job, TOTALS_SHOWN]).await?;
        rows.into_iter().map(total_of).collect()
    }

    /// Says that a run that is followed has ended, and how; `false` when that was known. It carries no epoch: whoever ran
    /// it knows.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn ended(&self, key: FireKey, at_ms: i64, outcome: &str) -> Result<bool> {
        let row = values![key.job, key.due_ms, key.origin.as_str(), at_ms, outcome];
        Ok(!self.odb.query(ENDED, row).await?.is_empty())
    }
}

/// Values that name a fire.
fn key_values(key: FireKey) -> [SqlValue; 3] {
    [
        key.job.into(),
        key.due_ms.into(),
        key.origin.as_str().into(),
    ]
}

fn key_of(row: &mut Row) -> Result<FireKey> {
    Ok(FireKey {
        job: row.int()?,
        due_ms: row.int()?,
        origin: origin_of(&row.text()?)?,
    })
}

fn origin_of(word: &str) -> Result<FireOrigin> {
    FireOrigin::of(word).ok_or_else(|| OdbError::corrupt(format!("origin of a fire {word:?}")))
}

fn verdict_of(word: &str) -> Result<Verdict> {
    Verdict::of(word).ok_or_else(|| OdbError::corrupt(format!("verdict of a fire {word:?}")))
}

/// A cid as stored: empty when there is none.
fn cid_of(text: &str) -> Result<Option<Cid>> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(OdbError::corrupt)
}

fn fire_of(mut row: Row) -> Result<FireRecord> {
    Ok(FireRecord {
        key: key_of(&mut row)?,
        until_ms: row.int()?,
        fires: row.int()?,
        verdict: verdict_of(&row.text()?)?,
        reason: row.text()?,
        late_ms: row.int()?,
        cid: cid_of(&row.text()?)?,
        epoch: row.int()?,
        recorded_ms: row.int()?,
        ended_ms: row.opt_int()?,
        outcome: row.opt_text()?,
    })
}

fn standing_of(mut row: Row) -> Result<(i64, JobStanding)> {
    Ok((
        row.int()?,
        JobStanding {
            planned_ms: row.int()?,
            anchor_ms: row.int()?,
            runs: row.int()?,
            paused: row.bool()?,
            schedule: row.text()?,
        },
    ))
}

fn total_of(mut row: Row) -> Result<FireTotal> {
    Ok(FireTotal {
        hour_ms: row.int()?,
        verdict: verdict_of(&row.text()?)?,
        fires: row.int()?,
        late_max_ms: row.int()?,
    })
}
