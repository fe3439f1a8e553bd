//! The way from an entry to what it is called elsewhere.

use futures::FutureExt;
use serde::Serialize;

use super::{Dictionaries, Entry, Item, Window, check, find, last, room, take};
use crate::error::{OdbError, Result};
use crate::odb::{one, take_ticket};
use crate::store::Tx;
use crate::value::{Row, values};

/// What is translated, and into what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// The entry that is translated.
    pub from: Item,
    /// The entry it is translated to.
    pub to: Item,
}

/// A translation as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Translation {
    /// Never used again; what Zato's clients call `id`.
    pub number: i64,
    /// System of the entry that is translated.
    pub system1: String,
    /// Its key.
    pub key1: String,
    /// Its value.
    pub value1: String,
    /// System of the entry it is translated to.
    pub system2: String,
    /// Its key.
    pub key2: String,
    /// Its value.
    pub value2: String,
    /// Number of the entry that is translated.
    pub entry1: i64,
    /// Number of the entry it is translated to.
    pub entry2: i64,
}

/// Translations of one page, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TranslationPage {
    /// How many there are in all.
    pub total: i64,
    /// The newest number that was given to a translation; 0 before the first.
    pub last: i64,
    /// Those of the page.
    pub translations: Vec<Translation>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT t.number, a.system, a.key, a.value, b.system, b.key, b.value, a.number, b.number ",
            "FROM dictionary_translation t JOIN dictionary_entry a ON a.number = t.entry1 ",
            "JOIN dictionary_entry b ON b.number = t.entry2 ",
            $rest
        )
    };
}

pub(super) const ALL: &str = select!("ORDER BY t.number");
const PAGE: &str =
    select!("ORDER BY a.system, a.key, a.value, t.system2, t.key2 LIMIT $1 OFFSET $2");
const COUNT: &str = "SELECT COUNT(*) FROM dictionary_translation";
const TRANSLATE: &str = "SELECT b.value FROM dictionary_entry a \
    JOIN dictionary_translation t ON t.entry1 = a.number AND t.system2 = $4 AND t.key2 = $5 \
    JOIN dictionary_entry b ON b.number = t.entry2 \
    WHERE a.system = $1 AND a.key = $2 AND a.value = $3";
const INSERT: &str = "INSERT INTO dictionary_translation (number, entry1, system2, key2, entry2) \
    VALUES ($5, $1, $2, $3, $4)";
const UPDATE: &str = "UPDATE dictionary_translation \
    SET entry2 = $5, key2 = $4, system2 = $3, entry1 = $2 WHERE number = $1 RETURNING number";
const DELETE: &str = "DELETE FROM dictionary_translation WHERE number = $1 RETURNING number";
const HOLDER: &str = "SELECT number FROM dictionary_translation \
    WHERE entry1 = $1 AND system2 = $2 AND key2 = $3";
const FORGET: &str =
    "DELETE FROM dictionary_translation WHERE entry1 = $1 OR entry2 = $1 RETURNING number";
/// A translation that would be in the way if those into an entry went to another key.
const IN_THE_WAY: &str = "SELECT b.number FROM dictionary_translation a \
    JOIN dictionary_translation b ON b.entry1 = a.entry1 AND b.number <> a.number \
    WHERE a.entry2 = $1 AND b.system2 = $2 AND b.key2 = $3 LIMIT 1";
const FOLLOW: &str = "UPDATE dictionary_translation SET key2 = $3, system2 = $2 WHERE entry2 = $1";

impl Dictionaries<'_> {
    /// Adds a translation.
    ///
    /// # Errors
    /// `Invalid` for a wrong path, an entry that is not there, or when there are [`super::ROWS_MAX`]; `Conflict` when the entry
    /// has a translation into that key of that system.
    pub async fn link(&self, path: Path) -> Result<Translation> {
        path.check()?;
        self.0.write(move |tx| link(tx, path).boxed()).await
    }

    /// Changes a translation.
    ///
    /// # Errors
    /// As [`Dictionaries::link`]; `NotFound`.
    pub async fn relink(&self, number: i64, path: Path) -> Result<Translation> {
        path.check()?;
        self.0
            .write(move |tx| relink(tx, number, path).boxed())
            .await
    }

    /// Deletes a translation.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn unlink(&self, number: i64) -> Result<()> {
        self.0
            .write(move |tx| {
                async move {
                    take_ticket(tx, 0).await?;
                    let gone = tx.query(DELETE, values![number]).await?;
                    one(gone, &named(number)).map(drop)
                }
                .boxed()
            })
            .await
    }

    /// A page of translations.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn translations(&self, window: Window) -> Result<TranslationPage> {
        self.0
            .read(move |tx| {
                async move {
                    let page = values![window.limit(), window.offset];
                    Ok(TranslationPage {
                        total: one(tx.query(COUNT, Vec::new()).await?, "count")?.int()?,
                        last: last(tx).await?.1,
                        translations: translations_of(tx.query(PAGE, page).await?)?,
                    })
                }
                .boxed()
            })
            .await
    }

    /// What an item is called in a key of another system; `None` when nobody said.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn translate(&self, from: &Item, system: &str, key: &str) -> Result<Option<String>> {
        let query = values![
            from.system.as_str(),
            from.key.as_str(),
            from.value.as_str(),
            system,
            key
        ];
        let row = self.0.query(TRANSLATE, query).await?.pop();
        row.map(|mut row| row.text()).transpose()
    }
}

