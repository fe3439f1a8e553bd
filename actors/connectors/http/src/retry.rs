//! Whether a request is sent again, and how long to wait before: pure rules.

use std::time::Duration;

use busker_connector::{Failure, Retry};

use crate::token::is_idempotent;

/// First wait.
const FIRST: Duration = Duration::from_millis(50);
/// Longest wait.
const MOST: Duration = Duration::from_secs(1);

/// Whether a request of this method that failed so may be sent again. A caller who gives a key by which the peer knows a
/// repetition makes any method safe.
pub(crate) fn is_safe(failure: &Failure, method: &str, has_key: bool) -> bool {
    match failure.retry {
        Retry::Never => false,
        Retry::IfIdempotent => has_key || is_idempotent(method),
        Retry::Always => true,
    }
}

/// The wait before repetition number `done + 1`: doubled each time, between half and all of it as `random` (0 to 1)
/// says, so that callers who failed together do not come back together.
pub(crate) fn wait(done: u32, random: f64) -> Duration {
    let full = FIRST.saturating_mul(1 << done.min(10)).min(MOST);
    full.mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use busker_model::ErrorClass;

    use super::*;

    fn failure(retry: Retry) -> Failure {
        Failure::remote(ErrorClass::Unavailable, retry, "x")
    }

    #[test]
    fn what_the_peer_may_have_done_is_repeated_only_when_harmless() {
        let lost = failure(Retry::IfIdempotent);
        assert!(
            ["GET", "HEAD", "PUT", "DELETE"]
                .iter()
                .all(|method| is_safe(&lost, method, false))
        );
        assert!(!is_safe(&lost, "POST", false) && !is_safe(&lost, "PATCH", false));
        assert!(is_safe(&lost, "POST", true));
    }

    #[test]
    fn what_the_peer_never_saw_is_repeated_and_a_verdict_is_not() {
        assert!(is_safe(&failure(Retry::Always), "POST", false));
        assert!(!is_safe(&failure(Retry::Never), "GET", true));
    }

    #[test]
    fn waits_grow_to_a_bound_and_are_spread() {
        assert_eq!(wait(0, 1.0), FIRST);
        assert_eq!(wait(0, 0.0), FIRST / 2);
        assert_eq!(wait(2, 1.0), FIRST * 4);
        assert_eq!(wait(u32::MAX, 1.0), MOST);
    }
}
