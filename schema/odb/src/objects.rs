//! Objects: everything that is configured, with its references, its history and its deletions.
//!
//! Reading is here; `write` has create and edit, `delete` what it says, `batch` many of them at one revision, `references` who uses whom,
//! `secrets` what is sealed, `sealing` with which key, `history` what was done, `past` what was, `changes` what a node has to catch
//! up with.

mod batch;
mod changes;
mod delete;
mod history;
mod past;
mod references;
mod sealing;
mod secrets;
mod write;

use busker_model::object::Reference;
use busker_model::{Family, Object, ObjectKey, Secret};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::Value;

pub use self::batch::{Applied, Batch, ObjectChange};
pub use self::changes::{Change, Changes, Digest};
pub use self::history::HistoryEntry;
pub use self::past::{Difference, Differences, Revision};
pub use self::sealing::{RESEAL_OBJECTS, Resealed, Sealing};
pub use self::secrets::{SecretWrite, redacted};
use crate::error::{OdbError, Result};
use crate::odb::{Odb, one};
use crate::store::Tx;
use crate::value::{Row, SqlValue, values};

/// Users named by an `InUse` error; there may be more.
pub const USERS_SHOWN: usize = 50;
/// Objects one cascade may delete.
pub const CASCADE_MAX: usize = 10_000;
/// Objects of one [`Objects::create_many`].
pub const CREATE_MANY_MAX: usize = 200_000;
/// Longest name, in bytes.
pub const NAME_BYTES: usize = 255;
/// Longest settings of one object, in bytes of JSON.
pub const SETTINGS_BYTES: usize = 1024 * 1024;
/// Revisions after which a deletion and a history row are forgotten.
pub const KEPT_REVISIONS: i64 = 100_000;
/// History rows kept for one object.
pub const KEPT_PER_OBJECT: i64 = 50;
/// Longest page of a list.
pub const PAGE_MAX: i64 = 10_000;

/// What to write of an object.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectWrite {
    /// What names it. On an edit another name or group renames it.
    pub key: ObjectKey,
    /// Kind within the family.
    pub kind: String,
    /// Whether it takes part.
    pub active: bool,
    /// A JSON object, checked by its kind already, without secrets.
    pub settings: Value,
    /// Settings that are sealed, by field.
    pub secrets: Vec<(String, SecretWrite)>,
    /// Whom it refers to.
    pub references: Vec<Reference>,
    /// What else may be there once in the family, such as URL path and SOAP action of a channel.
    pub unique: Option<String>,
}

/// What to do with those who refer to something that is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnUse {
    /// Refuse with `InUse`.
    Refuse,
    /// Delete them too, and theirs.
    Cascade,
}

/// Which objects to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListFilter {
    /// Family.
    pub family: Family,
    /// Kind; `None` means all.
    pub kind: Option<String>,
    /// Text the name contains, in any case; empty means all.
    pub name_contains: String,
    /// Rows to return, at most [`PAGE_MAX`].
    pub limit: i64,
    /// Rows to skip.
    pub offset: i64,
}

impl ListFilter {
    /// Everything of a family, one longest page.
    #[must_use]
    pub const fn all(family: Family) -> Self {
        Self {
            family,
            kind: None,
            name_contains: String::new(),
            limit: PAGE_MAX,
            offset: 0,
        }
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The rows, by name.
    pub objects: Vec<Object>,
    /// How many there are in all pages.
    pub total: i64,
}

/// All objects as of one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Revision of the cluster.
    pub revision: i64,
    /// Each object, and what else of it may be there once in its family.
    pub objects: Vec<(Object, Option<String>)>,
}

/// Operations on objects.
#[derive(Debug, Clone, Copy)]
pub struct Objects<'a> {
    odb: &'a Odb,
    /// Whether writes are rolled back at their end.
    dry: bool,
}

const GET: &str = "SELECT family, kind_group, name, kind, number, active, settings, revision \
    FROM object WHERE family = $1 AND name = $3 AND kind_group = $2";
const GET_NUMBER: &str = "SELECT family, kind_group, name, kind, number, active, settings, revision \
    FROM object WHERE family = $1 AND number = $2";
const LIST: &str = "SELECT family, kind_group, name, kind, number, active, settings, revision \
    FROM object WHERE family = $1 AND ($2 = '' OR kind = $2) AND lower(name) LIKE $3 ESCAPE '\\' \
    ORDER BY name, kind_group LIMIT $5 OFFSET $4";
const SNAPSHOT: &str = "SELECT unique_key, family, kind_group, name, kind, number, active, settings, \
    revision FROM object ORDER BY number";
const REVISION: &str = "SELECT revision FROM cluster";
const COUNT: &str = "SELECT COUNT(*) \
    FROM object WHERE family = $1 AND ($2 = '' OR kind = $2) AND lower(name) LIKE $3 ESCAPE '\\'";

