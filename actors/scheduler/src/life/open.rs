//! Opening a job: where it stood, what changed since, and what it had on the way.

use busker_model::job::{FireRecord, JobStanding, Verdict};

use super::{Life, Serving};
use crate::plan::{Decided, decided};
use crate::recorder::{Gone, Opened, Recorder};
use crate::schedule::Schedule;
use crate::settings::When;

/// A date that lies this many milliseconds back when a job is made still counts: it was meant to be now.
const NOW_GRACE_MS: i64 = 10_000;

impl Life {
    /// Finds where the job stands under this recorder, and finishes what it had on the way.
    pub(super) async fn open(&self, recorder: Recorder) -> Result<Serving, Gone> {
        let Opened {
            standing,
            unfinished,
        } = recorder.open(self.desired.number).await?;
        let now_ms = self.scheduler.parts().wall.unix_ms();
        let when = &self.desired.settings.when;
        let text = serde_json::to_string(when).unwrap_or_default();
        let standing = match standing {
            Some(standing) if standing.schedule == text => standing,
            Some(before) => self.fresh(text, now_ms, before.paused),
            None => self.fresh(text, now_ms, false),
        };
        let schedule = compiled(when, &standing);
        let mut serving = Serving {
            recorder,
            schedule,
            standing,
            buffered: None,
        };
        self.turn(&mut serving, now_ms).await?;
        for record in unfinished {
            self.finish(&mut serving, record).await?;
        }
        Ok(serving)
    }

    /// The standing of a schedule that counts from now.
    fn fresh(&self, schedule: String, now_ms: i64, paused: bool) -> JobStanding {
        let dated = match &self.desired.settings.when {
            When::OneTime(_) => true,
            When::Interval(when) => when.start_date.is_some(),
            When::Cron(_) => false,
        };
        JobStanding {
            planned_ms: if dated { now_ms - NOW_GRACE_MS } else { now_ms },
            anchor_ms: now_ms,
            runs: 0,
            paused,
            schedule,
        }
    }

    /// Writes down that it was paused or resumed, and what it did not do meanwhile.
    async fn turn(&self, serving: &mut Serving, now_ms: i64) -> Result<(), Gone> {
        let mut verdicts: Vec<Decided> = Vec::new();
        if self.desired.active && serving.standing.paused {
            let slept = serving
                .schedule
                .between(serving.standing.planned_ms, now_ms);
            verdicts
                .extend(slept.map(|slept| decided(slept, Verdict::Skipped, "the job was paused")));
            serving.standing.planned_ms = serving.standing.planned_ms.max(now_ms);
        }
        let first = serving.standing.anchor_ms == now_ms;
        if first && let When::OneTime(_) = &self.desired.settings.when {
            let passed = serving
                .schedule
                .between(i64::MIN / 2, serving.standing.planned_ms);
            verdicts.extend(passed.map(|passed| {
                let reason = "its start_date had passed when it was set";
                decided(passed, Verdict::Skipped, reason)
            }));
        }
        let changed = serving.standing.paused == self.desired.active;
        serving.standing.paused = !self.desired.active;
        if first || changed || !verdicts.is_empty() {
            self.decide(serving, verdicts).await?;
        }
        Ok(())
    }

    /// A fire that was written down and then lost its node: it is handed over under the same cid.
    async fn finish(&self, serving: &mut Serving, record: FireRecord) -> Result<(), Gone> {
        let Some(cid) = record.cid else { return Ok(()) };
        match record.verdict {
            Verdict::Buffered => serving.buffered = Some((record.key, cid)),
            Verdict::Recorded => self.hand_over(serving, record.key, cid).await.map(drop)?,
            Verdict::Fired | Verdict::Late | Verdict::Skipped | Verdict::Collapsed => {}
        }
        Ok(())
    }
}

/// Settings were checked when they were written; what cannot be read any more is never due.
fn compiled(when: &When, standing: &JobStanding) -> Schedule {
    when.compiled(standing.anchor_ms).unwrap_or_else(|faults| {
        tracing::error!("a schedule that was taken cannot be read: {faults:?}");
        Schedule::never()
    })
}
