//! Who refers to whom, by name.

use std::collections::HashSet;

use busker_model::object::Reference;
use busker_model::{Object, ObjectKey};
use futures::FutureExt;
use serde_json::Value;

use crate::error::{OdbError, Result};
use crate::objects::{Objects, USERS_SHOWN, find, key_of};
use crate::store::{Tx, bulk};
use crate::value::{SqlValue, values};

const HEAD: &str = "object_ref (number, field, target_family, target_group, target_name, required)";
const FORGET: &str = "DELETE FROM object_ref WHERE number IN";
const EXISTS: &str = "SELECT number FROM object \
    WHERE name = $3 AND family = $1 AND ($2 = '' OR kind_group = $2) LIMIT 1";
/// Another object that an any-group reference to this name would mean too.
const NAMESAKE: &str = "SELECT number FROM object \
    WHERE family = $1 AND name = $2 AND number <> $3 LIMIT 1";
const USERS: &str = "SELECT DISTINCT object.family, object.kind_group, object.name, object.number \
    FROM object_ref JOIN object ON object.number = object_ref.number \
    WHERE target_family = $1 AND target_name = $3 \
    AND (target_group = $2 OR (target_group = '' AND $4)) AND object.number <> $5 \
    ORDER BY object.family, object.name, object.number LIMIT $6";
const FIELDS: &str = "SELECT field FROM object_ref WHERE number = $4 AND target_family = $1 \
    AND target_name = $3 AND (target_group = $2 OR (target_group = '' AND $5)) ORDER BY field";
const MOVE: &str = "UPDATE object_ref SET target_name = $2, \
    target_group = CASE WHEN target_group = '' THEN '' ELSE $1 END \
    WHERE number = $6 AND target_family = $3 AND target_name = $5 \
    AND (target_group = $4 OR (target_group = '' AND $7))";

impl Objects<'_> {
    /// Who refers to this object; at most [`USERS_SHOWN`].
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn users_of(&self, key: &ObjectKey) -> Result<Vec<ObjectKey>> {
        let key = key.clone();
        self.odb
            .read(move |tx| {
                async move {
                    let object = find(tx, &key).await?;
                    let target = Target::of(tx, &object).await?;
                    target.users(tx, USERS_SHOWN).await
                }
                .boxed()
            })
            .await
    }
}

/// One object as the target of references.
#[derive(Debug)]
pub(super) struct Target<'o> {
    pub(super) object: &'o Object,
    /// Whether references to any group can only mean this one.
    alone: bool,
}

impl<'o> Target<'o> {
    pub(super) async fn of(tx: &mut dyn Tx, object: &'o Object) -> Result<Self> {
        let family = object.key.family.as_str();
        let namesake = values![family, object.key.name.as_str(), object.number];
        let alone = tx.query(NAMESAKE, namesake).await?.is_empty();
        Ok(Self { object, alone })
    }

    /// Those who refer to it, without itself.
    pub(super) async fn users(&self, tx: &mut dyn Tx, limit: usize) -> Result<Vec<ObjectKey>> {
        let ObjectKey {
            family,
            group,
            name,
        } = &self.object.key;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let query = values![
            family.as_str(),
            group.as_str(),
            name.as_str(),
            self.alone,
            self.object.number,
            limit
        ];
        let rows = tx.query(USERS, query).await?;
        rows.into_iter().map(|mut row| key_of(&mut row)).collect()
    }

    /// Points the references of `user` to the new key; answers its settings with the new name in them.
    pub(super) async fn follow(
        &self,
        tx: &mut dyn Tx,
        user: &Object,
        new: &ObjectKey,
    ) -> Result<Value> {
        let ObjectKey {
            family,
            group,
            name,
        } = &self.object.key;
        let fields = values![
            family.as_str(),
            group.as_str(),
            name.as_str(),
            user.number,
            self.alone
        ];
        let mut settings = user.settings.clone();
        for mut row in tx.query(FIELDS, fields).await? {
            rename(&mut settings, &row.text()?, name, &new.name);
        }
        let moved = values![
            new.group.as_str(),
            new.name.as_str(),
            family.as_str(),
            group.as_str(),
            name.as_str(),
            user.number,
            self.alone
        ];
        tx.query(MOVE, moved).await?;
        Ok(settings)
    }
}

/// Replaces a name in the field of a dotted path; a list of names is searched.
fn rename(settings: &mut Value, field: &str, old: &str, new: &str) {
    let path = field.strip_prefix("settings.").unwrap_or(field);
    let mut place = settings;
    for part in path.split('.') {
        let Some(inner) = place.get_mut(part) else {
            return;
        };
        place = inner;
    }
    match place {
        Value::String(text) if text == old => new.clone_into(text),
        Value::Array(items) => {
            for item in items.iter_mut().filter(|item| item.as_str() == Some(old)) {
                *item = Value::String(new.to_owned());
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {}
    }
}

/// An object and whom it refers to.
pub(super) type Owner<'o> = (i64, &'o ObjectKey, &'o [Reference]);

/// Stores the references of new objects, and checks that what must exist does.
pub(super) async fn store(tx: &mut dyn Tx, owners: &[Owner<'_>]) -> Result<()> {
    let mut found: HashSet<(&str, &str, &str)> = HashSet::new();
    let mut rows: Vec<[SqlValue; 6]> = Vec::new();
    for (number, owner, references) in owners {
        let mut seen = HashSet::new();
        for reference in *references {
            let family = reference.family.as_str();
            let target = (family, reference.group.as_str(), reference.name.as_str());
            if reference.required && found.insert(target) {
                require(tx, owner, reference).await?;
            }
            if seen.insert((reference.field.as_str(), target)) {
                rows.push([
                    (*number).into(),
                    reference.field.as_str().into(),
                    family.into(),
                    target.1.into(),
                    target.2.into(),
                    reference.required.into(),
                ]);
            }
        }
    }
    bulk::insert(tx, HEAD, "", rows).await.map(drop)
}

/// Stores the references of edited objects in place of those they had.
pub(super) async fn replace(tx: &mut dyn Tx, owners: &[Owner<'_>]) -> Result<()> {
    let numbers = owners.iter().map(|(number, ..)| (*number).into()).collect();
    bulk::of(tx, FORGET, "", numbers).await?;
    store(tx, owners).await
}

async fn require(tx: &mut dyn Tx, owner: &ObjectKey, reference: &Reference) -> Result<()> {
    let query = values![
        reference.family.as_str(),
        reference.group.as_str(),
        reference.name.as_str()
    ];
    if tx.query(EXISTS, query).await?.is_empty() {
        return Err(OdbError::Invalid(format!(
            "{owner}: {} names {} {:?}, which does not exist",
            reference.field, reference.family, reference.name
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::rename;
    use serde_json::json;

    #[test]
    fn a_name_is_replaced_where_the_field_says_and_nowhere_else() {
        let mut settings = json!({"security": "a", "note": "a", "retry": {"services": ["b", "a"]}});
        rename(&mut settings, "settings.security", "a", "z");
        rename(&mut settings, "retry.services", "a", "z");
        rename(&mut settings, "missing.field", "a", "z");
        let expected = json!({"security": "z", "note": "a", "retry": {"services": ["b", "z"]}});
        assert_eq!(settings, expected);
    }
}
