//! Key/value data dictionaries: entries, and what one of them is called elsewhere.
//!
//! Every write takes the cluster's revision: writers take turns by it, and it tells all nodes that what they remember of
//! translations is out of date. Entries are here; `translations` has the way from one to another, `dump` all of it at
//! once.

mod dump;
mod translations;

use futures::FutureExt;
use serde::Serialize;

pub use self::dump::{Dump, DumpedTranslation};
pub use self::translations::{Path, Translation, TranslationPage};
use crate::error::{OdbError, Result};
use crate::odb::{Odb, one, take_ticket};
use crate::store::Tx;
use crate::value::{Row, values};

/// Most entries, and most translations: what is exported can be imported.
pub const ROWS_MAX: i64 = 100_000;
/// Longest system and key, in bytes.
pub const WORD_BYTES: usize = 200;
/// Longest value, in bytes: system, key and value fit one page of an index.
pub const VALUE_BYTES: usize = 1024;
/// Longest page of a list.
pub const DICTIONARY_PAGE: i64 = 10_000;

/// A value that a key has in a system.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Item {
    /// System, such as `crm`: letters, digits and underscores.
    pub system: String,
    /// Key, such as `currency`: letters, digits and underscores.
    pub key: String,
    /// Value: any text.
    pub value: String,
}

/// An item as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// Never used again; what Zato's clients call `id`.
    pub number: i64,
    /// System.
    pub system: String,
    /// Key.
    pub key: String,
    /// Value.
    pub value: String,
}

/// Entries of one page, in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryPage {
    /// How many there are in all.
    pub total: i64,
    /// The newest number that was given to an entry; 0 before the first.
    pub last: i64,
    /// Those of the page.
    pub entries: Vec<Entry>,
}

/// Which rows to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// How many to skip.
    pub offset: i64,
    /// How many at most; [`DICTIONARY_PAGE`] is the limit.
    pub limit: i64,
}

const LAST: &str = "SELECT entry, translation FROM dictionary_last";
const TAKE: &str = "UPDATE dictionary_last SET entry = entry + $1, translation = translation + $2 \
    RETURNING entry, translation";
const COUNT: &str = "SELECT COUNT(*) FROM dictionary_entry";
const FIND: &str =
    "SELECT number FROM dictionary_entry WHERE system = $1 AND key = $2 AND value = $3";
const GET: &str = "SELECT number, system, key, value FROM dictionary_entry WHERE number = $1";
const INSERT: &str =
    "INSERT INTO dictionary_entry (number, system, key, value) VALUES ($4, $1, $2, $3)";
const UPDATE: &str =
    "UPDATE dictionary_entry SET value = $4, key = $3, system = $2 WHERE number = $1";
const DELETE: &str = "DELETE FROM dictionary_entry WHERE number = $1";
const PAGE: &str = "SELECT number, system, key, value FROM dictionary_entry \
    WHERE ($1 = '' OR system = $1) AND ($2 = '' OR key = $2) \
    ORDER BY system, key, value LIMIT $3 OFFSET $4";
const PAGE_COUNT: &str = "SELECT COUNT(*) FROM dictionary_entry \
    WHERE ($1 = '' OR system = $1) AND ($2 = '' OR key = $2)";
const SYSTEMS: &str = "SELECT DISTINCT system FROM dictionary_entry ORDER BY system LIMIT $1";
const KEYS: &str =
    "SELECT DISTINCT key FROM dictionary_entry WHERE system = $1 ORDER BY key LIMIT $2";
const VALUES: &str = "SELECT value FROM dictionary_entry WHERE system = $1 AND key = $2 \
    ORDER BY value LIMIT $3";

/// Operations on data dictionaries.
#[derive(Debug, Clone, Copy)]
pub struct Dictionaries<'a>(&'a Odb);

impl<'a> Dictionaries<'a> {
    pub(crate) const fn new(odb: &'a Odb) -> Self {
        Self(odb)
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// `Invalid` for a wrong item or when there are [`ROWS_MAX`]; `Conflict` when the item is there.
    pub async fn create(&self, item: Item) -> Result<Entry> {
        check(&item, "")?;
        self.0.write(move |tx| create(tx, item).boxed()).await
    }

    /// Changes an entry; translations that use it follow.
    ///
    /// # Errors
    /// `Invalid` for a wrong item; `NotFound`; `Conflict` when the item is there, or when something would have two
    /// translations into one key.
    pub async fn edit(&self, number: i64, item: Item) -> Result<Entry> {
        check(&item, "")?;
        self.0.write(move |tx| edit(tx, number, item).boxed()).await
    }

    /// Deletes an entry and the translations that use it; answers how many those were.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn delete(&self, number: i64) -> Result<usize> {
        self.0
            .write(move |tx| {
                async move {
                    take_ticket(tx, 0).await?;
                    get(tx, number).await?;
                    let gone = translations::forget(tx, number).await?;
                    tx.query(DELETE, values![number]).await?;
                    Ok(gone)
                }
                .boxed()
            })
            .await
    }

