//! Create and edit. Each is one transaction that first takes the cluster's revision, and with it the turn of
//! all writers; so what it reads stays true until it commits.

use std::sync::Arc;

use busker_model::{Object, ObjectKey};
use futures::FutureExt;

use crate::error::{OdbError, Result};
use crate::objects::delete::bury;
use crate::objects::history::{self, Entry};
use crate::objects::references::{self, Owner, Target};
use crate::objects::{
    CASCADE_MAX, CREATE_MANY_MAX, NAME_BYTES, ObjectWrite, Objects, SETTINGS_BYTES, find, key_of,
    sealing, secrets,
};
use crate::odb::{Ticket, take_ticket};
use crate::store::{Tx, bulk};
use crate::value::{SqlValue, values};
use crate::vault::Vault;

const HEAD: &str = "object \
    (number, family, kind_group, name, kind, active, settings, unique_key, revision)";
const UNLESS_TAKEN: &str = "ON CONFLICT DO NOTHING RETURNING number";
const TAKEN: &str = "SELECT family, kind_group, name FROM object WHERE number <> $5 \
    AND family = $1 AND ((kind_group = $2 AND name = $3) OR unique_key = $4) LIMIT 1";
const UPDATE: &str = "UPDATE object SET kind_group = $2, name = $3, kind = $4, active = $5, \
    settings = $6, unique_key = $7, revision = $8 WHERE number = $1";
const FOLLOW: &str = "UPDATE object SET settings = $3, revision = $2 WHERE number = $1";

impl Objects<'_> {
    /// Creates an object; `who` is the principal for the history.
    ///
    /// # Errors
    /// `Conflict` names what has the name or unique key; `Invalid` names a reference that must exist and does not.
    pub async fn create(&self, write: ObjectWrite, who: &str) -> Result<Object> {
        let mut created = self.create_many(vec![write], who).await?;
        created
            .pop()
            .ok_or_else(|| OdbError::corrupt("a created object is missing"))
    }

    /// Creates all of these at one revision, or none; at most [`CREATE_MANY_MAX`].
    ///
    /// # Errors
    /// As [`Objects::create`], for the first that cannot be.
    pub async fn create_many(&self, writes: Vec<ObjectWrite>, who: &str) -> Result<Vec<Object>> {
        if writes.len() > CREATE_MANY_MAX {
            return Err(OdbError::Invalid(format!(
                "at most {CREATE_MANY_MAX} objects at once"
            )));
        }
        writes.iter().try_for_each(check)?;
        if writes.is_empty() {
            return Ok(Vec::new());
        }
        let vault = self.odb.vault().cloned();
        let who = who.to_owned();
        self.write(move |tx| create_all(tx, writes, vault, who).boxed())
            .await
    }

    /// Writes an object anew. `expected` is the revision the caller read; `None` overwrites whatever is there.
    /// A new name or group renames it: its number stays, and those who refer to it follow.
    ///
    /// # Errors
    /// `NotFound`, `Stale`, and those of [`Objects::create`].
    pub async fn edit(
        &self,
        key: &ObjectKey,
        write: ObjectWrite,
        expected: Option<i64>,
        who: &str,
    ) -> Result<Object> {
        check(&write)?;
        if write.key.family != key.family {
            return Err(OdbError::Invalid("an object stays in its family".into()));
        }
        let edit = Edit {
            key: key.clone(),
            write,
            expected,
            vault: self.odb.vault().cloned(),
            who: who.to_owned(),
        };
        self.write(move |tx| edit.run(tx).boxed()).await
    }
}

/// What needs no database to refuse.
pub(super) fn check(write: &ObjectWrite) -> Result<()> {
    let name = &write.key.name;
    if name.is_empty() || name.len() > NAME_BYTES || name.chars().any(char::is_control) {
        return Err(OdbError::Invalid(format!(
            "name: 1 to {NAME_BYTES} bytes without control characters"
        )));
    }
    let texts = [&write.key.group, &write.kind];
    if texts
        .into_iter()
        .chain(&write.unique)
        .any(|text| text.contains('\0'))
    {
        return Err(OdbError::Invalid(format!("{}: a NUL character", write.key)));
    }
    Ok(())
}

