//! Time as a port: the monotonic clock follows tokio's, so tests can pause it.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Monotonic now.
#[must_use]
pub fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// Unix time in milliseconds.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the port")]
pub fn unix_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        })
}
