//! Dead letters in Redis.

use std::sync::Arc;

use busker_kit::clock::unix_ms;
use busker_model::Cid;
use busker_model::bus::{DeadLetter, DeadSummary, Envelope};
use bytes::Bytes;

use super::link::Link;
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

pub(super) async fn get(link: Arc<Link>, cid: Cid) -> Result<DeadLetter> {
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

pub(super) async fn edit(link: Arc<Link>, cid: Cid, payload: Bytes) -> Result<()> {
    let mut envelope = get(Arc::clone(&link), cid).await?.envelope;
    envelope.replace_payload(payload)?;
    let stored = envelope.encode()?;
    let found = link.run(&link.scripts.dead_edit, |script| {
        script.arg(cid.text().as_str()).arg(stored);
    });
    there(cid, found.await?)
}

pub(super) async fn replay(link: Arc<Link>, cid: Cid) -> Result<()> {
    let envelope = revived(get(Arc::clone(&link), cid).await?.envelope);
    let stored = envelope.encode()?;
    let found = link.run(&link.scripts.dead_replay, |script| {
        script
            .arg(cid.text().as_str())
            .arg(envelope.head.key.as_deref().unwrap_or_default())
            .arg(stored);
    });
    there(cid, found.await?)
}

pub(super) async fn discard(link: Arc<Link>, cid: Cid) -> Result<()> {
    let found = link.run(&link.scripts.dead_discard, |script| {
        script
            .arg(cid.text().as_str())
            .arg(unix_ms())
            .arg(millis(link.config.limits.result_retention));
    });
    there(cid, found.await?)
}

const fn there(cid: Cid, found: u8) -> Result<()> {
    if found == 0 {
        return Err(BusError::NotDead(cid));
    }
    Ok(())
}
