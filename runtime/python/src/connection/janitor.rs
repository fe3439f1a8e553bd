//! Requests that nobody waits for any more: cancelled softly, then hard; a worker full of them is replaced.

use std::sync::Arc;
use std::time::Duration;

use busker_kit::clock;

use super::{Connection, Leave};
use crate::crew::Crew;
use crate::frame::ToWorker;

/// Time between the soft and the hard cancellation of a request.
const HARD_AFTER: Duration = Duration::from_millis(50);
/// Most requests of one worker that go on after both cancellations.
const MAX_ZOMBIES: usize = 8;
/// Age of such a request at which it is too old.
const ZOMBIE_AGE: Duration = Duration::from_secs(10);
/// Silence, with such a request, after which the worker counts as hung: the request keeps the interpreter to itself.
const DEAF_AFTER: Duration = Duration::from_secs(3);
/// Time between two PINGs while there is such a request.
const PING_SOON: Duration = Duration::from_secs(1);
/// Age at which a cancelled request has had its chance to end.
const ZOMBIE_SETTLED: Duration = Duration::from_millis(200);
/// Time a worker with such requests has to finish the others while callers wait for a slot.
const ZOMBIE_GRACE: Duration = Duration::from_secs(1);
/// Time it has when none do, and time a worker that uses too much memory has.
const PATIENT_GRACE: Duration = Duration::from_secs(10);
/// Time between two looks while there are any.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Time between a look at what the worker said and the next PING.
const PING_EVERY: Duration = Duration::from_secs(4);
/// Time a worker has to answer a PING before that look.
const PONG_WITHIN: Duration = Duration::from_secs(1);
/// Silence after which a worker counts as hung: longer than any sane call into C that keeps the interpreter.
const HUNG_AFTER: Duration = Duration::from_secs(30);

impl Connection {
    /// The janitor task: ends when it has asked for the worker to be replaced.
    pub(crate) async fn keep_clean(self: Arc<Self>, crew: Arc<Crew>) {
        loop {
            self.stale.notified().await;
            let mut pinged = clock::now();
            while let Some(left) = self.sweep() {
                if let Some(leave) = verdict(left, self.silence(), &crew) {
                    return self.ask_to_leave(leave);
                }
                let now = clock::now();
                if now.saturating_duration_since(pinged) >= PING_SOON {
                    pinged = now;
                    self.command(ToWorker::Ping);
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    }

    /// Cancels hard what is due. Returns what is left.
    fn sweep(&self) -> Option<Left> {
        let now = clock::now();
        let mut due = Vec::new();
        let mut left = Left {
            count: 0,
            oldest: Duration::ZERO,
        };
        for mut entry in self.pending.iter_mut() {
            let Some((reason, since)) = entry.unwanted else {
                continue;
            };
            let age = now.saturating_duration_since(since);
            left = Left {
                count: left.count + 1,
                oldest: left.oldest.max(age),
            };
            if !entry.cancelled_hard && age >= HARD_AFTER {
                entry.cancelled_hard = true;
                due.push((*entry.key(), reason));
            }
        }
        for (id, reason) in due {
            self.cancel(id, reason, true);
        }
        (left.count > 0).then_some(left)
    }

    /// The health task: ends when it has asked for the worker to be replaced.
    pub(crate) async fn keep_watch(self: Arc<Self>, rss_soft_bytes: u64) {
        loop {
            self.command(ToWorker::Ping);
            tokio::time::sleep(PONG_WITHIN).await;
            let silent = self.silence();
            if silent > HUNG_AFTER {
                return self.ask_to_leave(hung(silent));
            }
            if self.rss_bytes() > rss_soft_bytes {
                let why = format!(
                    "uses {} MiB of memory, more than the soft limit",
                    self.rss_bytes() >> 20
                );
                return self.ask_to_leave(Leave {
                    why,
                    grace: PATIENT_GRACE,
                    replace: true,
                });
            }
            tokio::time::sleep(PING_EVERY).await;
        }
    }
}

/// Cancelled requests that still run.
#[derive(Debug, Clone, Copy)]
struct Left {
    count: usize,
    oldest: Duration,
}

/// Whether a worker with cancelled requests is to be replaced.
fn verdict(left: Left, silent: Duration, crew: &Crew) -> Option<Leave> {
    if left.oldest > DEAF_AFTER && silent > DEAF_AFTER {
        return Some(hung(silent));
    }
    let why = if left.count > MAX_ZOMBIES && left.oldest > ZOMBIE_SETTLED {
        format!("{} cancelled requests still run", left.count)
    } else if left.oldest > ZOMBIE_AGE {
        let age = left.oldest.as_secs();
        format!("a cancelled request still runs after {age} s")
    } else {
        return None;
    };
    let grace = if crew.waiting() > 0 {
        ZOMBIE_GRACE
    } else {
        PATIENT_GRACE
    };
    Some(Leave {
        why,
        grace,
        replace: true,
    })
}

/// Nothing in a hung worker can be waited for.
fn hung(silent: Duration) -> Leave {
    Leave {
        why: format!("no sign of life for {} s", silent.as_secs()),
        grace: Duration::ZERO,
        replace: true,
    }
}
