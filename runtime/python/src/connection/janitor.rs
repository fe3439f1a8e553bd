//! Requests that nobody waits for any more: cancelled softly, then hard; a worker full of them is replaced.

use std::sync::Arc;
use std::time::{Duration, Instant};

use busker_kit::clock;

use super::Connection;
use crate::crew::Crew;
use crate::frame::ToWorker;

/// Time between the soft and the hard cancellation of a request.
const HARD_AFTER: Duration = Duration::from_millis(50);
/// Most requests of one worker that go on after both cancellations.
const MAX_ZOMBIES: usize = 8;
/// Age of such a request at which it is too old, when others wait for its slot.
const ZOMBIE_AGE: Duration = Duration::from_secs(10);
/// Time between two looks while there are any.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Time between two PINGs.
const PING_EVERY: Duration = Duration::from_secs(5);
/// Silence after which a worker counts as hung: longer than any sane call into C that keeps the interpreter.
const HUNG_AFTER: Duration = Duration::from_secs(30);

impl Connection {
    /// The janitor task. Returns why the worker has to be replaced.
    pub(crate) async fn keep_clean(self: &Arc<Self>, crew: &Crew) -> String {
        loop {
            self.stale.notified().await;
            while let Some(oldest) = self.sweep() {
                if let Some(why) = self.too_many(oldest, crew) {
                    return why;
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        }
    }

    /// Cancels hard what is due. Returns how many are left and since when the oldest is unwanted.
    fn sweep(&self) -> Option<(usize, Instant)> {
        let now = clock::now();
        let mut due = Vec::new();
        let mut count = 0;
        let mut oldest = now;
        for mut entry in self.pending.iter_mut() {
            let Some((reason, since)) = entry.unwanted else { continue };
            count += 1;
            oldest = oldest.min(since);
            if !entry.cancelled_hard && now.saturating_duration_since(since) >= HARD_AFTER {
                entry.cancelled_hard = true;
                due.push((*entry.key(), reason));
            }
        }
        for (id, reason) in due {
            self.cancel(id, reason, true);
        }
        (count > 0).then_some((count, oldest))
    }

    fn too_many(&self, (count, oldest): (usize, Instant), crew: &Crew) -> Option<String> {
        let age = clock::now().saturating_duration_since(oldest);
        if count > MAX_ZOMBIES && age > HARD_AFTER * 4 {
            return Some(format!("{count} cancelled requests still run"));
        }
        let needed = crew.waiting() > 0;
        (age > ZOMBIE_AGE && needed).then(|| format!("a cancelled request still runs after {} s", age.as_secs()))
    }

    /// The health task. Returns why the worker has to be replaced.
    pub(crate) async fn keep_watch(self: &Arc<Self>, rss_soft_bytes: u64) -> String {
        loop {
            self.command(ToWorker::Ping);
            tokio::time::sleep(PING_EVERY).await;
            if self.silence() > HUNG_AFTER {
                return format!("no sign of life for {} s", self.silence().as_secs());
            }
            if self.rss_bytes() > rss_soft_bytes {
                return format!("{} MiB of memory, more than the soft limit", self.rss_bytes() >> 20);
            }
        }
    }

    /// Waits until somebody asks for this worker to be replaced.
    pub(crate) async fn asked_to_go(&self) {
        self.replace.notified().await;
    }

    /// Asks for this worker to be drained and ended.
    pub(crate) fn ask_to_go(&self) {
        self.shut();
        self.replace.notify_one();
    }
}