    /// Entries of a system and a key, or of all when those are empty.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn list(&self, system: &str, key: &str, window: Window) -> Result<EntryPage> {
        let (system, key) = (system.to_owned(), key.to_owned());
        self.0
            .read(move |tx| {
                async move {
                    let count = values![system.as_str(), key.as_str()];
                    let page = values![system, key, window.limit(), window.offset];
                    Ok(EntryPage {
                        total: one(tx.query(PAGE_COUNT, count).await?, "count")?.int()?,
                        last: last(tx).await?.0,
                        entries: entries_of(tx.query(PAGE, page).await?)?,
                    })
                }
                .boxed()
            })
            .await
    }

    /// Names of all systems.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn systems(&self) -> Result<Vec<String>> {
        texts(self.0.query(SYSTEMS, values![DICTIONARY_PAGE]).await?)
    }

    /// Keys of a system.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn keys(&self, system: &str) -> Result<Vec<String>> {
        let query = values![system, DICTIONARY_PAGE];
        texts(self.0.query(KEYS, query).await?)
    }

    /// Values of a key in a system.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn values(&self, system: &str, key: &str) -> Result<Vec<String>> {
        let query = values![system, key, DICTIONARY_PAGE];
        texts(self.0.query(VALUES, query).await?)
    }
}

impl Window {
    fn limit(self) -> i64 {
        self.limit.clamp(0, DICTIONARY_PAGE)
    }
}

impl Item {
    /// An item of these texts.
    #[must_use]
    pub fn new(system: &str, key: &str, value: &str) -> Self {
        Self {
            system: system.to_owned(),
            key: key.to_owned(),
            value: value.to_owned(),
        }
    }

    fn named(&self) -> String {
        format!("{}.{} {:?}", self.system, self.key, self.value)
    }
}

/// Whether an item can be kept; `which` ends the names of its fields.
fn check(item: &Item, which: &str) -> Result<()> {
    // Zato's rule for systems and keys: `\w+`.
    let fine = |letter: char| letter.is_alphanumeric() || letter == '_';
    for (field, word) in [("system", &item.system), ("key", &item.key)] {
        if word.is_empty() || word.len() > WORD_BYTES || !word.chars().all(fine) {
            return Err(OdbError::Invalid(format!(
                "{field}{which}: must be letters, digits and underscores, 1 to {WORD_BYTES} bytes"
            )));
        }
    }
    let length = item.value.len();
    if length == 0 || length > VALUE_BYTES || item.value.contains('\0') {
        return Err(OdbError::Invalid(format!(
            "value{which}: must be 1 to {VALUE_BYTES} bytes without a NUL character"
        )));
    }
    Ok(())
}

async fn create(tx: &mut dyn Tx, item: Item) -> Result<Entry> {
    take_ticket(tx, 0).await?;
    if find(tx, &item).await?.is_some() {
        return Err(taken(&item));
    }
    room(tx, COUNT, "entries").await?;
    let (number, _) = take(tx, 1, 0).await?;
    let entry = Entry::of(number, item);
    let row = values![
        entry.system.as_str(),
        entry.key.as_str(),
        entry.value.as_str(),
        number
    ];
    tx.query(INSERT, row).await?;
    Ok(entry)
}

async fn edit(tx: &mut dyn Tx, number: i64, item: Item) -> Result<Entry> {
    take_ticket(tx, 0).await?;
    let before = get(tx, number).await?;
    if find(tx, &item)
        .await?
        .is_some_and(|holder| holder != number)
    {
        return Err(taken(&item));
    }
    let after = Entry::of(number, item);
    if (&before.system, &before.key) != (&after.system, &after.key) {
        translations::follow(tx, &after).await?;
    }
    let row = values![
        number,
        after.system.as_str(),
        after.key.as_str(),
        after.value.as_str()
    ];
    tx.query(UPDATE, row).await?;
    Ok(after)
}

impl Entry {
    fn of(number: i64, item: Item) -> Self {
        Self {
            number,
            system: item.system,
            key: item.key,
            value: item.value,
        }
    }
}

fn taken(item: &Item) -> OdbError {
    OdbError::Conflict(format!("the entry {} exists already", item.named()))
}

/// The entry of a number.
async fn get(tx: &mut dyn Tx, number: i64) -> Result<Entry> {
    let rows = tx.query(GET, values![number]).await?;
    entry_of(one(rows, &format!("dictionary entry {number}"))?)
}

/// The number of an item.
async fn find(tx: &mut dyn Tx, item: &Item) -> Result<Option<i64>> {
    let query = values![item.system.as_str(), item.key.as_str(), item.value.as_str()];
    let row = tx.query(FIND, query).await?.pop();
    row.map(|mut row| row.int()).transpose()
}

/// Refuses one more row when there are as many as may be.
async fn room(tx: &mut dyn Tx, count: &'static str, what: &str) -> Result<()> {
    if one(tx.query(count, Vec::new()).await?, "count")?.int()? < ROWS_MAX {
        return Ok(());
    }
    let message = format!("there are {ROWS_MAX} {what} already: delete some first");
    Err(OdbError::Invalid(message))
}

/// Takes so many numbers of entries and of translations; answers the newest ones.
async fn take(tx: &mut dyn Tx, entries: i64, translations: i64) -> Result<(i64, i64)> {
    let rows = tx.query(TAKE, values![entries, translations]).await?;
    let mut row = one(rows, "dictionary_last")?;
    Ok((row.int()?, row.int()?))
}

/// The newest numbers that were given.
async fn last(tx: &mut dyn Tx) -> Result<(i64, i64)> {
    let mut row = one(tx.query(LAST, Vec::new()).await?, "dictionary_last")?;
    Ok((row.int()?, row.int()?))
}

fn entry_of(mut row: Row) -> Result<Entry> {
    Ok(Entry {
        number: row.int()?,
        system: row.text()?,
        key: row.text()?,
        value: row.text()?,
    })
}

fn entries_of(rows: Vec<Row>) -> Result<Vec<Entry>> {
    rows.into_iter().map(entry_of).collect()
}

fn texts(rows: Vec<Row>) -> Result<Vec<String>> {
    rows.into_iter().map(|mut row| row.text()).collect()
}
