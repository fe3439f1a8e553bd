//! What a service tells the supervision tree of invocations that failed in a way an operator should see: an exception, a
//! deadline that passed, a worker that was lost. Panics are crashes of its gate, which the supervisor tells.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use busker_kit::{Seat, clock};
use busker_model::report::ReportKind;
use busker_model::{ErrorClass, Fault};

/// Shortest time between two reports of one service, in milliseconds: one that always fails must not push the crashes of
/// others out of the recent reports.
const REPORT_GAP_MS: i64 = 1_000;

/// The reports of one service generation.
#[derive(Debug)]
pub struct Complaints {
    seat: Seat,
    /// Unix milliseconds of the last report.
    last_ms: AtomicI64,
    /// Failures since then.
    unsaid: AtomicU64,
}

impl Complaints {
    pub(crate) fn new(seat: Seat) -> Self {
        Self {
            seat,
            last_ms: AtomicI64::new(0),
            unsaid: AtomicU64::new(0),
        }
    }

    /// Tells of a failure if it is one to tell of; `cause` says which invocation it was.
    pub(crate) fn tell(&self, fault: &Fault, cause: impl FnOnce() -> String) {
        if !matters(fault) {
            return;
        }
        let now = clock::unix_ms();
        let last = self.last_ms.load(Relaxed);
        let too_soon = (0..REPORT_GAP_MS).contains(&(now - last));
        if too_soon
            || self
                .last_ms
                .compare_exchange(last, now, Relaxed, Relaxed)
                .is_err()
        {
            self.unsaid.fetch_add(1, Relaxed);
            return;
        }
        let reason = match self.unsaid.swap(0, Relaxed) {
            0 => fault.message.to_string(),
            unsaid => format!("{} ({unsaid} more failed before it)", fault.message),
        };
        let kind = ReportKind::InvocationFailed;
        self.seat
            .report(kind, Some(reason), traceback(fault), Some(cause()));
    }
}

/// Whether a failure says something about the service rather than about its caller.
fn matters(fault: &Fault) -> bool {
    match fault.class {
        ErrorClass::Internal => fault.code_str() != Some("panic"),
        ErrorClass::Timeout => true,
        ErrorClass::Unavailable => fault.code_str() == Some("worker-lost"),
        ErrorClass::Invalid
        | ErrorClass::Unauthenticated
        | ErrorClass::Forbidden
        | ErrorClass::NotFound
        | ErrorClass::Conflict
        | ErrorClass::TooLarge
        | ErrorClass::Busy => false,
    }
}

fn traceback(fault: &Fault) -> Option<String> {
    let detail = fault.detail.as_deref()?;
    let exception = detail.exception.as_ref().map(ToString::to_string);
    exception.or_else(|| detail.operator.clone())
}

#[cfg(test)]
mod tests {
    use busker_kit::Tree;

    use super::*;

    #[test]
    fn a_service_that_always_fails_is_told_of_once_a_second() {
        let tree = Tree::new("node");
        let complaints = Complaints::new(tree.root().child("service"));
        let cause = || "the invocation".to_owned();
        complaints.tell(&Fault::invalid("bad input"), cause);
        complaints.tell(&Fault::internal("a panic").code("panic"), cause);
        assert_eq!(tree.recent(10).len(), 0);
        for _ in 0..100 {
            complaints.tell(&Fault::timeout("too slow"), cause);
        }
        let told = tree.recent(10);
        // A machine that stands still for a second here may tell twice.
        assert!((1..3).contains(&told.len()), "{told:?}");
        assert_eq!(told[0].path.as_str(), "node/service");
        assert_eq!(told[0].reason.as_deref(), Some("too slow"));
        assert_eq!(told[0].cause.as_deref(), Some("the invocation"));
        complaints.last_ms.store(0, Relaxed);
        complaints.tell(&Fault::internal("wrong"), cause);
        let told = tree.recent(1);
        let reason = told[0].reason.as_deref().unwrap_or_default();
        assert!(
            reason.starts_with("wrong (") && reason.ends_with(" more failed before it)"),
            "{reason}"
        );
    }
}