/// The settings as stored; the bound is checked on what is stored.
fn settings_text(object: &Object) -> Result<String> {
    let text = object.settings.to_string();
    if text.len() > SETTINGS_BYTES {
        return Err(OdbError::Invalid(format!(
            "{}: settings are longer than {SETTINGS_BYTES} bytes",
            object.key
        )));
    }
    Ok(text)
}

async fn create_all(
    tx: &mut dyn Tx,
    writes: Vec<ObjectWrite>,
    vault: Option<Arc<Vault>>,
    who: String,
) -> Result<Vec<Object>> {
    let count = i64::try_from(writes.len()).unwrap_or(i64::MAX);
    let ticket = take_ticket(tx, count).await?;
    let vault = sealing::leading(tx, vault).await?;
    let objects = insert(tx, ticket, &writes, vault.as_deref()).await?;
    references::store(tx, &owners(&objects, &writes)).await?;
    let entries: Vec<Entry<'_>> = objects.iter().map(Entry::create).collect();
    history::record(tx, ticket.revision, &who, &entries).await?;
    Ok(objects)
}

/// What refers to whom among objects that were just written.
pub(super) fn owners<'o>(objects: &'o [Object], writes: &'o [ObjectWrite]) -> Vec<Owner<'o>> {
    let written = objects.iter().zip(writes);
    written
        .map(|(object, write)| (object.number, &object.key, write.references.as_slice()))
        .collect()
}

/// Inserts new objects, without their references and history.
pub(super) async fn insert(
    tx: &mut dyn Tx,
    ticket: Ticket,
    writes: &[ObjectWrite],
    vault: Option<&Vault>,
) -> Result<Vec<Object>> {
    let mut objects = Vec::with_capacity(writes.len());
    let mut rows: Vec<[SqlValue; 9]> = Vec::with_capacity(writes.len());
    for (number, write) in (ticket.first_number..).zip(writes) {
        let object = Object {
            key: write.key.clone(),
            kind: write.kind.clone(),
            number,
            active: write.active,
            settings: secrets::seal(write, number, None, vault)?,
            revision: ticket.revision,
        };
        rows.push([
            number.into(),
            object.key.family.as_str().into(),
            object.key.group.as_str().into(),
            object.key.name.as_str().into(),
            object.kind.as_str().into(),
            object.active.into(),
            settings_text(&object)?.into(),
            write.unique.clone().into(),
            object.revision.into(),
        ]);
        objects.push(object);
    }
    let inserted = bulk::insert(tx, HEAD, UNLESS_TAKEN, rows).await?;
    if inserted.len() < objects.len() {
        return Err(first_taken(tx, writes, &objects).await?);
    }
    Ok(objects)
}

/// The conflict of the first object that could not be inserted.
async fn first_taken(
    tx: &mut dyn Tx,
    writes: &[ObjectWrite],
    objects: &[Object],
) -> Result<OdbError> {
    for (write, object) in writes.iter().zip(objects) {
        if let Some(conflict) = taken(tx, write, object.number).await? {
            return Ok(conflict);
        }
    }
    Ok(OdbError::corrupt(
        "an object was not inserted and nothing has its name",
    ))
}

/// Whether an object other than `number` has the name or the unique key of this write.
pub(super) async fn taken(
    tx: &mut dyn Tx,
    write: &ObjectWrite,
    number: i64,
) -> Result<Option<OdbError>> {
    let query = values![
        write.key.family.as_str(),
        write.key.group.as_str(),
        write.key.name.as_str(),
        write.unique.clone(),
        number
    ];
    let Some(mut row) = tx.query(TAKEN, query).await?.pop() else {
        return Ok(None);
    };
    let other = key_of(&mut row)?;
    let message = if other == write.key {
        format!("{other} exists already")
    } else {
        let unique = write.unique.as_deref().unwrap_or_default();
        format!("{}: {other} has {unique:?} already", write.key)
    };
    Ok(Some(OdbError::Conflict(message)))
}

