//! A circuit breaker as pure rules; the clock is passed in.
//!
//! Closed, it counts failures in a row within a window: a success forgets them, so that a busy connection with a few
//! failures stays closed. Open, it refuses until its time is over. Then it is half open: one call tries, the others are
//! refused, and what the one finds decides.

use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Wait told to those who are refused while one call tries.
const WHILE_TRYING: Duration = Duration::from_secs(1);

/// When a breaker opens and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct BreakerSettings {
    /// Failures in a row that open it.
    #[schemars(range(min = 1, max = 1000))]
    pub failures: u32,
    /// Time within which they count, in milliseconds.
    #[schemars(range(min = 1))]
    pub window_ms: u64,
    /// Time it stays open, in milliseconds.
    #[schemars(range(min = 1))]
    pub open_ms: u64,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self {
            failures: 5,
            window_ms: 60_000,
            open_ms: 10_000,
        }
    }
}

/// Where a breaker is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Calls pass; these failures were seen, oldest first.
    Closed(Vec<Instant>),
    /// Calls are refused until then.
    Open(Instant),
    /// One call tries.
    HalfOpen,
}

/// Whether a call may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may; what it finds is told with this turn.
    Pass(Turn),
    /// Not before this time has passed.
    Wait(Duration),
}

/// Which phase a call was admitted in: what an older one finds no longer counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn(u64);

/// A breaker at one moment. Changes return the next one, or nothing when all stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breaker {
    settings: BreakerSettings,
    phase: Phase,
    turn: Turn,
}

impl Breaker {
    /// A closed breaker.
    #[must_use]
    pub fn new(settings: BreakerSettings) -> Self {
        Self {
            settings,
            phase: Phase::Closed(Vec::new()),
            turn: Turn(0),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Asks for one call.
    #[must_use]
    pub fn admit(&self, now: Instant) -> (Option<Self>, Admission) {
        match &self.phase {
            Phase::Closed(_) => (None, Admission::Pass(self.turn)),
            Phase::Open(until) if now < *until => (None, Admission::Wait(*until - now)),
            Phase::Open(_) => {
                let next = self.next(Phase::HalfOpen);
                let turn = next.turn;
                (Some(next), Admission::Pass(turn))
            }
            Phase::HalfOpen => (None, Admission::Wait(WHILE_TRYING)),
        }
    }

    /// The peer answered.
    #[must_use]
    pub fn succeeded(&self, turn: Turn) -> Option<Self> {
        if turn != self.turn {
            return None;
        }
        match &self.phase {
            Phase::Closed(failures) if failures.is_empty() => None,
            Phase::Closed(_) => Some(Self {
                phase: Phase::Closed(Vec::new()),
                ..self.clone()
            }),
            Phase::HalfOpen => Some(self.next(Phase::Closed(Vec::new()))),
            Phase::Open(_) => None,
        }
    }

    /// The peer was away.
    #[must_use]
    pub fn failed(&self, turn: Turn, now: Instant) -> Option<Self> {
        if turn != self.turn {
            return None;
        }
        match &self.phase {
            Phase::Closed(failures) => Some(self.with_failure(failures, now)),
            Phase::HalfOpen => Some(self.open(now)),
            Phase::Open(_) => None,
        }
    }

    /// The call ended without finding out. One that was to try leaves its place to the next.
    #[must_use]
    pub fn abandoned(&self, turn: Turn, now: Instant) -> Option<Self> {
        let tried = turn == self.turn && self.phase == Phase::HalfOpen;
        tried.then(|| self.next(Phase::Open(now)))
    }

    fn with_failure(&self, failures: &[Instant], now: Instant) -> Self {
        let window = Duration::from_millis(self.settings.window_ms);
        let recent = |at: &&Instant| now.saturating_duration_since(**at) < window;
        let mut failures: Vec<Instant> = failures.iter().filter(recent).copied().collect();
        failures.push(now);
        if failures.len() >= self.settings.failures as usize {
            return self.open(now);
        }
        Self {
            phase: Phase::Closed(failures),
            ..self.clone()
        }
    }

    fn open(&self, now: Instant) -> Self {
        self.next(Phase::Open(
            now + Duration::from_millis(self.settings.open_ms),
        ))
    }

    fn next(&self, phase: Phase) -> Self {
        Self {
            settings: self.settings,
            phase,
            turn: Turn(self.turn.0 + 1),
        }
    }
}

#[cfg(test)]
mod tests;
