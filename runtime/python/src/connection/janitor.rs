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
/// Age of such a request at which it is too old, when others wait for its slot.
const ZOMBIE_AGE: Duration = Duration::from_secs(10);
/// Age at which a cancelled request has had its chance to end.
const ZOMBIE_SETTLED: Duration = Duration::from_millis(200);
/// Time a worker full of such requests has to finish the others.
const ZOMBIE_GRACE: Duration = Duration::from_secs(1);
/// Time a worker that uses too much memory has to finish.
const HOG_GRACE: Duration = Duration::from_secs(10);
/// Time between two looks while there are any.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Time between two PINGs.
const PING_EVERY: Duration = Duration::from_secs(5);
/// Silence after which a worker counts as hung: longer than any sane call into C that keeps the interpreter.
const HUNG_AFTER: Duration = Duration::from_secs(30);

impl Connection {
    /// The janitor task: ends when it has asked for the worker to be replaced.
    pub(crate) async fn keep_clean(self: Arc<Self>, crew: Arc<Crew>) {
        loop {
            self.stale.notified().await;
            while let Some(left) = self.sweep() {
                if let Some(why) = too_many(left, &crew) {
                    return self.ask_to_leave(Leave {
                        why,
                        grace: ZOMBIE_GRACE,
                        replace: true,
                    });
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
            tokio::time::sleep(PING_EVERY).await;
            let silent = self.silence();
            if silent > HUNG_AFTER {
                let why = format!("no sign of life for {} s", silent.as_secs());
                return self.ask_to_leave(Leave {
                    why,
                    grace: ZOMBIE_GRACE,
                    replace: true,
                });
            }
            if self.rss_bytes() > rss_soft_bytes {
                let why = format!(
                    "uses {} MiB of memory, more than the soft limit",
                    self.rss_bytes() >> 20
                );
                return self.ask_to_leave(Leave {
                    why,
                    grace: HOG_GRACE,
                    replace: true,
                });
            }
        }
    }
}

/// Cancelled requests that still run.
#[derive(Debug, Clone, Copy)]
struct Left {
    count: usize,
    oldest: Duration,
}

fn too_many(left: Left, crew: &Crew) -> Option<String> {
    if left.count > MAX_ZOMBIES && left.oldest > ZOMBIE_SETTLED {
        return Some(format!("{} cancelled requests still run", left.count));
    }
    let needed = crew.waiting() > 0;
    (left.oldest > ZOMBIE_AGE && needed).then(|| {
        format!(
            "a cancelled request still runs after {} s",
            left.oldest.as_secs()
        )
    })
}
