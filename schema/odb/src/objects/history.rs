//! What was done to objects, by whom.

use busker_kit::clock::unix_ms;
use busker_model::{Object, ObjectKey};
use serde::Serialize;
use serde_json::{Value, json};

use crate::error::{OdbError, Result};
use crate::objects::{KEPT_PER_OBJECT, KEPT_REVISIONS, Objects, secrets};
use crate::store::{Tx, bulk};
use crate::value::{Row, SqlValue, values};

/// One write of one object.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HistoryEntry {
    /// Number of the object.
    pub number: i64,
    /// Revision of the write.
    pub revision: i64,
    /// When, epoch milliseconds.
    pub at_ms: i64,
    /// Principal.
    pub who: String,
    /// `create`, `edit`, `delete`, `cascade` or `follow` (a name it refers to was changed).
    pub action: String,
    /// The object before, secrets as hashes; null for a create.
    pub before: Value,
    /// The object after, secrets as hashes; null for a delete.
    pub after: Value,
}

/// What one write did to one object.
pub(super) struct Entry<'o> {
    pub(super) number: i64,
    pub(super) action: &'static str,
    pub(super) before: Option<&'o Object>,
    pub(super) after: Option<&'o Object>,
}

impl<'o> Entry<'o> {
    pub(super) const fn create(after: &'o Object) -> Self {
        Self {
            number: after.number,
            action: "create",
            before: None,
            after: Some(after),
        }
    }

    pub(super) const fn edit(before: &'o Object, after: &'o Object) -> Self {
        Self {
            number: after.number,
            action: "edit",
            before: Some(before),
            after: Some(after),
        }
    }

    pub(super) const fn delete(before: &'o Object) -> Self {
        Self {
            number: before.number,
            action: "delete",
            before: Some(before),
            after: None,
        }
    }
}

const HEAD: &str = "object_history (number, revision, at_ms, who, action, before_json, after_json)";
const LIST: &str = "SELECT number, revision, at_ms, who, action, before_json, after_json \
    FROM object_history WHERE number = $2 ORDER BY revision DESC LIMIT $1";
const LATEST: &str = "SELECT number, revision, at_ms, who, action, before_json, after_json \
    FROM object_history ORDER BY revision DESC, number DESC LIMIT $1";
const PRUNE_OBJECT: &str = "DELETE FROM object_history WHERE number = $1 AND revision <= \
    (SELECT revision FROM object_history WHERE number = $1 ORDER BY revision DESC LIMIT 1 OFFSET $2)";
const PRUNE_OLD: &str = "DELETE FROM object_history WHERE revision <= $1";
const PRUNE_TOMBSTONES: &str = "DELETE FROM object_tombstone WHERE revision <= $1";
/// Old history is looked for once in so many revisions.
const PRUNE_EVERY: i64 = 64;

impl Objects<'_> {
    /// The last writes of one object, newest first; it may be deleted since.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn history(&self, number: i64, limit: i64) -> Result<Vec<HistoryEntry>> {
        let rows = self
            .odb
            .query(LIST, values![limit.clamp(0, KEPT_PER_OBJECT), number])
            .await?;
        rows.into_iter().map(entry_of).collect()
    }

    /// The last writes of all objects, newest first.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn latest_history(&self, limit: i64) -> Result<Vec<HistoryEntry>> {
        let rows = self
            .odb
            .query(LATEST, values![limit.clamp(0, super::PAGE_MAX)])
            .await?;
        rows.into_iter().map(entry_of).collect()
    }
}

/// Adds the entries of one write, and drops what is older than kept.
pub(super) async fn record(
    tx: &mut dyn Tx,
    revision: i64,
    who: &str,
    entries: &[Entry<'_>],
) -> Result<()> {
    let at_ms = unix_ms();
    let rows = entries
        .iter()
        .map(|entry| {
            [
                entry.number.into(),
                revision.into(),
                at_ms.into(),
                who.into(),
                entry.action.into(),
                entry.before.map(shown).into(),
                entry.after.map(shown).into(),
            ]
        })
        .collect::<Vec<[SqlValue; 7]>>();
    bulk::insert(tx, HEAD, "", rows).await?;
    // One statement for each object: a batch of many is rare, and a node runs on meanwhile.
    for entry in entries.iter().filter(|entry| entry.before.is_some()) {
        tx.query(PRUNE_OBJECT, values![entry.number, KEPT_PER_OBJECT])
            .await?;
    }
    if revision % PRUNE_EVERY == 0 {
        tx.query(PRUNE_OLD, values![revision - KEPT_REVISIONS])
            .await?;
        tx.query(PRUNE_TOMBSTONES, values![revision - KEPT_REVISIONS])
            .await?;
    }
    Ok(())
}

fn shown(object: &Object) -> String {
    let ObjectKey {
        family,
        group,
        name,
    } = &object.key;
    json!({
        "family": family,
        "group": group,
        "name": name,
        "kind": object.kind,
        "active": object.active,
        "settings": secrets::hashed(&object.settings),
        "revision": object.revision,
    })
    .to_string()
}

pub(super) fn entry_of(mut row: Row) -> Result<HistoryEntry> {
    Ok(HistoryEntry {
        number: row.int()?,
        revision: row.int()?,
        at_ms: row.int()?,
        who: row.text()?,
        action: row.text()?,
        before: parsed(row.opt_text()?)?,
        after: parsed(row.opt_text()?)?,
    })
}

pub(super) fn parsed(text: Option<String>) -> Result<Value> {
    text.map_or(Ok(Value::Null), |text| {
        serde_json::from_str(&text).map_err(OdbError::corrupt)
    })
}