impl Path {
    fn check(&self) -> Result<()> {
        check(&self.from, "1")?;
        check(&self.to, "2")
    }
}

fn named(number: i64) -> String {
    format!("dictionary translation {number}")
}

async fn link(tx: &mut dyn Tx, path: Path) -> Result<Translation> {
    take_ticket(tx, 0).await?;
    let (entry1, entry2) = ends(tx, &path).await?;
    free(tx, &path, entry1, None).await?;
    room(tx, COUNT, "translations").await?;
    let (_, number) = take(tx, 0, 1).await?;
    let (system2, key2) = (path.to.system.as_str(), path.to.key.as_str());
    tx.query(INSERT, values![entry1, system2, key2, entry2, number])
        .await?;
    Ok(Translation::of(number, path, (entry1, entry2)))
}

async fn relink(tx: &mut dyn Tx, number: i64, path: Path) -> Result<Translation> {
    take_ticket(tx, 0).await?;
    let (entry1, entry2) = ends(tx, &path).await?;
    free(tx, &path, entry1, Some(number)).await?;
    let (system2, key2) = (path.to.system.as_str(), path.to.key.as_str());
    let changed = tx
        .query(UPDATE, values![number, entry1, system2, key2, entry2])
        .await?;
    one(changed, &named(number))?;
    Ok(Translation::of(number, path, (entry1, entry2)))
}

/// Numbers of the two entries.
async fn ends(tx: &mut dyn Tx, path: &Path) -> Result<(i64, i64)> {
    let missing = |which: u8, item: &Item| {
        OdbError::Invalid(format!(
            "system{which}, key{which}, value{which}: there is no entry {}; create it first",
            item.named()
        ))
    };
    let from = find(tx, &path.from).await?;
    let to = find(tx, &path.to).await?;
    Ok((
        from.ok_or_else(|| missing(1, &path.from))?,
        to.ok_or_else(|| missing(2, &path.to))?,
    ))
}

/// Refuses a second translation into one key.
async fn free(tx: &mut dyn Tx, path: &Path, entry1: i64, own: Option<i64>) -> Result<()> {
    let (system2, key2) = (path.to.system.as_str(), path.to.key.as_str());
    let holder = tx
        .query(HOLDER, values![entry1, system2, key2])
        .await?
        .pop();
    let holder = holder.map(|mut row| row.int()).transpose()?;
    match holder.filter(|holder| Some(*holder) != own) {
        None => Ok(()),
        Some(holder) => Err(OdbError::Conflict(format!(
            "{} has a translation into {system2}.{key2} already, number {holder}",
            path.from.named()
        ))),
    }
}

/// Deletes what uses an entry; answers how many those were.
pub(super) async fn forget(tx: &mut dyn Tx, entry: i64) -> Result<usize> {
    Ok(tx.query(FORGET, values![entry]).await?.len())
}

/// Lets translations into an entry follow it to another key.
pub(super) async fn follow(tx: &mut dyn Tx, entry: &Entry) -> Result<()> {
    let (system, key) = (entry.system.as_str(), entry.key.as_str());
    let query = || values![entry.number, system, key];
    if let Some(mut row) = tx.query(IN_THE_WAY, query()).await?.pop() {
        return Err(OdbError::Conflict(format!(
            "what is translated to entry {} has a translation into {system}.{key} already, number {}",
            entry.number,
            row.int()?
        )));
    }
    tx.query(FOLLOW, query()).await.map(drop)
}

impl Translation {
    fn of(number: i64, path: Path, (entry1, entry2): (i64, i64)) -> Self {
        let Path { from, to } = path;
        Self {
            number,
            system1: from.system,
            key1: from.key,
            value1: from.value,
            system2: to.system,
            key2: to.key,
            value2: to.value,
            entry1,
            entry2,
        }
    }
}

pub(super) fn translations_of(rows: Vec<Row>) -> Result<Vec<Translation>> {
    let translation = |mut row: Row| {
        Ok(Translation {
            number: row.int()?,
            system1: row.text()?,
            key1: row.text()?,
            value1: row.text()?,
            system2: row.text()?,
            key2: row.text()?,
            value2: row.text()?,
            entry1: row.int()?,
            entry2: row.int()?,
        })
    };
    rows.into_iter().map(translation).collect()
}
