//! Real time for a tool that waits for real processes: the only file here that reads a clock or sleeps.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often a condition is looked at while waiting.
const POLL: Duration = Duration::from_millis(100);

/// Now, for measuring.
#[expect(
    clippy::disallowed_methods,
    reason = "no actors here, hence no clock port"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Waits.
#[expect(clippy::disallowed_methods, reason = "this tool is one plain thread")]
pub(crate) fn sleep(pause: Duration) {
    std::thread::sleep(pause);
}

/// Seconds since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "no actors here, hence no clock port"
)]
pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// Seconds since 1970, with what a clock has of their parts.
#[expect(
    clippy::disallowed_methods,
    reason = "no actors here, hence no clock port"
)]
pub(crate) fn unix_precisely() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}

/// Looks at `condition` until it holds or `limit` is over; says whether it held.
pub(crate) fn wait_until(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let start = now();
    loop {
        if condition() {
            return true;
        }
        if start.elapsed() >= limit {
            return false;
        }
        sleep(POLL);
    }
}

/// A day as `2026-08-31`, from seconds since 1970 (days-from-civil, run backwards; source: H. Hinnant, chrono-Compatible
/// Low-Level Date Algorithms).
pub(crate) fn date(unix_seconds: u64) -> String {
    let days = unix_seconds / 86_400 + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(951_782_400), "2000-02-29");
        assert_eq!(date(1_798_675_199), "2026-12-30");
    }
}
