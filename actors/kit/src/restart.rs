//! When a child is started again: pure rules, tested without a clock.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Whether a child that ended is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// Always.
    Permanent,
    /// Only after a crash.
    Transient,
    /// Never.
    Temporary,
}

/// Whom a crash concerns beside the child itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// Nobody.
    OneForOne,
    /// All children.
    OneForAll,
    /// The children started after it.
    RestForOne,
}

/// What happens when the budget is spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnExcess {
    /// The supervisor stops its children in order and fails. The budget is the supervisor's.
    Escalate,
    /// The child stays down as parked; its siblings go on. The budget is the child's.
    Park,
    /// The same, shown as failed.
    Fail,
}

/// A restart budget: at most `max` restarts within a sliding window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intensity {
    /// Most restarts.
    pub max: usize,
    /// Length of the window.
    pub within: Duration,
}

/// How long to wait before a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// First wait; zero means restart at once.
    pub first: Duration,
    /// Longest wait.
    pub max: Duration,
    /// Factor from one wait to the next.
    pub factor: u32,
    /// Largest deviation up or down, in percent.
    pub jitter_percent: u32,
    /// A child that was up this long starts again from the first wait.
    pub reset_after: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(100),
            max: Duration::from_secs(30),
            factor: 2,
            jitter_percent: 10,
            reset_after: Duration::from_secs(60),
        }
    }
}

impl Backoff {
    /// The wait before restart number `attempt`, counted from 0.
    pub fn delay(&self, attempt: u32, random: &mut fastrand::Rng) -> Duration {
        let steps = self.factor.saturating_pow(attempt.min(16));
        let base = self.first.saturating_mul(steps).min(self.max);
        let jitter = self.jitter_percent.min(100);
        let percent = 100 - jitter + random.u32(0..=2 * jitter);
        base.saturating_mul(percent) / 100
    }
}

/// Restarts within the window of a budget. Holds at most `max + 1` times.
#[derive(Debug, Default)]
pub(crate) struct RestartLog(VecDeque<Instant>);

impl RestartLog {
    /// Counts one restart at `now`; `false` when the budget is spent.
    pub(crate) fn count(&mut self, now: Instant, budget: Intensity) -> bool {
        while self
            .0
            .front()
            .is_some_and(|&at| now.saturating_duration_since(at) > budget.within)
        {
            self.0.pop_front();
        }
        self.0.push_back(now);
        self.0.len() <= budget.max
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn backoff_stays_within_its_jitter_of_the_cap(attempt in 0u32..100, seed: u64) {
            let backoff = Backoff::default();
            let delay = backoff.delay(attempt, &mut fastrand::Rng::with_seed(seed));
            prop_assert!(delay <= backoff.max * 110 / 100);
            prop_assert!(delay >= backoff.first * 90 / 100);
        }

        #[test]
        fn no_window_ever_holds_more_restarts_than_the_budget(
            gaps in proptest::collection::vec(0u64..5_000, 1..200),
            max in 1usize..10,
        ) {
            let budget = Intensity { max, within: Duration::from_secs(10) };
            let mut log = RestartLog::default();
            let mut now = crate::clock::now();
            let mut granted: Vec<Instant> = Vec::new();
            for gap in gaps {
                now += Duration::from_millis(gap);
                if log.count(now, budget) {
                    granted.push(now);
                }
                let recent = granted.iter().filter(|&&at| now.duration_since(at) <= budget.within).count();
                prop_assert!(recent <= max);
            }
        }
    }
}
