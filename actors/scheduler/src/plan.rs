//! What is to be done with the fires that are due by now: pure.
//!
//! A fire is on time for [`MISSED_AFTER_MS`]; later it was missed (the node was down, the clock jumped, the machine was
//! asleep), and the job's catch-up policy has the word. What is older than its catch-up window is skipped.

use busker_model::job::Verdict;

use crate::schedule::{COUNTED_MAX, Schedule, Stretch};
use crate::settings::{CatchUp, RunSettings};

/// A fire later than this many milliseconds was missed.
pub const MISSED_AFTER_MS: i64 = 5_000;
/// Missed fires that are run one by one under `catch_up = all`; more collapse into one.
pub const CATCH_UP_ALL_MAX: i64 = 1_000;
/// A standing this many milliseconds ahead of the clock comes from a clock that was wrong; it is not waited for.
pub const AHEAD_MAX_MS: i64 = 25 * 3_600_000;
/// Fires planned in one go; the rest comes with the next plan.
const FIRES_AT_ONCE: usize = 1_000;

/// The rules of one job.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    pub(crate) catch_up: CatchUp,
    pub(crate) window_ms: i64,
    pub(crate) jitter_ms: u64,
    /// Number of the job: its jitter follows from it and the due time.
    pub(crate) job: i64,
    /// Runs it may still have.
    pub(crate) runs_left: Option<i64>,
}

impl Rules {
    pub(crate) fn of(job: i64, run: &RunSettings, runs_left: Option<i64>) -> Self {
        let window_s = i64::try_from(run.catch_up_window_s).unwrap_or(i64::MAX);
        Self {
            catch_up: run.catch_up,
            window_ms: window_s.saturating_mul(1_000),
            jitter_ms: run.jitter_ms,
            job,
            runs_left,
        }
    }

    /// When a fire starts: its due time and its jitter, the same for the same fire.
    pub(crate) fn start_of(&self, due_ms: i64) -> i64 {
        if self.jitter_ms == 0 {
            return due_ms;
        }
        let seed = due_ms.rotate_left(17) ^ self.job;
        let mut random = fastrand::Rng::with_seed(u64::from_ne_bytes(seed.to_ne_bytes()));
        due_ms + i64::try_from(random.u64(0..=self.jitter_ms)).unwrap_or(0)
    }

    fn longest_jitter(&self) -> i64 {
        i64::try_from(self.jitter_ms).unwrap_or(0)
    }
}

/// Fires that are decided without a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decided {
    pub(crate) stretch: Stretch,
    pub(crate) verdict: Verdict,
    pub(crate) reason: String,
}

/// What to do now, and when to look again.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Fires decided without a run, oldest first; they come before those that are run.
    pub(crate) decided: Vec<Decided>,
    /// Due times to run now, in order.
    pub(crate) fires: Vec<i64>,
    /// When the next fire starts; `None` when there is none.
    pub(crate) next_start_ms: Option<i64>,
}

/// What is due after `planned_ms` by now.
pub(crate) fn plan(schedule: &Schedule, rules: &Rules, planned_ms: i64, now_ms: i64) -> Plan {
    let mut plan = Plan::default();
    if rules.runs_left.is_some_and(|left| left < 1) {
        return plan;
    }
    let mut after_ms = planned_ms;
    let missed_until = now_ms - MISSED_AFTER_MS - rules.longest_jitter();
    if let Some(missed) = schedule.between(planned_ms, missed_until) {
        after_ms = missed.last_ms;
        let newer = schedule.next_after(after_ms).map(|due| due.at_ms);
        let newer = newer.filter(|due| rules.start_of(*due) <= now_ms);
        catch_up(
            &mut plan,
            schedule,
            rules,
            Missed {
                stretch: missed,
                planned_ms,
                now_ms,
                newer,
            },
        );
    }
    let left = rules.runs_left.and_then(|left| usize::try_from(left).ok());
    let most = left.unwrap_or(FIRES_AT_ONCE).min(FIRES_AT_ONCE);
    plan.fires.truncate(left.unwrap_or(usize::MAX));
    while let Some(due) = schedule.next_after(after_ms) {
        let start_ms = rules.start_of(due.at_ms);
        if start_ms > now_ms || plan.fires.len() >= most {
            plan.next_start_ms = Some(start_ms);
            break;
        }
        plan.fires.push(due.at_ms);
        after_ms = due.at_ms;
    }
    plan
}

struct Missed {
    stretch: Stretch,
    planned_ms: i64,
    now_ms: i64,
    /// A fire that is due now and can stand for those that were missed.
    newer: Option<i64>,
}

fn catch_up(plan: &mut Plan, schedule: &Schedule, rules: &Rules, missed: Missed) {
    let window_start = missed.now_ms.saturating_sub(rules.window_ms);
    if let Some(old) = schedule.between(
        missed.planned_ms,
        missed.stretch.last_ms.min(window_start - 1),
    ) {
        let seconds = rules.window_ms / 1_000;
        let reason = format!("missed, and older than its catch-up window of {seconds} s");
        plan.decided.push(decided(old, Verdict::Skipped, &reason));
    }
    let from_ms = missed.planned_ms.max(window_start - 1);
    let Some(recent) = schedule.between(from_ms, missed.stretch.last_ms) else {
        return;
    };
    let all = rules.catch_up == CatchUp::All && recent.count <= CATCH_UP_ALL_MAX;
    match rules.catch_up {
        CatchUp::Skip => {
            let reason = "missed, and its catch-up is skip";
            plan.decided.push(decided(recent, Verdict::Skipped, reason));
        }
        CatchUp::All if all => {
            let mut after_ms = from_ms;
            while let Some(due) = schedule.next_after(after_ms)
                && due.at_ms <= recent.last_ms
            {
                plan.fires.push(due.at_ms);
                after_ms = due.at_ms;
            }
        }
        CatchUp::All | CatchUp::Collapse => {
            collapse(plan, schedule, (from_ms, recent), missed.newer);
        }
    }
}

/// One fire stands for all: one that is due now, or the newest of those that were missed.
fn collapse(
    plan: &mut Plan,
    schedule: &Schedule,
    (from_ms, recent): (i64, Stretch),
    newer: Option<i64>,
) {
    let stands_for = newer.unwrap_or(recent.last_ms);
    let rest = match newer {
        Some(_) => Some(recent),
        None => schedule.between(from_ms, recent.last_ms - 1),
    };
    if let Some(rest) = rest {
        let reason = format!("missed; the fire due at {stands_for} stands for it");
        plan.decided
            .push(decided(rest, Verdict::Collapsed, &reason));
    }
    if newer.is_none() {
        plan.fires.push(recent.last_ms);
    }
}

pub(crate) fn decided(stretch: Stretch, verdict: Verdict, reason: &str) -> Decided {
    let uncounted = i64::try_from(COUNTED_MAX).is_ok_and(|most| stretch.count == most);
    let reason = if uncounted {
        format!("{reason} (at least so many fires)")
    } else {
        reason.to_owned()
    };
    Decided {
        stretch,
        verdict,
        reason,
    }
}

/// Where a standing really is: a clock that was far ahead must not silence a job until it is there again.
pub(crate) fn believed(planned_ms: i64, now_ms: i64) -> i64 {
    if planned_ms > now_ms + AHEAD_MAX_MS {
        now_ms
    } else {
        planned_ms
    }
}

#[cfg(test)]
mod tests;
