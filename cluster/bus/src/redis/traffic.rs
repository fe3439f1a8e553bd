//! The way of an invocation through Redis: publish, claim, renew, settle.

use std::sync::Arc;

use busker_kit::clock::unix_ms;
use busker_model::bus::{Envelope, Failure};
use busker_model::invocation::ReplyBody;
use busker_model::{Cid, Delivery, ServiceName};
use busker_odb::outbox::{DeadNote, OutboxEnd};
use bytes::Bytes;
use deadpool_redis::redis;

use super::link::Link;
use super::lives::Moved;
use super::outbox::Outbox;
use super::strange;
use crate::error::{BusError, Result};
use crate::limits::{CLAIM_MAX, millis};
use crate::store::{Claimed, End, Lease, Want, kept};

/// An invocation on its way in.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) envelope: Envelope,
    pub(super) stored: Vec<u8>,
}

impl Item {
    pub(super) fn new(envelope: Envelope) -> Result<Self> {
        let stored = envelope.encode()?;
        Ok(Self { envelope, stored })
    }
}

/// The key part of a service and class.
pub(super) fn name_of(service: &ServiceName, delivery: Delivery) -> String {
    match delivery {
        Delivery::Durable => format!("d:{service}"),
        Delivery::Fast => format!("f:{service}"),
    }
}

/// Reads what [`name_of`] wrote.
pub(super) fn read_name(name: &str) -> Result<(ServiceName, Delivery)> {
    let (class, service) = name.split_once(':').ok_or_else(|| strange(name))?;
    let delivery = match class {
        "d" => Delivery::Durable,
        "f" => Delivery::Fast,
        _ => return Err(strange(name)),
    };
    Ok((
        ServiceName::new(service).map_err(BusError::corrupt)?,
        delivery,
    ))
}

/// How many may be pending for one more to be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// As many as the limits say.
    Limited,
    /// Any number: what is in the ODB was counted there.
    Any,
}

/// What became of an invocation that was put into the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Published {
    /// It is kept.
    Kept,
    /// It was there already.
    Known,
    /// It was there and has ended.
    Ended,
    /// So many are pending of its service, as many as may be.
    Full(u64),
}

pub(super) async fn publish(link: &Link, items: &[Item], room: Room) -> Result<Vec<Published>> {
    if items.is_empty() {
        return Ok(Vec::new());
    }
    let most = match room {
        Room::Limited => link.config.limits.pending_max,
        Room::Any => 0,
    };
    let (life, tick, answers): (String, i64, Vec<u64>) = link
        .run(&link.scripts.publish, |script| {
            script.arg(unix_ms()).arg(most);
            for Item { envelope, stored } in items {
                script
                    .arg(envelope.cid.text().as_str())
                    .arg(name_of(&envelope.service, envelope.delivery))
                    .arg(envelope.head.not_before_ms.unwrap_or_default())
                    .arg(envelope.head.key.as_deref().unwrap_or_default())
                    .arg(envelope.head.accepted_ms)
                    .arg(stored.as_slice());
            }
        })
        .await?;
    if answers.len() != items.len() {
        return Err(strange("to fewer messages than were published"));
    }
    let mut moved = Moved::new();
    let mut published = Vec::with_capacity(items.len());
    for (Item { envelope, .. }, answer) in items.iter().zip(answers) {
        published.push(match answer {
            0 => Published::Kept,
            1 => Published::Known,
            2 => Published::Ended,
            more => Published::Full(more - 3),
        });
        if answer == 0 && envelope.delivery == Delivery::Fast {
            moved.entry(envelope.service.clone()).or_default().0 += 1;
        }
    }
    link.memory.did(&life, tick, moved);
    Ok(published)
}

/// Keeps `fast` ones: in the stream alone.
pub(super) async fn publish_fast(link: Arc<Link>, items: Vec<Item>) -> Result<Vec<Result<()>>> {
    let published = publish(&link, &items, Room::Limited).await?;
    let answered = |(item, published): (Item, Published)| match published {
        Published::Kept | Published::Known | Published::Ended => Ok(()),
        Published::Full(pending) => Err(BusError::Busy {
            service: item.envelope.service,
            pending,
        }),
    };
    Ok(items.into_iter().zip(published).map(answered).collect())
}

pub(super) async fn claim(link: Arc<Link>, wants: Vec<Want>, most: u32) -> Result<Vec<Claimed>> {
    if wants.is_empty() {
        return Ok(Vec::new());
    }
    let entries: Vec<(String, String, u32, Vec<u8>)> = link
        .run(&link.scripts.claim, |script| {
            script.arg(&link.config.consumer).arg(most.min(CLAIM_MAX));
            for want in &wants {
                script.arg(want.service.as_str()).arg(want.permits);
            }
        })
        .await?;
    entries
        .into_iter()
        .map(|(_, id, attempt, stored)| {
            let envelope = Envelope::decode(&Bytes::from(stored))?;
            let lease = Lease {
                cid: envelope.cid,
                service: envelope.service.clone(),
                delivery: envelope.delivery,
                attempt,
                key: envelope.head.key.clone(),
                accepted_ms: envelope.head.accepted_ms,
                entry: id.into(),
            };
            Ok(Claimed { lease, envelope })
        })
        .collect()
}

