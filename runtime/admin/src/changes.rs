//! Changes of many objects: what a file or an older revision asks for, held against what there is.
//!
//! [`Step::of`] compares one object with what it is to be, field by field; a [`Plan`] is all steps, shown as an answer or made
//! in one write.

mod fields;

use busker_catalog::{Kind, title};
use busker_model::secret::REDACTED;
use busker_model::{Fault, Object, ObjectKey};
use busker_odb::{Batch, ObjectChange, ObjectWrite, Odb, OdbError, SecretWrite};
use serde_json::{Map, Value, json};

pub(crate) use self::fields::fields;
use crate::answers::{self, Fields};
use crate::crud::{lacking, refused};
use crate::operation::Call;

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

/// Changes that belong together.
pub(crate) struct Plan {
    /// Revision of the cluster they were made out of.
    seen: i64,
    changes: Vec<ObjectChange>,
    shown: Vec<(What, Map<String, Value>)>,
}

impl Plan {
    /// A plan without changes, made out of what there is at a revision.
    pub(crate) const fn new(seen: i64) -> Self {
        Self {
            seen,
            changes: Vec::new(),
            shown: Vec::new(),
        }
    }

    /// Makes the changes, or only checks them; answers the revision. Nothing to change takes no revision. There may be many of
    /// them, so they are handed over and not copied: a plan is applied once.
    ///
    /// # Errors
    /// As [`busker_odb::objects::Objects::apply`].
    pub(crate) async fn apply(&mut self, call: &Call, only_check: bool) -> Result<i64, OdbError> {
        if self.changes.is_empty() {
            return Ok(self.seen);
        }
        let objects = call.deps.odb.objects();
        let objects = if only_check {
            objects.dry_run()
        } else {
            objects
        };
        let batch = Batch {
            changes: std::mem::take(&mut self.changes),
            seen: self.seen,
        };
        let applied = objects.apply(batch, call.who()).await?;
        Ok(if only_check {
            self.seen
        } else {
            applied.revision
        })
    }

    /// Adds a change.
    pub(crate) fn add(&mut self, step: Step) {
        self.changes.push(step.change);
        self.shown.push((step.what, step.shown));
    }

    /// The changes as answers show them.
    pub(crate) fn answer(self, revision: i64) -> Map<String, Value> {
        let (mut create, mut edit, mut delete) = (Vec::new(), Vec::new(), Vec::new());
        for (what, shown) in self.shown {
            let list = match what {
                What::Create => &mut create,
                What::Edit => &mut edit,
                What::Delete => &mut delete,
            };
            list.push(Value::Object(shown));
        }
        let mut answer = Map::new();
        answer.insert("revision".to_owned(), json!(revision));
        answer.insert("changed".to_owned(), json!(revision != self.seen));
        for (key, list) in [("create", create), ("edit", edit), ("delete", delete)] {
            answer.insert(key.to_owned(), Value::Array(list));
        }
        answer
    }
}

/// Fields by which answers name an object.
pub(crate) const NAMED: &[(&str, &str)] = &[
    ("kind", "string"),
    ("name", "string"),
    ("transport", "string"),
];
const FIELD: &[(&str, &str)] = &[("field", "string"), ("before", "json"), ("after", "json")];
const STEP: &[(&str, &str)] = &[("place", "string"), ("needs_secret", "string[]")];

/// JSON Schema of one change, with further fields.
pub(crate) fn change(more: Fields<'_>) -> Value {
    let fields = answers::object(&[NAMED, more].concat());
    answers::with(fields, "fields", answers::list_of(answers::object(FIELD)))
}

/// JSON Schema of an answer with changes.
pub(crate) fn changes() -> Value {
    let whole = answers::object(&[("revision", "integer"), ("changed", "boolean")]);
    let steps = answers::list_of(change(STEP));
    let lacking = answers::object(&[NAMED, &[("secrets", "string[]")]].concat());
    let warning = answers::object(&[("place", "string"), ("message", "string")]);
    [
        ("create", steps.clone()),
        ("edit", steps.clone()),
        ("delete", steps),
        ("needs_secret", answers::list_of(lacking)),
        ("warnings", answers::list_of(warning)),
    ]
    .into_iter()
    .fold(whole, |whole, (name, schema)| {
        answers::with(whole, name, schema)
    })
}

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
