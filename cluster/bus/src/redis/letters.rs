//! Dead letters in Redis.

use std::sync::Arc;

use busker_kit::clock::unix_ms;
use busker_model::bus::{DeadLetter, DeadSummary, Envelope};
use busker_model::{Cid, Delivery};
use busker_odb::outbox::OutboxEnd;
use bytes::Bytes;

use super::link::Link;
use super::lives::Moved;
use super::outbox::Outbox;
use super::traffic::{read_cid, read_name};
use crate::error::{BusError, Result};
use crate::limits::{DEAD_PAGE_MAX, millis};
use crate::store::{DeadFilter, DeadPage, revived};

type Letter = (String, String, i64, i64, u32, String, String, u64);

pub(super) async fn list(link: Arc<Link>, filter: DeadFilter) -> Result<DeadPage> {
    let (total, letters): (u64, Vec<Letter>) = link
        .run(&link.scripts.dead_list, |script| {
            script
                .arg(
                    filter
                        .service
                        .as_ref()
                        .map_or("", |service| service.as_str()),
                )
                .arg(filter.offset)
                .arg(filter.limit.min(DEAD_PAGE_MAX));
        })
        .await?;
    let letters = letters.into_iter().map(summary).collect::<Result<_>>()?;
    Ok(DeadPage { total, letters })
}

fn summary(
    (cid, name, accepted_ms, died_ms, attempts, failure, version, bytes): Letter,
) -> Result<DeadSummary> {
    let (service, delivery) = read_name(&name)?;
    Ok(DeadSummary {
        cid: read_cid(&cid)?,
        service,
        delivery,
        accepted_ms,
        died_ms,
        attempts,
        failure: serde_json::from_str(&failure).map_err(BusError::corrupt)?,
        version,
        bytes,
    })
}

pub(super) async fn get(link: &Link, cid: Cid) -> Result<DeadLetter> {
    type Fields = (
        Option<Vec<u8>>,
        Option<i64>,
        Option<u32>,
        Option<String>,
        Option<String>,
    );
    let fields: Fields = link
        .command("HMGET", &format!("d:{cid}"), &["m", "x", "a", "f", "v"])
        .await?;
    let (Some(envelope), Some(died_ms), Some(attempts), Some(failure), Some(version)) = fields
    else {
        return Err(BusError::NotDead(cid));
    };
    Ok(DeadLetter {
        envelope: Envelope::decode(&Bytes::from(envelope))?,
        died_ms,
        attempts,
        failure: serde_json::from_str(&failure).map_err(BusError::corrupt)?,
        version,
    })
}

pub(super) async fn edit(
    link: Arc<Link>,
    outbox: Arc<Outbox>,
    cid: Cid,
    payload: Bytes,
) -> Result<()> {
    let mut envelope = get(&link, cid).await?.envelope;
    envelope.replace_payload(payload)?;
    let stored = envelope.encode()?;
    if envelope.delivery == Delivery::Durable {
        // So that it is a dead letter there, too.
        outbox.flush().await;
        outbox.odb().outbox().edit(cid, stored.clone()).await?;
    }
    let found = link.run(&link.scripts.dead_edit, |script| {
        script.arg(cid.text().as_str()).arg(stored);
    });
    there(cid, found.await?)
}

pub(super) async fn replay(link: Arc<Link>, outbox: Arc<Outbox>, cid: Cid) -> Result<()> {
    let envelope = revived(get(&link, cid).await?.envelope);
    let stored = envelope.encode()?;
    if envelope.delivery == Delivery::Durable {
        outbox.flush().await;
        outbox.odb().outbox().revive(cid, stored.clone()).await?;
    }
    let (life, tick, name): (String, i64, String) = link
        .run(&link.scripts.dead_replay, |script| {
            script
                .arg(cid.text().as_str())
                .arg(envelope.head.key.as_deref().unwrap_or_default())
                .arg(stored);
        })
        .await?;
    let mut moved = Moved::new();
    if envelope.delivery == Delivery::Fast && !name.is_empty() {
        moved.insert(envelope.service, (1, 0));
    }
    link.memory.did(&life, tick, moved);
    there(cid, u8::from(!name.is_empty()))
}

pub(super) async fn discard(link: Arc<Link>, outbox: Arc<Outbox>, cid: Cid) -> Result<()> {
    let name: String = link
        .run(&link.scripts.dead_discard, |script| {
            script
                .arg(cid.text().as_str())
                .arg(unix_ms())
                .arg(millis(link.config.limits.result_retention));
        })
        .await?;
    if name.is_empty() {
        return Err(BusError::NotDead(cid));
    }
    if read_name(&name)?.1 == Delivery::Durable {
        outbox.ended(cid, OutboxEnd::Discarded).await;
    }
    Ok(())
}

const fn there(cid: Cid, found: u8) -> Result<()> {
    if found == 0 {
        return Err(BusError::NotDead(cid));
    }
    Ok(())
}
