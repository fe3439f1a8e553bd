//! A look through the outbox: rows that Redis does not know are put into it, rows that have ended there go.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use busker_kit::clock::unix_ms;
use busker_model::bus::Envelope;
use busker_model::{Cid, Delivery};
use busker_odb::outbox::{DeadNote, OutboxEnd, OutboxItem, OutboxMark};
use bytes::Bytes;

use super::Outbox;
use crate::error::{BusError, Result};
use crate::limits::RELAY_EVERY;
use crate::redis::letters;
use crate::redis::link::Link;
use crate::redis::traffic::{self, Item, Room, name_of};

/// Rows younger than this, in milliseconds, are still on their own way.
const OWN_WAY_MS: i64 = 1_000;
/// Most bytes of envelopes that are put in at once.
const BYTES: u64 = 8 * 1024 * 1024;
/// Time a node has the look to itself, in milliseconds, so that not all do it at once; renewed with each page.
const LOOK_MS: &str = "5000";

/// Rows of a page, by what has to be done.
#[derive(Debug, Default)]
struct Work {
    missing: Vec<OutboxMark>,
    graves: Vec<Cid>,
    ends: Vec<(Cid, OutboxEnd)>,
    dead: Vec<Cid>,
    alive: Vec<Cid>,
}

impl Outbox {
    /// Looks through the outbox if something may be missing, or if the last look was long ago; answers how many rows it
    /// put right.
    pub(in crate::redis) async fn relay(&self) -> Result<u32> {
        let (memory, now) = (&self.shared.link.memory, unix_ms());
        let due =
            now - self.looked_ms.load(Ordering::Relaxed) >= crate::limits::millis(RELAY_EVERY);
        let behind = memory.take_behind();
        if !behind && !due {
            return Ok(0);
        }
        let looked = self.look().await;
        match &looked {
            Ok(Some(_)) => {
                self.looked_ms.store(now, Ordering::Relaxed);
                if memory.is_unsure(unix_ms()) {
                    memory.look_again();
                }
            }
            Ok(None) if !behind => self.looked_ms.store(now, Ordering::Relaxed),
            // Somebody else looks; so do we, after.
            Ok(None) | Err(_) => memory.look_again(),
        }
        looked.map(Option::unwrap_or_default)
    }

    /// `None` when another node is at it.
    async fn look(&self) -> Result<Option<u32>> {
        let link = &self.shared.link;
        let me = link.config.consumer.as_str();
        let mine: Option<String> = link
            .command("SET", "relay", &[me, "NX", "PX", LOOK_MS])
            .await?;
        if mine.is_none() {
            return Ok(None);
        }
        let looked = self.look_through().await;
        link.command::<i64>("DEL", "relay", &[]).await?;
        looked.map(Some)
    }

    async fn look_through(&self) -> Result<u32> {
        let link = &self.shared.link;
        let before = unix_ms().saturating_sub(OWN_WAY_MS).saturating_mul(1_000);
        let mut after: Option<OutboxMark> = None;
        let mut put_right = 0;
        loop {
            let page = self.odb().outbox().page(after.as_ref(), before).await?;
            let Some(last) = page.last() else {
                return Ok(put_right);
            };
            after = Some(last.clone());
            let work = sort(link, page).await?;
            put_right += self.work_off(work).await?;
            let me = link.config.consumer.as_str();
            link.command::<Option<String>>("SET", "relay", &[me, "PX", LOOK_MS])
                .await?;
        }
    }

