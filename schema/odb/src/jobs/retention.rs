//! What is kept of the fires of jobs: the last ones one by one, older ones as totals by hour, and then nothing.

use futures::FutureExt;

use super::Jobs;
use crate::error::Result;
use crate::roles::{self, SCHEDULER};
use crate::store::Tx;
use crate::value::values;

/// Fires of a job that are kept one by one.
pub const FIRES_KEPT: i64 = 200;
/// Time fires are kept one by one, in milliseconds: 30 days.
pub const FIRE_AGE_MS: i64 = 30 * 86_400_000;
/// Time totals are kept, in milliseconds: 90 days.
pub const TOTAL_AGE_MS: i64 = 90 * 86_400_000;
/// Jobs whose fires one batch sums up.
pub const PRUNED_PER_BATCH: usize = 32;
/// Totals shown of a job: a week of hours, with three verdicts each.
pub const TOTALS_SHOWN: i64 = 504;

const CUTOFF: &str =
    "SELECT due_ms FROM job_fire WHERE job = $1 ORDER BY due_ms DESC LIMIT 1 OFFSET $2";

macro_rules! sum_up {
    ($where:literal) => {
        concat!(
            "INSERT INTO job_total (job, hour_ms, verdict, fires, late_max_ms) ",
            "SELECT job, due_ms - due_ms % 3600000, verdict, CAST(SUM(fires) AS BIGINT), MAX(late_ms) ",
            "FROM job_fire WHERE ", $where, " AND verdict NOT IN ('recorded', 'buffered') ",
            "GROUP BY job, due_ms - due_ms % 3600000, verdict ",
            "ON CONFLICT (job, hour_ms, verdict) DO UPDATE SET ",
            "fires = job_total.fires + excluded.fires, late_max_ms = ",
            "CASE WHEN job_total.late_max_ms > excluded.late_max_ms ",
            "THEN job_total.late_max_ms ELSE excluded.late_max_ms END"
        )
    };
}

macro_rules! drop_fires {
    ($where:literal) => {
        concat!(
            "DELETE FROM job_fire WHERE ",
            $where,
            " AND verdict NOT IN ('recorded', 'buffered')"
        )
    };
}

const SUM_JOB: &str = sum_up!("job = $1 AND due_ms <= $2");
const DROP_JOB: &str = drop_fires!("job = $1 AND due_ms <= $2");
const SUM_OLD: &str = sum_up!("due_ms < $1");
const DROP_OLD: &str = drop_fires!("due_ms < $1");
const DROP_TOTALS: &str = "DELETE FROM job_total WHERE hour_ms < $1";
/// Of jobs that are gone; numbers are never used again.
const ORPHANS: [&str; 3] = [
    "DELETE FROM job_fire WHERE job NOT IN (SELECT number FROM object WHERE family = 'job')",
    "DELETE FROM job_total WHERE job NOT IN (SELECT number FROM object WHERE family = 'job')",
    "DELETE FROM job_standing WHERE job NOT IN (SELECT number FROM object WHERE family = 'job')",
];

/// Sums up the fires of a job that are more than are kept.
pub(super) async fn sum_up(tx: &mut dyn Tx, job: i64) -> Result<()> {
    let cutoff = tx.query(CUTOFF, values![job, FIRES_KEPT]).await?;
    if let Some(mut row) = cutoff.into_iter().next() {
        let cutoff = row.int()?;
        tx.query(SUM_JOB, values![job, cutoff]).await?;
        tx.query(DROP_JOB, values![job, cutoff]).await?;
    }
    Ok(())
}

impl Jobs<'_> {
    /// Sums up what is too old to be kept one by one, and forgets what is too old for totals or belongs to no job.
    ///
    /// # Errors
    /// `Stale` when the role was taken since the epoch; `Unavailable`, `Busy`.
    pub async fn forget_old(&self, epoch: i64, now_ms: i64) -> Result<()> {
        self.odb
            .write(move |tx| forget_old(tx, epoch, now_ms).boxed())
            .await
    }
}

async fn forget_old(tx: &mut dyn Tx, epoch: i64, now_ms: i64) -> Result<()> {
    roles::hold(tx, SCHEDULER, epoch).await?;
    let oldest = now_ms - FIRE_AGE_MS;
    tx.query(SUM_OLD, values![oldest]).await?;
    tx.query(DROP_OLD, values![oldest]).await?;
    tx.query(DROP_TOTALS, values![now_ms - TOTAL_AGE_MS])
        .await?;
    for statement in ORPHANS {
        tx.query(statement, Vec::new()).await?;
    }
    Ok(())
}
