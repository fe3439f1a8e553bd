//! Many changes at one revision: what a file of configuration asks for, or a return to an older revision.
//!
//! The order of the changes does not matter. All of them are in place before references are checked, and what an edit gives
//! up, such as the path of a channel, may be taken by another change of the same batch.

use std::collections::HashSet;
use std::sync::Arc;

use busker_model::{Object, ObjectKey};
use futures::FutureExt;

use crate::error::{OdbError, Result};
use crate::objects::history::{self, Entry};
use crate::objects::references::{self, Owner, Target};
use crate::objects::{CREATE_MANY_MAX, ObjectWrite, Objects, by_key, delete, find, sealing, write};
use crate::odb::{Ticket, take_ticket};
use crate::store::{Tx, bulk};
use crate::value::values;
use crate::vault::Vault;

const FREE: &str = "UPDATE object SET unique_key = NULL WHERE number IN";
const SET_ASIDE: &str = "UPDATE object SET name = $2 WHERE number = $1";
const THERE: &str = "SELECT number FROM object \
    WHERE family = $1 AND name = $3 AND kind_group = $2";

/// One change of a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum ObjectChange {
    /// A new object.
    Create(ObjectWrite),
    /// An object as it is to be. With another name or group it is renamed, but those who refer to it do not follow: they
    /// have to be in the batch too.
    Edit(ObjectKey, ObjectWrite),
    /// An object that goes. Who refers to it has to be in the batch too.
    Delete(ObjectKey),
}

/// Changes that are made together.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The changes, each of another object.
    pub changes: Vec<ObjectChange>,
    /// Revision of the cluster that they were made out of.
    pub seen: i64,
}

/// What came of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// Revision of the batch.
    pub revision: i64,
    /// What was created and edited, as it is now.
    pub objects: Vec<Object>,
}

impl Objects<'_> {
    /// Makes all changes of a batch, which is not empty, at one revision, or none.
    ///
    /// # Errors
    /// `Stale` when anything was written since the revision that was seen; `Conflict`, `NotFound`, `InUse` and `Invalid`
    /// as for single writes.
    pub async fn apply(&self, batch: Batch, who: &str) -> Result<Applied> {
        let run = Run::of(batch, self.odb.vault().cloned(), who)?;
        self.write(move |tx| run.run(tx).boxed()).await
    }
}

/// A batch taken apart.
struct Run {
    seen: i64,
    creates: Vec<ObjectWrite>,
    edits: Vec<(ObjectKey, ObjectWrite)>,
    deletes: Vec<ObjectKey>,
    vault: Option<Arc<Vault>>,
    who: String,
}

impl Run {
    fn of(batch: Batch, vault: Option<Arc<Vault>>, who: &str) -> Result<Self> {
        if batch.changes.is_empty() || batch.changes.len() > CREATE_MANY_MAX {
            return Err(OdbError::Invalid(format!(
                "1 to {CREATE_MANY_MAX} changes at once"
            )));
        }
        let mut run = Self {
            seen: batch.seen,
            creates: Vec::new(),
            edits: Vec::new(),
            deletes: Vec::new(),
            vault,
            who: who.to_owned(),
        };
        for change in batch.changes {
            match change {
                ObjectChange::Create(write) => {
                    write::check(&write)?;
                    run.creates.push(write);
                }
                ObjectChange::Edit(key, write) => {
                    write::check(&write)?;
                    if write.key.family != key.family {
                        return Err(OdbError::Invalid("an object stays in its family".into()));
                    }
                    run.edits.push((key, write));
                }
                ObjectChange::Delete(key) => run.deletes.push(key),
            }
        }
        Ok(run)
    }

