//! Jobs as they are recorded: one fire, what became of it, and where a job stands.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::cid::Cid;

/// Kind group of all jobs: a name stands for one job whatever its kind.
pub const JOB_GROUP: &str = "job";

/// Kinds of jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JobKind {
    /// Once, at a date.
    OneTime,
    /// Every so much time.
    Interval,
    /// By a cron line.
    Cron,
}

impl JobKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::OneTime, Self::Interval, Self::Cron];

    /// The word used in names of services.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OneTime => "one-time",
            Self::Interval => "interval",
            Self::Cron => "cron",
        }
    }

    /// The kind of a word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for JobKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The job that a request comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRef {
    /// Name.
    pub name: String,
    /// Kind.
    pub kind: JobKind,
}

/// What asked for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FireOrigin {
    /// The schedule of the job.
    Schedule,
    /// A person or a client, with `busker.job.execute`.
    Manual,
}

impl FireOrigin {
    /// The word stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Manual => "manual",
        }
    }

    /// The origin of a word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        [Self::Schedule, Self::Manual]
            .into_iter()
            .find(|origin| origin.as_str() == word)
    }
}

/// What became of a fire. The first two are on the way; every fire ends in one of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Written down with its cid, and about to be handed over.
    Recorded,
    /// Waits for the run before it to end.
    Buffered,
    /// Handed over in time.
    Fired,
    /// Handed over, more than [`LATE_MS`] after it was due.
    Late,
    /// Not run; the reason says why.
    Skipped,
    /// Missed, and stood for by a newer fire that was run.
    Collapsed,
}

/// A fire handed over later than this many milliseconds after it was due is called late.
pub const LATE_MS: i64 = 1_000;

impl Verdict {
    const ALL: [Self; 6] = [
        Self::Recorded,
        Self::Buffered,
        Self::Fired,
        Self::Late,
        Self::Skipped,
        Self::Collapsed,
    ];

    /// The verdict of a fire that was handed over so many milliseconds after it was due.
    #[must_use]
    pub const fn handed_over(late_ms: i64) -> Self {
        if late_ms > LATE_MS {
            Self::Late
        } else {
            Self::Fired
        }
    }

    /// The word stored and shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Recorded => "recorded",
            Self::Buffered => "buffered",
            Self::Fired => "fired",
            Self::Late => "late",
            Self::Skipped => "skipped",
            Self::Collapsed => "collapsed",
        }
    }

    /// The verdict of a word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|verdict| verdict.as_str() == word)
    }
}

/// What names a fire: no two have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FireKey {
    /// Number of the job.
    pub job: i64,
    /// When it is due, Unix milliseconds.
    pub due_ms: i64,
    /// What asked for it.
    pub origin: FireOrigin,
}

/// One row of a job's history: a fire, or a stretch of fires that share their fate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FireRecord {
    /// What names it; of a stretch, the first fire.
    pub key: FireKey,
    /// Due time of the last fire of the stretch; that of the only one else.
    pub until_ms: i64,
    /// How many fires it stands for; a stretch too long to be counted says so in its reason.
    pub fires: i64,
    /// What became of it.
    pub verdict: Verdict,
    /// Why, where the verdict alone does not say.
    pub reason: String,
    /// Milliseconds from due to handed over.
    pub late_ms: i64,
    /// cid of the run; `None` when there was none.
    pub cid: Option<Cid>,
    /// Epoch of the role it was written under.
    pub epoch: i64,
    /// When it was written down, Unix milliseconds.
    pub recorded_ms: i64,
    /// When the run ended, where that is watched.
    pub ended_ms: Option<i64>,
    /// How the run ended, where that is watched: `ok`, or what went wrong.
    pub outcome: Option<String>,
}

/// Fires of one hour that are too old to be kept one by one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FireTotal {
    /// Start of the hour, Unix milliseconds.
    pub hour_ms: i64,
    /// What became of them.
    pub verdict: Verdict,
    /// How many.
    pub fires: i64,
    /// The longest delay among them, milliseconds.
    pub late_max_ms: i64,
}

/// Where a job stands, beside its settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobStanding {
    /// Every fire due up to here has its verdict, or is written down; Unix milliseconds.
    pub planned_ms: i64,
    /// Where intervals without a start date are counted from, Unix milliseconds.
    pub anchor_ms: i64,
    /// Runs that were handed over by its schedule since that schedule was set.
    pub runs: i64,
    /// Whether it was inactive when last seen.
    pub paused: bool,
    /// The schedule it stood under, as settings.
    pub schedule: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back() {
        for verdict in Verdict::ALL {
            assert_eq!(Verdict::of(verdict.as_str()), Some(verdict));
        }
        assert_eq!(FireOrigin::of("manual"), Some(FireOrigin::Manual));
        assert_eq!(Verdict::of("maybe"), None);
    }

    #[test]
    fn late_starts_after_its_bound() {
        assert_eq!(Verdict::handed_over(LATE_MS), Verdict::Fired);
        assert_eq!(Verdict::handed_over(LATE_MS + 1), Verdict::Late);
        assert_eq!(Verdict::handed_over(-5), Verdict::Fired);
    }
}
