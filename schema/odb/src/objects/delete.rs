//! Delete, alone or with all that use the object. What goes leaves word of it, so that readers of changes see it go.

use std::collections::HashSet;

use busker_model::{Object, ObjectKey};
use futures::FutureExt;

use crate::error::{OdbError, Result};
use crate::objects::history::{self, Entry};
use crate::objects::references::Target;
use crate::objects::{CASCADE_MAX, Objects, OnUse, USERS_SHOWN, find, write};
use crate::odb::take_ticket;
use crate::store::Tx;
use crate::value::values;

const DELETE: &str = "DELETE FROM object WHERE number = $1";
const BURY: &str = "INSERT INTO object_tombstone (family, kind_group, name, number, revision) \
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT (family, kind_group, name) \
    DO UPDATE SET number = excluded.number, revision = excluded.revision";

impl Objects<'_> {
    /// Deletes an object; answers all that went, itself first.
    ///
    /// # Errors
    /// `NotFound`; `InUse` with those who refer to it; `Invalid` when a cascade passes [`CASCADE_MAX`].
    pub async fn delete(
        &self,
        key: &ObjectKey,
        on_use: OnUse,
        who: &str,
    ) -> Result<Vec<ObjectKey>> {
        self.delete_at(key, None, on_use, who).await
    }

    /// Deletes an object if it is at the revision the caller read; `None` deletes it whatever it is at.
    ///
    /// # Errors
    /// `Stale`, and those of [`Objects::delete`].
    pub async fn delete_at(
        &self,
        key: &ObjectKey,
        expected: Option<i64>,
        on_use: OnUse,
        who: &str,
    ) -> Result<Vec<ObjectKey>> {
        let delete = Delete {
            key: key.clone(),
            expected,
            on_use,
            who: who.to_owned(),
        };
        self.write(move |tx| delete.run(tx).boxed()).await
    }
}

struct Delete {
    key: ObjectKey,
    expected: Option<i64>,
    on_use: OnUse,
    who: String,
}

impl Delete {
    async fn run(self, tx: &mut dyn Tx) -> Result<Vec<ObjectKey>> {
        let ticket = take_ticket(tx, 0).await?;
        let first = find(tx, &self.key).await?;
        write::unless_stale(&first, self.expected)?;
        let order = self.doomed(tx, first).await?;
        for object in &order {
            remove(tx, object, ticket.revision).await?;
        }
        let entries: Vec<Entry<'_>> = order
            .iter()
            .enumerate()
            .map(|(index, object)| Entry {
                action: if index == 0 { "delete" } else { "cascade" },
                ..Entry::delete(object)
            })
            .collect();
        history::record(tx, ticket.revision, &self.who, &entries).await?;
        Ok(order.into_iter().map(|object| object.key).collect())
    }

    /// The object, and with a cascade all that go with it.
    async fn doomed(&self, tx: &mut dyn Tx, first: Object) -> Result<Vec<Object>> {
        let mut doomed: HashSet<i64> = HashSet::new();
        let mut order: Vec<Object> = Vec::new();
        let mut next = vec![first];
        while let Some(object) = next.pop() {
            if !doomed.insert(object.number) {
                continue;
            }
            if order.len() == CASCADE_MAX {
                return Err(OdbError::Invalid(format!(
                    "{}: a cascade deletes at most {CASCADE_MAX} objects",
                    self.key
                )));
            }
            let target = Target::of(tx, &object).await?;
            let users = match self.on_use {
                OnUse::Refuse => refuse_if_used(tx, &target).await?,
                OnUse::Cascade => target.users(tx, CASCADE_MAX + 1).await?,
            };
            for user in &users {
                next.push(find(tx, user).await?);
            }
            order.push(object);
        }
        Ok(order)
    }
}

/// Deletes the row of an object, with its references, and leaves word of it.
pub(super) async fn remove(tx: &mut dyn Tx, object: &Object, revision: i64) -> Result<()> {
    tx.query(DELETE, values![object.number]).await?;
    bury(tx, object, revision).await
}

pub(super) async fn refuse_if_used(tx: &mut dyn Tx, target: &Target<'_>) -> Result<Vec<ObjectKey>> {
    let users = target.users(tx, USERS_SHOWN).await?;
    if users.is_empty() {
        return Ok(users);
    }
    Err(OdbError::InUse {
        target: target.object.key.to_string(),
        users,
    })
}

/// Leaves word that a key is gone.
pub(super) async fn bury(tx: &mut dyn Tx, object: &Object, revision: i64) -> Result<()> {
    let ObjectKey {
        family,
        group,
        name,
    } = &object.key;
    let tombstone = values![
        family.as_str(),
        group.as_str(),
        name.as_str(),
        object.number,
        revision
    ];
    tx.query(BURY, tombstone).await.map(drop)
}
