//! Changes of many objects: what a file or an older revision asks for, held against what there is.
//!
//! [`Step::of`] compares one object with what it is to be, field by field; a [`Plan`] is all steps, shown as an answer or made
//! in one write.

use busker_catalog::{Kind, title};
use busker_model::secret::REDACTED;
use busker_model::{Fault, Object, ObjectKey};
use busker_odb::{Batch, ObjectChange, ObjectWrite, Odb, OdbError, SecretWrite};
use serde_json::{Map, Value, json};

use crate::crud::{lacking, refused};
use crate::operation::Call;

/// Shown in place of a secret.
const SECRET: &str = "(secret)";
/// Stands for a new secret while fields are compared.
const NEW_SECRET: &str = "new";

/// An object by kind and name, as answers show it.
pub(crate) fn named(kind: &Kind, key: &ObjectKey) -> Map<String, Value> {
    let mut named = Map::new();
    named.insert("kind".to_owned(), json!(title(kind)));
    named.insert("name".to_owned(), json!(key.name));
    if kind.groups.len() > 1 {
        named.insert("transport".to_owned(), json!(key.group));
    }
    named
}

/// What one change does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Create,
    Edit,
    Delete,
}

/// One change.
pub(crate) struct Step {
    pub(crate) what: What,
    /// Kind, name and fields before and after, as answers show them.
    pub(crate) shown: Map<String, Value>,
    pub(crate) change: ObjectChange,
}

impl Step {
    /// What makes `current` what is written; `None` when it is that already. A secret that is the one there is is kept.
    ///
    /// # Errors
    /// `Internal` when a secret cannot be opened.
    pub(crate) fn of(
        odb: &Odb,
        kind: &Kind,
        current: Option<&Object>,
        mut write: ObjectWrite,
    ) -> Result<Option<Self>, Fault> {
        if let Some(current) = current {
            for (field, secret) in &mut write.secrets {
                if is_same(odb, current, field, secret)? {
                    *secret = SecretWrite::Keep;
                }
            }
        }
        let before = current.map(|current| side(kind, current));
        let after = written(&write, current);
        let fields = fields(before.as_ref(), Some(&after), kind.secrets);
        if current.is_some() && fields.is_empty() {
            return Ok(None);
        }
        let (what, change) = match current {
            Some(current) => (
                What::Edit,
                ObjectChange::Edit(current.key.clone(), write.clone()),
            ),
            None => (What::Create, ObjectChange::Create(write.clone())),
        };
        let mut shown = named(kind, current.map_or(&write.key, |current| &current.key));
        shown.insert("fields".to_owned(), Value::Array(fields));
        let lacks = lacking(kind, &after["settings"]);
        if !lacks.is_empty() {
            shown.insert("needs_secret".to_owned(), json!(lacks));
        }
        Ok(Some(Self {
            what,
            shown,
            change,
        }))
    }

    /// What takes an object away.
    pub(crate) fn delete(kind: &Kind, current: &Object) -> Self {
        let mut shown = named(kind, &current.key);
        let fields = fields(Some(&side(kind, current)), None, kind.secrets);
        shown.insert("fields".to_owned(), Value::Array(fields));
        Self {
            what: What::Delete,
            shown,
            change: ObjectChange::Delete(current.key.clone()),
        }
    }
}