impl<'a> Objects<'a> {
    pub(crate) const fn new(odb: &'a Odb) -> Self {
        Self { odb, dry: false }
    }

    /// The same operations, but each write checks all that there is to check, answers what would be, and changes nothing.
    /// Revision and number in such an answer are those the write would have had.
    #[must_use]
    pub const fn dry_run(self) -> Self {
        Self { dry: true, ..self }
    }

    /// A transaction that writes objects.
    async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut dyn Tx) -> BoxFuture<'t, Result<T>> + Send + 'static,
    {
        let dry = self.dry;
        self.odb
            .write(move |tx| {
                if dry {
                    tx.discard();
                }
                work(tx)
            })
            .await
    }

    /// Everything that is configured, as of one moment.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn snapshot(&self) -> Result<Snapshot> {
        self.odb
            .read(move |tx| {
                async move {
                    let revision = one(tx.query(REVISION, Vec::new()).await?, "cluster")?.int()?;
                    let rows = tx.query(SNAPSHOT, Vec::new()).await?;
                    let objects: Result<Vec<_>> = rows
                        .into_iter()
                        .map(|mut row| {
                            let unique = row.opt_text()?;
                            Ok((object_of(row)?, unique))
                        })
                        .collect();
                    Ok(Snapshot {
                        revision,
                        objects: objects?,
                    })
                }
                .boxed()
            })
            .await
    }

    /// The object of that key.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn get(&self, key: &ObjectKey) -> Result<Object> {
        let rows = self.odb.query(GET, by_key(key)).await?;
        object_of(one(rows, &key.to_string())?)
    }

    /// The object of that number, which a rename does not change.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn get_number(&self, family: Family, number: i64) -> Result<Object> {
        let rows = self
            .odb
            .query(GET_NUMBER, values![family.as_str(), number])
            .await?;
        object_of(one(rows, &format!("{family} with id {number}"))?)
    }

    /// One page, ordered by name as the database orders text.
    ///
    /// # Errors
    /// `Invalid` when the page is out of bounds.
    pub async fn list(&self, filter: &ListFilter) -> Result<Page> {
        if !(0..=PAGE_MAX).contains(&filter.limit) || filter.offset < 0 {
            return Err(OdbError::Invalid(format!(
                "limit is 0 to {PAGE_MAX}, offset is not negative"
            )));
        }
        let kind = filter.kind.clone().unwrap_or_default();
        let pattern = contains_pattern(&filter.name_contains);
        let counted = values![filter.family.as_str(), kind, pattern];
        let mut listed = counted.clone();
        listed.extend(values![filter.offset, filter.limit]);
        self.odb
            .read(move |tx| {
                async move {
                    let total = one(tx.query(COUNT, counted).await?, "count")?.int()?;
                    let rows = tx.query(LIST, listed).await?;
                    let objects: Result<Vec<Object>> = rows.into_iter().map(object_of).collect();
                    Ok(Page {
                        objects: objects?,
                        total,
                    })
                }
                .boxed()
            })
            .await
    }

    /// The secret in that field of an object; `None` when it has none.
    ///
    /// # Errors
    /// `Vault` when there is no vault, or it cannot open it.
    pub fn reveal(&self, object: &Object, field: &str) -> Result<Option<Secret>> {
        let Some(sealed) = object.settings.get(field).and_then(Value::as_str) else {
            return Ok(None);
        };
        let vault = self
            .odb
            .vault()
            .ok_or(OdbError::Vault("there is no vault"))?;
        vault
            .open_sealed(&secrets::place(object.number, field), sealed)
            .map(Some)
    }
}

async fn find(tx: &mut dyn Tx, key: &ObjectKey) -> Result<Object> {
    let rows = tx.query(GET, by_key(key)).await?;
    object_of(one(rows, &key.to_string())?)
}

fn by_key(key: &ObjectKey) -> Vec<SqlValue> {
    values![key.family.as_str(), key.group.as_str(), key.name.as_str()]
}

/// Reads the three columns `family, kind_group, name`.
fn key_of(row: &mut Row) -> Result<ObjectKey> {
    Ok(ObjectKey {
        family: row
            .text()?
            .parse()
            .map_err(|error: String| OdbError::corrupt(error))?,
        group: row.text()?,
        name: row.text()?,
    })
}

/// Reads the columns `family, kind_group, name, kind, number, active, settings, revision`.
fn object_of(mut row: Row) -> Result<Object> {
    Ok(Object {
        key: key_of(&mut row)?,
        kind: row.text()?,
        number: row.int()?,
        active: row.bool()?,
        settings: serde_json::from_str(&row.text()?).map_err(OdbError::corrupt)?,
        revision: row.int()?,
    })
}

/// A LIKE pattern for "contains this text", with `\` as the escape.
fn contains_pattern(text: &str) -> String {
    let mut pattern = String::from("%");
    for letter in text.to_lowercase().chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}