pub(super) async fn renew(link: Arc<Link>, held: Vec<Lease>) -> Result<()> {
    link.run(&link.scripts.renew, |script| {
        script.arg(&link.config.consumer);
        for lease in &held {
            script
                .arg(name_of(&lease.service, lease.delivery))
                .arg(&*lease.entry);
        }
    })
    .await
}

/// One start that ended.
#[derive(Debug)]
pub(super) struct Settlement {
    lease: Lease,
    what: &'static str,
    at_ms: i64,
    rest: Vec<u8>,
    version: String,
}

impl Settlement {
    pub(super) fn new(lease: Lease, end: End) -> Result<Self> {
        let mut settlement = Self {
            lease,
            what: "N",
            at_ms: 0,
            rest: Vec::new(),
            version: String::new(),
        };
        match end {
            End::Done(body) => settlement.rest = pack(body),
            End::Expired => settlement.what = "E",
            End::GiveBack { at_ms } => {
                settlement.what = "G";
                settlement.at_ms = at_ms;
            }
            End::Retry { at_ms, failure } => {
                settlement.what = "R";
                settlement.at_ms = at_ms;
                settlement.rest = failure_bytes(&failure)?;
            }
            End::Dead { failure, version } => {
                settlement.what = "X";
                settlement.rest = failure_bytes(&failure)?;
                settlement.version = version;
            }
        }
        Ok(settlement)
    }
}

impl Settlement {
    fn is_last(&self) -> bool {
        matches!(self.what, "N" | "E" | "X")
    }

    /// How it leaves the ODB, if it does.
    fn last(&self) -> Option<OutboxEnd> {
        match self.what {
            "N" => Some(OutboxEnd::Done),
            "E" => Some(OutboxEnd::Expired),
            "X" => Some(OutboxEnd::Dead(DeadNote {
                died_ms: unix_ms(),
                attempts: self.lease.attempt.into(),
                failure: String::from_utf8_lossy(&self.rest).into_owned(),
                version: self.version.clone(),
            })),
            _ => None,
        }
    }
}

pub(super) fn failure_bytes(failure: &Failure) -> Result<Vec<u8>> {
    serde_json::to_vec(failure).map_err(BusError::corrupt)
}

/// A result as it is kept: one letter for its kind, then its bytes.
fn pack(body: ReplyBody) -> Vec<u8> {
    let (kind, bytes) = match kept(body) {
        None => (b'-', Bytes::new()),
        Some(ReplyBody::Empty) => (b'e', Bytes::new()),
        Some(ReplyBody::Json(bytes)) => (b'j', bytes),
        Some(ReplyBody::Raw(bytes)) => (b'r', bytes),
    };
    let mut packed = Vec::with_capacity(bytes.len() + 1);
    packed.push(kind);
    packed.extend_from_slice(&bytes);
    packed
}

/// Reads what [`pack`] wrote.
pub(super) fn unpack(packed: &[u8]) -> Option<ReplyBody> {
    let (kind, bytes) = packed.split_first()?;
    let bytes = Bytes::copy_from_slice(bytes);
    match kind {
        b'e' => Some(ReplyBody::Empty),
        b'j' => Some(ReplyBody::Json(bytes)),
        b'r' => Some(ReplyBody::Raw(bytes)),
        _ => None,
    }
}

/// Settles a batch. What ended for good leaves the ODB too.
pub(super) async fn settle(
    outbox: Arc<Outbox>,
    link: Arc<Link>,
    ends: Vec<Settlement>,
) -> Result<Vec<Result<()>>> {
    let (life, tick, lost): (String, i64, Vec<i64>) = link
        .run(&link.scripts.settle, |script| fill(script, &link, &ends))
        .await?;
    if lost.len() != ends.len() {
        return Err(strange("to fewer starts than have ended"));
    }
    let mut moved = Moved::new();
    let mut answers = Vec::with_capacity(ends.len());
    for (end, lost) in ends.into_iter().zip(lost) {
        if lost != 0 {
            answers.push(Err(BusError::NotHeld(end.lease.cid)));
            continue;
        }
        answers.push(Ok(()));
        match end.lease.delivery {
            Delivery::Fast if end.is_last() => {
                moved.entry(end.lease.service.clone()).or_default().1 += 1;
            }
            Delivery::Durable => {
                if let Some(last) = end.last() {
                    outbox.ended(end.lease.cid, last).await;
                }
            }
            Delivery::Fast => {}
        }
    }
    link.memory.did(&life, tick, moved);
    Ok(answers)
}

fn fill(script: &mut redis::ScriptInvocation<'_>, link: &Link, ends: &[Settlement]) {
    script
        .arg(unix_ms())
        .arg(millis(link.config.limits.result_retention));
    for end in ends {
        script
            .arg(end.what)
            .arg(name_of(&end.lease.service, end.lease.delivery))
            .arg(&*end.lease.entry)
            .arg(end.lease.cid.text().as_str())
            .arg(end.lease.key.as_deref().unwrap_or_default())
            .arg(end.lease.accepted_ms)
            .arg(end.lease.attempt)
            .arg(end.at_ms)
            .arg(end.rest.as_slice())
            .arg(&end.version);
    }
}

/// A cid of a reply.
pub(super) fn read_cid(text: &str) -> Result<Cid> {
    text.parse().map_err(|_| strange(text))
}