    async fn work_off(&self, mut work: Work) -> Result<u32> {
        let link = &self.shared.link;
        for cid in work.dead {
            let letter = match letters::get(link, cid).await {
                Ok(letter) => letter,
                Err(BusError::NotDead(_)) => continue,
                Err(error) => return Err(error),
            };
            let note = DeadNote {
                died_ms: letter.died_ms,
                attempts: letter.attempts.into(),
                failure: serde_json::to_string(&letter.failure).map_err(BusError::corrupt)?,
                version: letter.version,
            };
            work.ends.push((cid, OutboxEnd::Dead(note)));
        }
        let count = work.missing.len() + work.graves.len() + work.ends.len() + work.alive.len();
        if !work.ends.is_empty() {
            let node = &link.config.node;
            self.odb().outbox().end(node, work.ends).await?;
        }
        for item in self.odb().outbox().items(work.alive).await? {
            self.odb().outbox().revive(item.cid, item.envelope).await?;
        }
        self.bury(work.graves).await?;
        let mut part = Vec::new();
        let mut bytes = 0;
        for mark in work.missing {
            bytes += mark.bytes;
            part.push(mark.cid);
            if bytes >= BYTES {
                self.publish(std::mem::take(&mut part)).await?;
                bytes = 0;
            }
        }
        self.publish(part).await?;
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    /// Puts invocations into the stream, in this order.
    async fn publish(&self, cids: Vec<Cid>) -> Result<()> {
        if cids.is_empty() {
            return Ok(());
        }
        let found = self.odb().outbox().items(cids.clone()).await?;
        let mut found: HashMap<Cid, OutboxItem> =
            found.into_iter().map(|item| (item.cid, item)).collect();
        let found = cids.iter().filter_map(|cid| found.remove(cid));
        let items: Vec<Item> = found
            .filter(|item| item.dead.is_none())
            .filter_map(readable)
            .collect();
        traffic::publish(&self.shared.link, &items, Room::Any)
            .await
            .map(drop)
    }

    /// Makes dead letters of rows that are some and that Redis does not know.
    async fn bury(&self, cids: Vec<Cid>) -> Result<()> {
        if cids.is_empty() {
            return Ok(());
        }
        let link = &self.shared.link;
        let mut letters = Vec::new();
        for item in self.odb().outbox().items(cids).await? {
            let Some(note) = item.dead.clone() else {
                continue;
            };
            letters.extend(readable(item).map(|item| (item, note)));
        }
        link.run(&link.scripts.rebury, |script| {
            for (Item { envelope, stored }, note) in &letters {
                script
                    .arg(envelope.cid.text().as_str())
                    .arg(name_of(&envelope.service, Delivery::Durable))
                    .arg(note.attempts)
                    .arg(envelope.head.accepted_ms)
                    .arg(note.died_ms)
                    .arg(&note.failure)
                    .arg(&note.version)
                    .arg(stored.as_slice());
            }
        })
        .await
    }
}

/// What cannot be read stays where it is, and is said: it must not stop the others.
fn readable(item: OutboxItem) -> Option<Item> {
    match Envelope::decode(&Bytes::from(item.envelope.clone())) {
        Ok(envelope) => Some(Item {
            envelope,
            stored: item.envelope,
        }),
        Err(error) => {
            tracing::error!(cid = %item.cid, "a durable invocation stays in the database: {error}");
            None
        }
    }
}

async fn sort(link: &Link, page: Vec<OutboxMark>) -> Result<Work> {
    let states: Vec<String> = link
        .run(&link.scripts.states, |script| {
            for mark in &page {
                script.arg(mark.cid.text().as_str());
            }
        })
        .await?;
    let mut work = Work::default();
    for (mark, state) in page.into_iter().zip(states) {
        match (state.as_str(), mark.dead) {
            ("", false) => work.missing.push(mark),
            ("", true) => work.graves.push(mark.cid),
            ("N", _) => work.ends.push((mark.cid, OutboxEnd::Done)),
            ("E", _) => work.ends.push((mark.cid, OutboxEnd::Expired)),
            ("C", _) => work.ends.push((mark.cid, OutboxEnd::Discarded)),
            ("X", false) => work.dead.push(mark.cid),
            ("X", true) | (_, false) => {}
            (_, true) => work.alive.push(mark.cid),
        }
    }
    Ok(work)
}
