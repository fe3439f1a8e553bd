//! What a keeper does in Redis.

use std::sync::Arc;

use busker_kit::clock::unix_ms;
use busker_model::Delivery;
use busker_odb::outbox::{DeadNote, OutboxEnd};

use super::link::Link;
use super::lives::Moved;
use super::outbox::Outbox;
use super::traffic::{failure_bytes, read_cid, read_name};
use crate::error::Result;
use crate::limits::{ROUND_MAX, millis};
use crate::store::lost;

/// A consumer that has been idle for this long, in milliseconds, and holds nothing, is of a node that is gone.
const CONSUMER_IDLE_MS: u64 = 3_600_000;

pub(super) async fn promote(link: Arc<Link>) -> Result<u32> {
    link.run(&link.scripts.promote, |script| {
        script.arg(unix_ms()).arg(ROUND_MAX);
    })
    .await
}

pub(super) async fn reclaim(link: Arc<Link>, outbox: Arc<Outbox>) -> Result<u32> {
    let limits = link.config.limits;
    let failure = failure_bytes(&lost(limits.lost_max, limits.lease))?;
    let (life, tick, moved, buried): (String, i64, u32, Vec<(String, String)>) = link
        .run(&link.scripts.reclaim, |script| {
            script
                .arg(unix_ms())
                .arg(millis(limits.lease))
                .arg(limits.lost_max)
                .arg(failure.as_slice())
                .arg(ROUND_MAX);
        })
        .await?;
    let mut gone = Moved::new();
    for (name, cid) in buried {
        match read_name(&name)? {
            (service, Delivery::Fast) => gone.entry(service).or_default().1 += 1,
            (_, Delivery::Durable) => {
                let note = DeadNote {
                    died_ms: unix_ms(),
                    attempts: limits.lost_max.into(),
                    failure: String::from_utf8_lossy(&failure).into_owned(),
                    version: String::new(),
                };
                outbox.ended(read_cid(&cid)?, OutboxEnd::Dead(note)).await;
            }
        }
    }
    link.memory.did(&life, tick, gone);
    Ok(moved)
}

pub(super) async fn sweep(link: Arc<Link>, outbox: Arc<Outbox>) -> Result<u32> {
    let (now, limits) = (unix_ms(), link.config.limits);
    let gone: Vec<(String, String)> = link
        .run(&link.scripts.sweep, |script| {
            script
                .arg(now)
                .arg(now.saturating_sub(millis(limits.dead_retention)))
                .arg(millis(limits.result_retention))
                .arg(ROUND_MAX)
                .arg(CONSUMER_IDLE_MS);
        })
        .await?;
    for (name, cid) in &gone {
        if read_name(name)?.1 == Delivery::Durable {
            outbox.ended(read_cid(cid)?, OutboxEnd::Discarded).await;
        }
    }
    outbox.odb().lives().forget(now).await?;
    Ok(u32::try_from(gone.len()).unwrap_or(u32::MAX))
}
