//! When a job is due: pure, and the same answer for the same question.
//!
//! An interval is elapsed time: a day is 86,400 s and summer time does not touch it. It is counted from its start date,
//! or from the moment its schedule was set, so its phase outlives restarts. A cron line follows the clock of its zone,
//! by the rule in [`crate::zone`].

use chrono_tz::Tz;

use crate::cron_line::CronLine;
use crate::zone::{self, ClockMark, Due};

/// Missed fires that are counted one by one; a longer stretch of a cron line is said to be longer.
pub const COUNTED_MAX: usize = 10_000;
/// How far back the newest missed fire of a cron line is looked for at first, and by how much that grows.
const LOOK_BACK: [i64; 6] = [
    60_000,
    3_600_000,
    86_400_000,
    32 * 86_400_000,
    367 * 86_400_000,
    // Leap days are up to eight years apart.
    (8 * 366 + 1) * 86_400_000,
];

/// A schedule, ready to be asked.
#[derive(Debug, Clone)]
pub struct Schedule {
    pub(crate) rule: Rule,
    /// Nothing is due before.
    pub(crate) from_ms: Option<i64>,
    /// Nothing is due after.
    pub(crate) until_ms: Option<i64>,
}

#[derive(Debug, Clone)]
pub(crate) enum Rule {
    Once(i64),
    Every {
        /// From where whole periods are counted.
        anchor_ms: i64,
        /// Above 0.
        period_ms: i64,
        /// Number of the first fire: 0 when the anchor itself is one.
        first: i64,
        /// How many there are.
        repeats: Option<i64>,
    },
    Cron(Box<CronLine>, Tz),
}

/// Fires that were due in a stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// The first.
    pub first_ms: i64,
    /// The last.
    pub last_ms: i64,
    /// How many; at least so many when it is [`COUNTED_MAX`].
    pub count: i64,
}

impl Schedule {
    /// A schedule that is never due.
    pub(crate) const fn never() -> Self {
        Self {
            rule: Rule::Once(i64::MIN),
            from_ms: None,
            until_ms: None,
        }
    }

    /// The first due time after a moment; `None` when there is none.
    #[must_use]
    pub fn next_after(&self, after_ms: i64) -> Option<Due> {
        let after_ms = match self.from_ms {
            Some(from) => after_ms.max(from - 1),
            None => after_ms,
        };
        let due = match &self.rule {
            Rule::Once(at_ms) => (*at_ms > after_ms).then_some(plain(*at_ms)),
            Rule::Every {
                anchor_ms,
                period_ms,
                first,
                repeats,
            } => {
                let number = (after_ms - anchor_ms).div_euclid(*period_ms) + 1;
                let number = number.max(*first);
                let over = repeats.is_some_and(|repeats| number - first >= repeats);
                let at_ms = period_ms
                    .checked_mul(number)
                    .and_then(|after| anchor_ms.checked_add(after));
                at_ms.filter(|_| !over).map(plain)
            }
            Rule::Cron(line, zone) => zone::due_after(line, *zone, after_ms),
        }?;
        let over = self.until_ms.is_some_and(|until| due.at_ms > until);
        (!over).then_some(due)
    }

    /// The first due times after a moment, at most `count`.
    #[must_use]
    pub fn next_n(&self, after_ms: i64, count: usize) -> Vec<Due> {
        let mut found = Vec::with_capacity(count.min(64));
        let mut after_ms = after_ms;
        while found.len() < count {
            let Some(due) = self.next_after(after_ms) else {
                break;
            };
            after_ms = due.at_ms;
            found.push(due);
        }
        found
    }

    /// The fires due after one moment and up to another; `None` when there are none.
    #[must_use]
    pub fn between(&self, after_ms: i64, until_ms: i64) -> Option<Stretch> {
        let first_ms = self.next_after(after_ms)?.at_ms;
        if first_ms > until_ms {
            return None;
        }
        if let Rule::Every { period_ms, .. } = &self.rule {
            let end = self.last_of_interval(until_ms);
            let last_ms = first_ms + (end - first_ms).div_euclid(*period_ms) * period_ms;
            return Some(Stretch {
                first_ms,
                last_ms,
                count: (last_ms - first_ms) / period_ms + 1,
            });
        }
        let (mut last_ms, mut count) = (first_ms, 1);
        while let Some(due) = self.next_after(last_ms).filter(|due| due.at_ms <= until_ms) {
            last_ms = due.at_ms;
            count += 1;
            if count >= i64::try_from(COUNTED_MAX).unwrap_or(i64::MAX) {
                last_ms = self.last_before(until_ms).unwrap_or(last_ms);
                break;
            }
        }
        Some(Stretch {
            first_ms,
            last_ms,
            count,
        })
    }

    /// Where an interval ends, when it ends before `until_ms`.
    fn last_of_interval(&self, until_ms: i64) -> i64 {
        let until_ms = self.until_ms.map_or(until_ms, |end| end.min(until_ms));
        match &self.rule {
            Rule::Every {
                anchor_ms,
                period_ms,
                first,
                repeats: Some(repeats),
            } => {
                let last = period_ms.saturating_mul(first + repeats - 1);
                until_ms.min(anchor_ms.saturating_add(last))
            }
            Rule::Every { repeats: None, .. } | Rule::Once(_) | Rule::Cron(..) => until_ms,
        }
    }

    /// The newest due time up to a moment, looked for in growing steps.
    fn last_before(&self, until_ms: i64) -> Option<i64> {
        let up_to = |due: &Due| due.at_ms <= until_ms;
        let start = LOOK_BACK
            .into_iter()
            .find_map(|back| self.next_after(until_ms - back).filter(up_to))?;
        let mut last_ms = start.at_ms;
        while let Some(due) = self.next_after(last_ms).filter(up_to) {
            last_ms = due.at_ms;
        }
        Some(last_ms)
    }
}

const fn plain(at_ms: i64) -> Due {
    Due { at_ms, mark: None }
}

/// What a person should know about a mark.
#[must_use]
pub const fn meaning(mark: ClockMark) -> &'static str {
    match mark {
        ClockMark::Gap => {
            "this local time does not exist on that day: it fires right after the clock jumps forward"
        }
        ClockMark::Overlap => {
            "this local time comes twice on that day, because the clock is set back"
        }
    }
}

#[cfg(test)]
mod tests;
