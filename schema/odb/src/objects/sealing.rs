//! Which key of the vault seals, which one sealed what, and sealing it all again with another.
//!
//! The database names the key, and each write reads that name inside its own transaction: from the moment another key is
//! chosen no node seals with the one before, whatever the order of the keys in its file.

use std::collections::BTreeMap;
use std::sync::Arc;

use busker_kit::clock::unix_ms;
use busker_model::{Object, ObjectKey};
use futures::FutureExt;

use crate::error::{OdbError, Result};
use crate::objects::history::{self, Entry};
use crate::objects::{object_of, secrets};
use crate::odb::{Odb, take_ticket};
use crate::store::Tx;
use crate::value::values;
use crate::vault::Vault;

/// Objects that are sealed again in one transaction.
pub const RESEAL_OBJECTS: i64 = 200;
/// Objects that are read at once to count what is sealed.
const COUNT_OBJECTS: i64 = 1_000;

// A key is chosen as a node takes a role: the last one that was chosen holds it.
const CHOSEN: &str = "SELECT holder FROM singleton WHERE role = 'vault-key'";
const CHOOSE: &str = "INSERT INTO singleton (role, holder, epoch, since_ms) \
    VALUES ('vault-key', $1, 1, $2) ON CONFLICT (role) DO UPDATE SET holder = excluded.holder, \
    epoch = singleton.epoch + 1, since_ms = excluded.since_ms";
const SEALED: &str = "SELECT family, kind_group, name, kind, number, active, settings, revision \
    FROM object WHERE number > $1 AND settings LIKE '%\"sealed:v1:%' ORDER BY number LIMIT $2";
const UPDATE: &str = "UPDATE object SET settings = $2, revision = $3 WHERE number = $1";

/// What one transaction sealed again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Objects whose secrets now have the key that seals.
    pub objects: u64,
    /// Objects with a secret that does not open: its key is lost, or it is damaged.
    pub closed: Vec<ObjectKey>,
    /// Where the next transaction goes on; `None` when this was the last one.
    pub next: Option<i64>,
}

/// Operations on keys of the vault.
#[derive(Debug, Clone, Copy)]
pub struct Sealing<'a>(&'a Odb);

impl<'a> Sealing<'a> {
    pub(crate) const fn new(odb: &'a Odb) -> Self {
        Self(odb)
    }

    /// Ids of the keys that this process knows, after another look at its key file.
    ///
    /// # Errors
    /// `Vault` when there is no vault, or its file is damaged or may be read by others.
    pub fn known(&self) -> Result<Vec<String>> {
        let vault = self.vault()?;
        vault.reload()?;
        Ok(vault.key_ids())
    }

    /// Id of the key that seals.
    ///
    /// # Errors
    /// `Vault` when there is no vault.
    pub async fn key(&self) -> Result<String> {
        let first = self.vault()?.key_ids().into_iter().next();
        let chosen = self.0.query(CHOSEN, Vec::new()).await?.pop();
        match chosen {
            Some(mut row) => row.text(),
            None => first.ok_or(OdbError::Vault("it has no key")),
        }
    }

    /// Lets a key seal from now on, on all nodes at once.
    ///
    /// # Errors
    /// `Vault` when it is not in this node's key file.
    pub async fn choose(&self, key: &str) -> Result<()> {
        drop(self.vault()?.led_by(key)?);
        let row = values![key, unix_ms()];
        let work = self.0.write(move |tx| {
            async move {
                // Its turn among the writers: whoever sealed with the key before has committed.
                take_ticket(tx, 0).await?;
                tx.query(CHOOSE, row).await.map(drop)
            }
            .boxed()
        });
        work.await
    }

    /// How many secrets each key sealed, by its id.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn uses(&self) -> Result<BTreeMap<String, u64>> {
        let mut uses = BTreeMap::new();
        let mut after = Some(0);
        while let Some(number) = after {
            let rows = self.0.query(SEALED, values![number, COUNT_OBJECTS]).await?;
            let objects: Result<Vec<Object>> = rows.into_iter().map(object_of).collect();
            let objects = objects?;
            for object in &objects {
                for key in secrets::keys_of(&object.settings) {
                    *uses.entry(key.to_owned()).or_default() += 1;
                }
            }
            after = next(&objects, COUNT_OBJECTS);
        }
        Ok(uses)
    }

    /// Seals what other keys sealed with the one that seals now, for at most [`RESEAL_OBJECTS`] objects behind the number
    /// `after`, in one transaction. Each object that changes has a new revision, so that every node reads it again.
    ///
    /// # Errors
    /// `Vault` when there is no vault, or the key that seals is not in its file.
    pub async fn reseal(&self, after: i64, who: &str) -> Result<Resealed> {
        let vault = Arc::clone(self.vault()?);
        let who = who.to_owned();
        let work = self
            .0
            .write(move |tx| reseal(tx, vault, after, who).boxed());
        work.await
    }

    fn vault(&self) -> Result<&'a Arc<Vault>> {
        let vault = self.0.vault();
        vault.ok_or(OdbError::Vault("there is no vault"))
    }
}

/// The vault as this transaction seals with it.
pub(super) async fn leading(
    tx: &mut dyn Tx,
    vault: Option<Arc<Vault>>,
) -> Result<Option<Arc<Vault>>> {
    let Some(vault) = vault else {
        return Ok(None);
    };
    match tx.query(CHOSEN, Vec::new()).await?.pop() {
        None => Ok(Some(vault)),
        Some(mut row) => vault.led_by(&row.text()?).map(Arc::new).map(Some),
    }
}

async fn reseal(tx: &mut dyn Tx, vault: Arc<Vault>, after: i64, who: String) -> Result<Resealed> {
    let ticket = take_ticket(tx, 0).await?;
    let vault = leading(tx, Some(vault)).await?;
    let vault = vault.ok_or(OdbError::Vault("there is no vault"))?;
    let rows = tx.query(SEALED, values![after, RESEAL_OBJECTS]).await?;
    let objects: Result<Vec<Object>> = rows.into_iter().map(object_of).collect();
    let objects = objects?;
    let mut done = Resealed {
        next: next(&objects, RESEAL_OBJECTS),
        ..Resealed::default()
    };
    let mut changed: Vec<(Object, Object)> = Vec::new();
    for before in objects {
        let mut after = before.clone();
        match secrets::reseal(&mut after, &vault) {
            Ok(false) => {}
            Ok(true) => {
                after.revision = ticket.revision;
                changed.push((before, after));
            }
            Err(_) => done.closed.push(before.key),
        }
    }
    for (_, after) in &changed {
        let row = values![after.number, after.settings.to_string(), after.revision];
        tx.query(UPDATE, row).await?;
    }
    let entries: Vec<Entry<'_>> = changed
        .iter()
        .map(|(before, after)| Entry {
            number: after.number,
            action: "reseal",
            before: Some(before),
            after: Some(after),
        })
        .collect();
    history::record(tx, ticket.revision, &who, &entries).await?;
    done.objects = u64::try_from(changed.len()).unwrap_or(u64::MAX);
    Ok(done)
}

/// The number behind which the next page starts.
fn next(objects: &[Object], page: i64) -> Option<i64> {
    let full = i64::try_from(objects.len()).unwrap_or(i64::MAX) == page;
    objects.last().filter(|_| full).map(|object| object.number)
}