fn is_same(odb: &Odb, current: &Object, field: &str, secret: &SecretWrite) -> Result<bool, Fault> {
    let SecretWrite::Set(given) = secret else {
        return Ok(false);
    };
    match odb.objects().reveal(current, field) {
        Ok(stored) => Ok(stored.as_ref() == Some(given)),
        // What no longer opens is not the same, and is replaced.
        Err(OdbError::Vault(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// A write that leaves the secrets there are as they are, where it has none itself.
pub(crate) fn keeping(
    kind: &Kind,
    current: Option<&Object>,
    mut write: ObjectWrite,
) -> ObjectWrite {
    let stored = |secret: &str| current.is_some_and(|object| object.settings.get(secret).is_some());
    for secret in kind.secrets.iter().filter(|secret| stored(secret)) {
        if !write.secrets.iter().any(|(field, _)| field == secret) {
            write
                .secrets
                .push(((*secret).to_owned(), SecretWrite::Keep));
        }
    }
    write
}

/// An object as fields are compared. What an older version stored is compared as this one would write it, so that a new
/// default is no change.
fn side(kind: &Kind, object: &Object) -> Value {
    let checked = (kind.check)(&checkable(kind, &object.settings));
    let mut settings = checked.map_or_else(|_| object.settings.clone(), |checked| checked.settings);
    for secret in kind.secrets {
        if let Some(sealed) = object.settings.get(secret) {
            settings[*secret] = sealed.clone();
        }
    }
    json!({
        "name": object.key.name, "kind": object.kind, "active": object.active, "settings": settings,
    })
}

/// Settings as their kind checks them: with something in place of secrets, which are sealed.
pub(crate) fn checkable(kind: &Kind, settings: &Value) -> Value {
    let mut settings = settings.clone();
    for secret in kind.secrets {
        if settings.get(secret).is_some() {
            settings[*secret] = json!(REDACTED);
        }
    }
    settings
}

/// What an object would be by a write.
fn written(write: &ObjectWrite, current: Option<&Object>) -> Value {
    let mut settings = write.settings.clone();
    for (field, secret) in &write.secrets {
        let kept = current.and_then(|current| current.settings.get(field));
        match (secret, kept) {
            (SecretWrite::Set(_), _) => settings[field] = json!(NEW_SECRET),
            (SecretWrite::Keep, Some(kept)) => settings[field] = kept.clone(),
            (SecretWrite::Keep | SecretWrite::Clear, _) => {}
        }
    }
    json!({
        "name": write.key.name, "kind": write.kind, "active": write.active, "settings": settings,
    })
}

/// Fields that differ, each with both values; secrets are not shown. Of a side that is not there all fields are listed.
pub(crate) fn fields(
    before: Option<&Value>,
    after: Option<&Value>,
    secrets: &[&str],
) -> Vec<Value> {
    let (mut old, mut new) = (Vec::new(), Vec::new());
    for (side, flat) in [(before, &mut old), (after, &mut new)] {
        if let Some(side) = side {
            flatten(String::new(), side, flat);
        }
    }
    let value = |flat: &[(String, Value)], field: &str| {
        let found = flat.iter().find(|(name, _)| name == field);
        found.map_or(Value::Null, |(_, value)| value.clone())
    };
    let added = new
        .iter()
        .filter(|(field, _)| !old.iter().any(|(name, _)| name == field));
    let names: Vec<&String> = old.iter().chain(added).map(|(field, _)| field).collect();
    let whole = before.is_none() || after.is_none();
    let mut found = Vec::new();
    for field in names {
        let (mut old, mut new) = (value(&old, field), value(&new, field));
        let told_already = whole && (field == "name" || field == "kind");
        if old == new || told_already {
            continue;
        }
        let is_secret = secrets
            .iter()
            .any(|secret| field == &format!("settings.{secret}"));
        for value in [&mut old, &mut new] {
            if is_secret && !value.is_null() {
                *value = json!(SECRET);
            }
        }
        found.push(json!({"field": field, "before": old, "after": new}));
    }
    found
}

fn flatten(path: String, value: &Value, flat: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(inner) if !inner.is_empty() => {
            for (name, value) in inner {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                flatten(path, value, flat);
            }
        }
        value => flat.push((path, value.clone())),
    }
}

/// Changes that belong together.
pub(crate) struct Plan {
    /// Revision of the cluster they were made out of.
    pub(crate) seen: i64,
    pub(crate) steps: Vec<Step>,
}

impl Plan {
    /// Makes the changes, or only checks them; answers the revision. Nothing to change takes no revision.
    ///
    /// # Errors
    /// As [`busker_odb::objects::Objects::apply`].
    pub(crate) async fn apply(&self, call: &Call, only_check: bool) -> Result<i64, OdbError> {
        if self.steps.is_empty() {
            return Ok(self.seen);
        }
        let objects = call.deps.odb.objects();
        let objects = if only_check {
            objects.dry_run()
        } else {
            objects
        };
        let batch = Batch {
            changes: self.steps.iter().map(|step| step.change.clone()).collect(),
            seen: self.seen,
        };
        let applied = objects.apply(batch, call.who()).await?;
        Ok(if only_check {
            self.seen
        } else {
            applied.revision
        })
    }

    /// The changes as answers show them.
    pub(crate) fn answer(&self, revision: i64) -> Value {
        let of = |what: What| -> Vec<Value> {
            let steps = self.steps.iter().filter(|step| step.what == what);
            steps
                .map(|step| Value::Object(step.shown.clone()))
                .collect()
        };
        json!({
            "revision": revision,
            "changed": revision != self.seen,
            "create": of(What::Create),
            "edit": of(What::Edit),
            "delete": of(What::Delete),
        })
    }
}

/// Fields of an answer with changes.
pub(crate) const CHANGES: &[(&str, &str)] = &[
    ("revision", "integer"),
    ("changed", "boolean"),
    ("create", "array"),
    ("edit", "array"),
    ("delete", "array"),
    ("warnings", "array"),
    ("needs_secret", "array"),
];

/// Times changes are made out of what there is when others write in between.
pub(crate) const ATTEMPTS: u32 = 5;

/// The end of an attempt: `None` to make the changes out of what there is by now.
pub(crate) fn settled(outcome: Result<i64, OdbError>, attempt: u32) -> Result<Option<i64>, Fault> {
    match outcome {
        Ok(revision) => Ok(Some(revision)),
        Err(OdbError::Stale { .. }) if attempt < ATTEMPTS => Ok(None),
        Err(error) => Err(refused(error)),
    }
}
