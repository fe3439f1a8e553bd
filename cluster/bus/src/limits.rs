//! Every bound of the bus: a number, a name and a unit.

use std::time::Duration;

/// Most invocations of one service that may be pending; the next is refused as `Busy`.
pub const PENDING_MAX: u64 = 1_000_000;
/// Time a node has an invocation to itself before others may take it; renewed while it runs.
pub const LEASE: Duration = Duration::from_secs(30);
/// Leases that may run out before an invocation is given up as what kills its nodes.
pub const LOST_MAX: u32 = 5;
/// Most invocations of the bus that run on one node at once.
pub const RUNNING_MAX: u32 = 4_096;
/// Most invocations claimed at once.
pub const CLAIM_MAX: u32 = 256;
/// Longest time between two looks for work, when no bell rings.
pub const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Time between two looks for what is due.
pub const PROMOTE_EVERY: Duration = Duration::from_millis(25);
/// Time between two looks for leases that ran out.
pub const RECLAIM_EVERY: Duration = Duration::from_secs(1);
/// Time between two checkpoints of the counters.
pub const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);
/// Longest time between two looks through the outbox; after a loss there is one at once.
pub const RELAY_EVERY: Duration = Duration::from_secs(10);
/// Time between two checks of the ledger.
pub const LEDGER_EVERY: Duration = Duration::from_secs(5);
/// Time between two rounds that forget old results and dead letters.
pub const SWEEP_EVERY: Duration = Duration::from_secs(30);
/// Rows or entries one such round works on at most, so that traffic is not held up.
pub const ROUND_MAX: u32 = 500;
/// Time a status and a result can be asked for after the end.
pub const RESULT_RETENTION: Duration = Duration::from_secs(24 * 3_600);
/// Most ended invocations whose status is kept in SQLite; Redis goes by time alone.
pub const RESULTS_MAX: u32 = 200_000;
/// Longest result that is kept, in bytes; a longer one is run and not kept.
pub const RESULT_BYTES_MAX: usize = 64 * 1024;
/// Time a dead letter is kept before it is discarded.
pub const DEAD_RETENTION: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Most dead letters in one answer.
pub const DEAD_PAGE_MAX: u32 = 500;
/// Longest time a store has to answer the intake or the keeper.
pub const STORE_TIMEOUT: Duration = Duration::from_secs(30);
/// Time invocations have to finish when their node stops.
pub const DRAIN_GRACE: Duration = Duration::from_secs(10);

/// The bounds that tests and operators change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// See [`PENDING_MAX`].
    pub pending_max: u64,
    /// See [`LEASE`].
    pub lease: Duration,
    /// See [`LOST_MAX`].
    pub lost_max: u32,
    /// See [`RESULT_RETENTION`].
    pub result_retention: Duration,
    /// See [`RESULTS_MAX`].
    pub results_max: u32,
    /// See [`DEAD_RETENTION`].
    pub dead_retention: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pending_max: PENDING_MAX,
            lease: LEASE,
            lost_max: LOST_MAX,
            result_retention: RESULT_RETENTION,
            results_max: RESULTS_MAX,
            dead_retention: DEAD_RETENTION,
        }
    }
}

/// A time as whole milliseconds.
pub(crate) fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
