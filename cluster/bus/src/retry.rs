//! Whether a failed invocation is tried again, and when.

use std::time::Duration;

use busker_model::{ErrorClass, Fault};

/// Starts of an invocation that fails by itself (a bug, or work that takes too long) before it is dead.
pub const ATTEMPTS_OF_FAILING: u32 = 4;
/// Starts of an invocation that meets something full or away before it is dead: about an hour and a half.
pub const ATTEMPTS_OF_WAITING: u32 = 20;
/// Wait before the second start.
pub const BACKOFF_FIRST: Duration = Duration::from_millis(500);
/// Longest wait between two starts.
pub const BACKOFF_MAX: Duration = Duration::from_secs(300);
/// Part of the wait that is random, so that what failed together does not come back together.
pub const JITTER: f64 = 0.2;

/// What is to be done with an invocation that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Try again after this long.
    Again(Duration),
    /// Give it up.
    Dead,
}

/// Decides by class after start number `attempt`, from 1. `random` is in 0..1.
#[must_use]
pub fn verdict(fault: &Fault, attempt: u32, random: f64) -> Verdict {
    let most = match fault.class {
        ErrorClass::Invalid
        | ErrorClass::Unauthenticated
        | ErrorClass::Forbidden
        | ErrorClass::NotFound
        | ErrorClass::Conflict
        | ErrorClass::TooLarge => return Verdict::Dead,
        ErrorClass::Timeout | ErrorClass::Internal => ATTEMPTS_OF_FAILING,
        ErrorClass::Busy | ErrorClass::Unavailable => ATTEMPTS_OF_WAITING,
    };
    if attempt >= most {
        return Verdict::Dead;
    }
    let told = fault
        .detail
        .as_ref()
        .and_then(|detail| detail.retry_after_s);
    let told = told.map(|seconds| Duration::from_secs(u64::from(seconds)));
    Verdict::Again(backoff(attempt, random).max(told.unwrap_or_default()))
}

/// Wait after start number `attempt`: doubled each time up to [`BACKOFF_MAX`], give or take [`JITTER`].
#[must_use]
pub fn backoff(attempt: u32, random: f64) -> Duration {
    let doubled = 2_u32.saturating_pow(attempt.saturating_sub(1));
    let wait = BACKOFF_FIRST.saturating_mul(doubled).min(BACKOFF_MAX);
    wait.mul_f64(1.0 - JITTER + 2.0 * JITTER * random.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_callers_mistakes_are_not_tried_again() {
        for class in [
            ErrorClass::Invalid,
            ErrorClass::Unauthenticated,
            ErrorClass::Forbidden,
            ErrorClass::NotFound,
            ErrorClass::Conflict,
            ErrorClass::TooLarge,
        ] {
            assert_eq!(
                verdict(&Fault::new(class, "no"), 1, 0.5),
                Verdict::Dead,
                "{class}"
            );
        }
    }

    #[test]
    fn what_may_pass_is_tried_again_a_bounded_number_of_times() {
        for (class, most) in [
            (ErrorClass::Internal, ATTEMPTS_OF_FAILING),
            (ErrorClass::Timeout, ATTEMPTS_OF_FAILING),
            (ErrorClass::Busy, ATTEMPTS_OF_WAITING),
            (ErrorClass::Unavailable, ATTEMPTS_OF_WAITING),
        ] {
            let fault = Fault::new(class, "later");
            for attempt in 1..most {
                assert_eq!(
                    verdict(&fault, attempt, 0.5),
                    Verdict::Again(backoff(attempt, 0.5)),
                    "{class}"
                );
            }
            assert_eq!(verdict(&fault, most, 0.5), Verdict::Dead, "{class}");
        }
    }

    #[test]
    fn the_wait_doubles_to_its_bound_and_is_never_outside_its_jitter() {
        assert_eq!(backoff(1, 0.5), BACKOFF_FIRST);
        assert_eq!(backoff(2, 0.5), BACKOFF_FIRST * 2);
        assert_eq!(backoff(1, 0.0), BACKOFF_FIRST.mul_f64(0.8));
        assert_eq!(backoff(1, 1.0), BACKOFF_FIRST.mul_f64(1.2));
        let mut random = fastrand::Rng::with_seed(7);
        for attempt in 1..=64 {
            let wait = backoff(attempt, random.f64());
            assert!(wait <= BACKOFF_MAX.mul_f64(1.2) && wait >= BACKOFF_FIRST.mul_f64(0.8));
        }
    }

    #[test]
    fn a_remote_that_says_when_is_believed() {
        let fault = Fault::busy("full", 90);
        assert_eq!(
            verdict(&fault, 1, 0.5),
            Verdict::Again(Duration::from_secs(90))
        );
    }
}
