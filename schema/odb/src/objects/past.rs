//! What was: revisions, and what differs between two of them, out of the history of objects.

use std::collections::BTreeMap;

use futures::FutureExt;
use serde::Serialize;
use serde_json::Value;

use crate::error::{OdbError, Result};
use crate::objects::history::{HistoryEntry, entry_of, parsed};
use crate::objects::{KEPT_REVISIONS, Objects, PAGE_MAX};
use crate::odb::one;
use crate::store::Tx;
use crate::value::values;

/// A revision that changed objects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Revision {
    /// Its number.
    pub revision: i64,
    /// When, epoch milliseconds.
    pub at_ms: i64,
    /// Principal.
    pub who: String,
    /// Objects that were created.
    pub created: i64,
    /// Objects that were edited, those that followed a rename among them.
    pub edited: i64,
    /// Objects that were deleted.
    pub deleted: i64,
}

/// An object that is not the same at two revisions.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Number of the object.
    pub number: i64,
    /// The object at the older revision as history has it, secrets as hashes; null when it was not there.
    pub before: Value,
    /// The object at the newer revision; null when it was not there.
    pub after: Value,
}

/// What differs between two revisions.
#[derive(Debug, Clone, PartialEq)]
pub struct Differences {
    /// The newer revision.
    pub to: i64,
    /// Objects that differ, by number.
    pub objects: Vec<Difference>,
}

const CURRENT: &str = "SELECT revision FROM cluster";
const LIST: &str = "SELECT revision, MIN(at_ms), MIN(who), \
    SUM(CASE WHEN action = 'create' THEN 1 ELSE 0 END), \
    SUM(CASE WHEN action IN ('edit', 'follow', 'reseal') THEN 1 ELSE 0 END), \
    SUM(CASE WHEN action IN ('delete', 'cascade') THEN 1 ELSE 0 END) \
    FROM object_history WHERE revision < $1 GROUP BY revision ORDER BY revision DESC LIMIT $2";
const AT: &str = "SELECT number, revision, at_ms, who, action, before_json, after_json \
    FROM object_history WHERE revision = $1 ORDER BY number";
/// The oldest kept write of each object since a revision.
const FIRST: &str = "SELECT number, revision, before_json FROM object_history first \
    WHERE revision > $1 AND revision = (SELECT MIN(revision) FROM object_history \
    WHERE number = first.number AND revision > $1)";
/// The newest write of each object between two revisions.
const LAST: &str = "SELECT number, after_json FROM object_history last \
    WHERE revision > $1 AND revision <= $2 AND revision = (SELECT MAX(revision) FROM object_history \
    WHERE number = last.number AND revision > $1 AND revision <= $2)";

impl Objects<'_> {
    /// Revisions that changed objects, newest first; only those before `before`, if it is given.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn revisions(&self, before: Option<i64>, limit: i64) -> Result<Vec<Revision>> {
        let query = values![before.unwrap_or(i64::MAX), limit.clamp(0, PAGE_MAX)];
        let mut found = Vec::new();
        for mut row in self.odb.query(LIST, query).await? {
            found.push(Revision {
                revision: row.int()?,
                at_ms: row.int()?,
                who: row.text()?,
                created: row.int()?,
                edited: row.int()?,
                deleted: row.int()?,
            });
        }
        Ok(found)
    }

    /// What one revision did to objects.
    ///
    /// # Errors
    /// `NotFound` when it changed none, or it is no longer known.
    pub async fn revision(&self, revision: i64) -> Result<Vec<HistoryEntry>> {
        let rows = self.odb.query(AT, values![revision]).await?;
        if rows.is_empty() {
            return Err(OdbError::NotFound(format!(
                "revision {revision} that changed objects"
            )));
        }
        rows.into_iter().map(entry_of).collect()
    }

    /// What differs between two revisions; `to` is the newest unless given, and not older than `from`. 0 is before all.
    ///
    /// # Errors
    /// `NotFound` for a revision that is not there yet; `Invalid` for one of which too little is kept to tell.
    pub async fn differences(&self, from: i64, to: Option<i64>) -> Result<Differences> {
        self.odb
            .read(move |tx| differences(tx, from, to).boxed())
            .await
    }
}

async fn differences(tx: &mut dyn Tx, from: i64, to: Option<i64>) -> Result<Differences> {
    let current = one(tx.query(CURRENT, Vec::new()).await?, "cluster")?.int()?;
    let to = to.unwrap_or(current);
    if to < from || from < 0 {
        return Err(OdbError::Invalid(format!(
            "from revision {from} to {to}: the first is the older one"
        )));
    }
    if to > current {
        return Err(OdbError::NotFound(format!(
            "revision {to} yet: the newest is {current}"
        )));
    }
    if from < current - KEPT_REVISIONS {
        return Err(OdbError::Invalid(format!(
            "revision {from}: history goes back to revision {} only",
            current - KEPT_REVISIONS
        )));
    }
    let mut before: BTreeMap<i64, Value> = BTreeMap::new();
    for mut row in tx.query(FIRST, values![from]).await? {
        let (number, revision) = (row.int()?, row.int()?);
        let object = parsed(row.opt_text()?)?;
        unless_forgotten(&object, from)?;
        if revision <= to {
            before.insert(number, object);
        }
    }
    let mut objects = Vec::with_capacity(before.len());
    for mut row in tx.query(LAST, values![from, to]).await? {
        let number = row.int()?;
        let after = parsed(row.opt_text()?)?;
        let before = before.remove(&number).unwrap_or_default();
        if !same(&before, &after) {
            objects.push(Difference {
                number,
                before,
                after,
            });
        }
    }
    objects.sort_by_key(|difference| difference.number);
    Ok(Differences { to, objects })
}

/// The write before the oldest that is kept must be one that `from` has seen; else those in between are forgotten.
fn unless_forgotten(before: &Value, from: i64) -> Result<()> {
    let Some(revision) = before["revision"].as_i64().filter(|seen| *seen > from) else {
        return Ok(());
    };
    let (family, group, name) = (&before["family"], &before["group"], &before["name"]);
    Err(OdbError::Invalid(format!(
        "revision {from}: of {}.{} {name} nothing older than revision {revision} is kept",
        family.as_str().unwrap_or_default(),
        group.as_str().unwrap_or_default(),
    )))
}

/// Whether an object is the same but for the revision of its last write.
fn same(before: &Value, after: &Value) -> bool {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            before.len() == after.len()
                && before
                    .iter()
                    .all(|(field, value)| field == "revision" || after.get(field) == Some(value))
        }
        (before, after) => before == after,
    }
}
