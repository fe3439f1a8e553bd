//! What a keeper does in Redis, and the watch for a Redis that lost what it had.

use std::sync::Arc;

use busker_kit::clock::unix_ms;
use busker_model::bus::Loss;
use parking_lot::Mutex;

use super::link::Link;
use super::read::Seen;
use super::traffic::failure_bytes;
use crate::error::Result;
use crate::limits::{LOSSES_MAX, ROUND_MAX, millis};
use crate::store::lost;

/// A consumer that has been idle for this long, in milliseconds, and holds nothing, is of a node that is gone.
const CONSUMER_IDLE_MS: u64 = 3_600_000;

pub(super) async fn promote(link: Arc<Link>) -> Result<u32> {
    link.run(&link.scripts.promote, |script| {
        script.arg(unix_ms()).arg(ROUND_MAX);
    })
    .await
}

pub(super) async fn reclaim(link: Arc<Link>) -> Result<u32> {
    let limits = link.config.limits;
    let failure = failure_bytes(&lost(limits.lost_max, limits.lease))?;
    link.run(&link.scripts.reclaim, |script| {
        script
            .arg(unix_ms())
            .arg(millis(limits.lease))
            .arg(limits.lost_max)
            .arg(failure)
            .arg(ROUND_MAX);
    })
    .await
}

pub(super) async fn sweep(link: Arc<Link>) -> Result<u32> {
    let (now, limits) = (unix_ms(), link.config.limits);
    link.run(&link.scripts.sweep, |script| {
        script
            .arg(now)
            .arg(now.saturating_sub(millis(limits.dead_retention)))
            .arg(millis(limits.result_retention))
            .arg(ROUND_MAX)
            .arg(CONSUMER_IDLE_MS);
    })
    .await
}

/// Compares each look at the ledger with the one before: another data set, or fewer accepted than before, is a loss.
#[derive(Debug, Default)]
pub(super) struct Watch(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    last: Option<Look>,
    losses: Vec<Loss>,
}

#[derive(Debug)]
struct Look {
    at_ms: i64,
    life: String,
    total: u64,
    pending: u64,
}

impl Watch {
    pub(super) fn look(&self, seen: &Seen, at_ms: i64) {
        let look = Look {
            at_ms,
            life: seen.life.clone(),
            total: seen.total,
            pending: seen.rows.iter().map(|row| row.pending).sum(),
        };
        let mut known = self.0.lock();
        if let Some(last) = &known.last
            && (last.life != look.life || last.total > look.total)
        {
            let loss = Loss {
                from_ms: last.at_ms,
                noticed_ms: at_ms,
                accepted_before: last.total,
                accepted_after: look.total,
                pending_before: Some(last.pending),
            };
            if known.losses.len() == LOSSES_MAX {
                known.losses.remove(0);
            }
            known.losses.push(loss);
        }
        known.last = Some(look);
    }

    pub(super) fn losses(&self) -> Vec<Loss> {
        self.0.lock().losses.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(life: &str, total: u64) -> Seen {
        Seen {
            life: life.into(),
            total,
            rows: Vec::new(),
        }
    }

    #[test]
    fn a_redis_that_goes_on_loses_nothing() {
        let watch = Watch::default();
        for total in [0, 5, 5, 9] {
            watch.look(&seen("a", total), 1);
        }
        assert!(watch.losses().is_empty());
    }

    #[test]
    fn an_empty_redis_and_an_older_copy_are_losses_with_their_interval() {
        let watch = Watch::default();
        watch.look(&seen("a", 9), 10);
        watch.look(&seen("b", 2), 20);
        watch.look(&seen("b", 1), 30);
        let losses = watch.losses();
        assert_eq!(losses.len(), 2);
        assert_eq!((losses[0].from_ms, losses[0].noticed_ms), (10, 20));
        assert_eq!(
            (losses[1].accepted_before, losses[1].accepted_after),
            (2, 1)
        );
    }
}