struct Edit {
    key: ObjectKey,
    write: ObjectWrite,
    expected: Option<i64>,
    vault: Option<Arc<Vault>>,
    who: String,
}

impl Edit {
    async fn run(self, tx: &mut dyn Tx) -> Result<Object> {
        let ticket = take_ticket(tx, 0).await?;
        let before = find(tx, &self.key).await?;
        unless_stale(&before, self.expected)?;
        let vault = sealing::leading(tx, self.vault.clone()).await?;
        let after = edited(&before, &self.write, ticket, vault.as_deref())?;
        if let Some(conflict) = taken(tx, &self.write, before.number).await? {
            return Err(conflict);
        }
        let followers = if after.key == before.key {
            Vec::new()
        } else {
            rename(tx, &before, &after).await?
        };
        put(tx, &after, self.write.unique.clone()).await?;
        let references = self.write.references.as_slice();
        references::replace(tx, &[(after.number, &after.key, references)]).await?;
        let mut entries = vec![Entry::edit(&before, &after)];
        entries.extend(followers.iter().map(|(old, new)| Entry {
            action: "follow",
            ..Entry::edit(old, new)
        }));
        history::record(tx, ticket.revision, &self.who, &entries).await?;
        Ok(after)
    }
}

pub(super) fn unless_stale(object: &Object, expected: Option<i64>) -> Result<()> {
    match expected.filter(|expected| *expected != object.revision) {
        None => Ok(()),
        Some(expected) => Err(OdbError::Stale {
            what: object.key.to_string(),
            expected,
            current: object.revision,
        }),
    }
}

/// What an object becomes by a write.
pub(super) fn edited(
    before: &Object,
    write: &ObjectWrite,
    ticket: Ticket,
    vault: Option<&Vault>,
) -> Result<Object> {
    Ok(Object {
        key: write.key.clone(),
        kind: write.kind.clone(),
        number: before.number,
        active: write.active,
        settings: secrets::seal(write, before.number, Some(before), vault)?,
        revision: ticket.revision,
    })
}

/// Writes the row of an edited object.
pub(super) async fn put(tx: &mut dyn Tx, after: &Object, unique: Option<String>) -> Result<()> {
    let update = values![
        after.number,
        after.key.group.as_str(),
        after.key.name.as_str(),
        after.kind.as_str(),
        after.active,
        settings_text(after)?,
        unique,
        after.revision
    ];
    tx.query(UPDATE, update).await.map(drop)
}

/// Buries the old key, and writes the new name into those who refer to it; answers them before and after.
async fn rename(tx: &mut dyn Tx, before: &Object, after: &Object) -> Result<Vec<(Object, Object)>> {
    bury(tx, before, after.revision).await?;
    let target = Target::of(tx, before).await?;
    let users = target.users(tx, CASCADE_MAX + 1).await?;
    if users.len() > CASCADE_MAX {
        return Err(OdbError::Invalid(format!(
            "{}: more than {CASCADE_MAX} objects refer to it, so it cannot be renamed",
            before.key
        )));
    }
    let mut followers = Vec::with_capacity(users.len());
    for user in users {
        let old = find(tx, &user).await?;
        let settings = target.follow(tx, &old, &after.key).await?;
        let new = Object {
            settings,
            revision: after.revision,
            ..old.clone()
        };
        let follow = values![new.number, new.revision, settings_text(&new)?];
        tx.query(FOLLOW, follow).await?;
        followers.push((old, new));
    }
    Ok(followers)
}
