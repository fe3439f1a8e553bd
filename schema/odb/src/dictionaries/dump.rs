//! All dictionaries at once: out, and in again.

use std::collections::{HashMap, HashSet};

use futures::FutureExt;

use super::translations::{ALL, translations_of};
use super::{Dictionaries, Entry, Item, Path, ROWS_MAX, Translation, check, entries_of, last};
use crate::error::{OdbError, Result};
use crate::odb::take_ticket;
use crate::store::{Tx, bulk};
use crate::value::{SqlValue, values};

/// Everything that dictionaries hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dump {
    /// The newest number that was given to an entry.
    pub last_entry: i64,
    /// The newest number that was given to a translation.
    pub last_translation: i64,
    /// Entries, by number.
    pub entries: Vec<Entry>,
    /// Translations, by number.
    pub translations: Vec<DumpedTranslation>,
}

/// A translation by its number and the items it connects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DumpedTranslation {
    /// Number.
    pub number: i64,
    /// What it connects.
    pub path: Path,
}

const ENTRIES: &str = "SELECT number, system, key, value FROM dictionary_entry ORDER BY number";
const CLEAR: [&str; 2] = [
    "DELETE FROM dictionary_translation",
    "DELETE FROM dictionary_entry",
];
const RAISE: &str = "UPDATE dictionary_last SET \
    entry = CASE WHEN entry > $1 THEN entry ELSE $1 END, \
    translation = CASE WHEN translation > $2 THEN translation ELSE $2 END";

impl Dictionaries<'_> {
    /// All there is, as of one moment.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn export(&self) -> Result<Dump> {
        self.0
            .read(|tx| {
                async move {
                    let (last_entry, last_translation) = last(tx).await?;
                    let found = translations_of(tx.query(ALL, Vec::new()).await?)?;
                    Ok(Dump {
                        last_entry,
                        last_translation,
                        entries: entries_of(tx.query(ENTRIES, Vec::new()).await?)?,
                        translations: found.into_iter().map(DumpedTranslation::of).collect(),
                    })
                }
                .boxed()
            })
            .await
    }

    /// Puts this in the place of all there is, with the numbers it has. Numbers that were given before are not given again.
    ///
    /// # Errors
    /// `Invalid` when it does not hold together; it says where, and nothing has changed then.
    pub async fn import(&self, dump: Dump) -> Result<()> {
        let rows = Rows::of(dump)?;
        self.0.write(move |tx| import(tx, rows).boxed()).await
    }
}

impl DumpedTranslation {
    fn of(kept: Translation) -> Self {
        Self {
            number: kept.number,
            path: Path {
                from: Item::new(&kept.system1, &kept.key1, &kept.value1),
                to: Item::new(&kept.system2, &kept.key2, &kept.value2),
            },
        }
    }
}

/// What is written of a dump that holds together.
struct Rows {
    last: (i64, i64),
    entries: Vec<[SqlValue; 4]>,
    translations: Vec<[SqlValue; 5]>,
}

impl Rows {
    fn of(dump: Dump) -> Result<Self> {
        let most = usize::try_from(ROWS_MAX).unwrap_or(usize::MAX);
        if dump.entries.len() > most || dump.translations.len() > most {
            let message = format!("data: more than {ROWS_MAX} entries or translations");
            return Err(OdbError::Invalid(message));
        }
        let mut last = (dump.last_entry.max(0), dump.last_translation.max(0));
        let mut numbers: HashMap<Item, i64> = HashMap::with_capacity(dump.entries.len());
        let mut taken = HashSet::with_capacity(dump.entries.len());
        let mut entries = Vec::with_capacity(dump.entries.len());
        for entry in dump.entries {
            let item = Item::new(&entry.system, &entry.key, &entry.value);
            let wrong = |what: &str| wrong(&format!("entry {}", entry.number), what);
            check(&item, "").map_err(|error| wrong(&error.to_string()))?;
            if entry.number < 1 || !taken.insert(entry.number) {
                return Err(wrong("has a number that is below 1 or is there twice"));
            }
            if numbers.insert(item, entry.number).is_some() {
                return Err(wrong("is there twice, under another number"));
            }
            last.0 = last.0.max(entry.number);
            entries.push([
                entry.number.into(),
                entry.system.into(),
                entry.key.into(),
                entry.value.into(),
            ]);
        }
        let mut rows = Self {
            last,
            entries,
            translations: Vec::with_capacity(dump.translations.len()),
        };
        rows.connect(dump.translations, &numbers)?;
        Ok(rows)
    }

    fn connect(
        &mut self,
        translations: Vec<DumpedTranslation>,
        numbers: &HashMap<Item, i64>,
    ) -> Result<()> {
        let (mut taken, mut ways) = (HashSet::new(), HashSet::new());
        for DumpedTranslation { number, path } in translations {
            let wrong = |what: &str| wrong(&format!("translation {number}"), what);
            if number < 1 || !taken.insert(number) {
                return Err(wrong("has a number that is below 1 or is there twice"));
            }
            let end = |item: &Item| {
                let missing = || wrong(&format!("needs the entry {}", item.named()));
                numbers.get(item).copied().ok_or_else(missing)
            };
            let (entry1, entry2) = (end(&path.from)?, end(&path.to)?);
            let Item { system, key, .. } = path.to;
            if !ways.insert((entry1, system.clone(), key.clone())) {
                return Err(wrong("goes where another translation of its entry goes"));
            }
            self.last.1 = self.last.1.max(number);
            self.translations.push([
                number.into(),
                entry1.into(),
                system.into(),
                key.into(),
                entry2.into(),
            ]);
        }
        Ok(())
    }
}

fn wrong(which: &str, what: &str) -> OdbError {
    OdbError::Invalid(format!("data: {which} {what}"))
}

async fn import(tx: &mut dyn Tx, rows: Rows) -> Result<()> {
    take_ticket(tx, 0).await?;
    for statement in CLEAR {
        tx.query(statement, Vec::new()).await?;
    }
    let entries = "dictionary_entry (number, system, key, value)";
    bulk::insert(tx, entries, "", rows.entries).await?;
    let translations = "dictionary_translation (number, entry1, system2, key2, entry2)";
    bulk::insert(tx, translations, "", rows.translations).await?;
    tx.query(RAISE, values![rows.last.0, rows.last.1])
        .await
        .map(drop)
}
