//! How many requests are let in per time, as channels and security definitions set it.

use busker_model::object::Violation;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most requests that a limit may let in per time; more is no limit.
pub const MAX_RATE: u32 = 1_000_000;

/// So many requests per time: at once after a quiet time, and evenly from then on (a token bucket).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// Requests per time, over the whole cluster.
    #[schemars(range(min = 1, max = MAX_RATE))]
    pub requests: u32,
    /// The time.
    pub per: Per,
}

/// What requests are counted over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Per {
    /// 1 s.
    Second,
    /// 60 s.
    Minute,
    /// 3,600 s.
    Hour,
}

impl Per {
    /// The word in settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
        }
    }

    /// The time in milliseconds.
    #[must_use]
    pub const fn millis(self) -> u64 {
        match self {
            Self::Second => 1_000,
            Self::Minute => 60_000,
            Self::Hour => 3_600_000,
        }
    }
}

impl RateLimit {
    /// What is wrong with it, under `settings.rate_limit`.
    #[must_use]
    pub fn check(self) -> Option<Violation> {
        let fine = (1..=MAX_RATE).contains(&self.requests);
        let wrong = || {
            let message =
                format!("must be from 1 to {MAX_RATE}; leave rate_limit out for no limit");
            Violation::new("settings.rate_limit.requests", message)
        };
        (!fine).then(wrong)
    }
}