    async fn run(mut self, tx: &mut dyn Tx) -> Result<Applied> {
        let count = i64::try_from(self.creates.len()).unwrap_or(i64::MAX);
        let ticket = take_ticket(tx, count).await?;
        if ticket.revision != self.seen + 1 {
            return Err(OdbError::Stale {
                what: "the configuration".into(),
                expected: self.seen,
                current: ticket.revision - 1,
            });
        }
        self.vault = sealing::leading(tx, self.vault).await?;
        let (deleted, before) = self.read(tx).await?;
        for object in &deleted {
            delete::remove(tx, object, ticket.revision).await?;
        }
        let after = self.edit(tx, ticket, &before).await?;
        let vault = self.vault.as_deref();
        let created = write::insert(tx, ticket, &self.creates, vault).await?;
        self.refer(tx, &after, &created).await?;
        let renamed = before.iter().zip(&after);
        let renamed = renamed.filter(|(old, new)| old.key != new.key);
        for object in deleted.iter().chain(renamed.map(|(old, _)| old)) {
            unless_missed(tx, object).await?;
        }
        let entries: Vec<Entry<'_>> = created
            .iter()
            .map(Entry::create)
            .chain(
                before
                    .iter()
                    .zip(&after)
                    .map(|(old, new)| Entry::edit(old, new)),
            )
            .chain(deleted.iter().map(Entry::delete))
            .collect();
        history::record(tx, ticket.revision, &self.who, &entries).await?;
        let objects = created.into_iter().chain(after).collect();
        Ok(Applied {
            revision: ticket.revision,
            objects,
        })
    }

    /// What is to be deleted and edited, as it is.
    async fn read(&self, tx: &mut dyn Tx) -> Result<(Vec<Object>, Vec<Object>)> {
        let mut once = HashSet::new();
        let mut found = (Vec::new(), Vec::new());
        for key in &self.deletes {
            found.0.push(find(tx, key).await?);
        }
        for (key, _) in &self.edits {
            found.1.push(find(tx, key).await?);
        }
        match found
            .0
            .iter()
            .chain(&found.1)
            .find(|object| !once.insert(object.number))
        {
            None => Ok(found),
            Some(object) => Err(OdbError::Invalid(format!(
                "{} is written twice",
                object.key
            ))),
        }
    }

    async fn edit(
        &self,
        tx: &mut dyn Tx,
        ticket: Ticket,
        before: &[Object],
    ) -> Result<Vec<Object>> {
        let numbers = before.iter().map(|object| object.number.into()).collect();
        bulk::of(tx, FREE, "", numbers).await?;
        let edits = || before.iter().zip(self.edits.iter().map(|(_, write)| write));
        for (old, _) in edits().filter(|(old, write)| old.key != write.key) {
            // No name may hold a control character, so this one is free.
            let aside = format!("\u{1}{}", old.number);
            tx.query(SET_ASIDE, values![old.number, aside]).await?;
            delete::bury(tx, old, ticket.revision).await?;
        }
        let mut after = Vec::with_capacity(before.len());
        for (old, write) in edits() {
            if let Some(conflict) = write::taken(tx, write, old.number).await? {
                return Err(conflict);
            }
            let new = write::edited(old, write, ticket, self.vault.as_deref())?;
            write::put(tx, &new, write.unique.clone()).await?;
            after.push(new);
        }
        Ok(after)
    }

    /// Stores the references of all that was written, now that it is all in place.
    async fn refer(&self, tx: &mut dyn Tx, after: &[Object], created: &[Object]) -> Result<()> {
        let edited: Vec<Owner<'_>> = after
            .iter()
            .zip(&self.edits)
            .map(|(object, (_, write))| (object.number, &object.key, write.references.as_slice()))
            .collect();
        references::replace(tx, &edited).await?;
        references::store(tx, &write::owners(created, &self.creates)).await
    }
}

/// Refuses that anybody still refers to a name that is gone.
async fn unless_missed(tx: &mut dyn Tx, object: &Object) -> Result<()> {
    if !tx.query(THERE, by_key(&object.key)).await?.is_empty() {
        return Ok(());
    }
    let target = Target::of(tx, object).await?;
    delete::refuse_if_used(tx, &target).await.map(drop)
}
