//! Create, edit, delete and change-password.

use busker_catalog::{Kind, Prepared, usable_security};
use busker_model::object::{Reference, Violation};
use busker_model::secret::REDACTED;
use busker_model::{Family, Fault, Object, ObjectKey, Secret, ServiceName};
use busker_odb::{ObjectWrite, OdbError, OnUse, SecretWrite};
use serde_json::{Map, Value, json};

use super::{find, refused, shown};
use crate::operation::Call;
use crate::ports::NodeView;

/// Times an edit without a revision is tried when others write in between.
const EDIT_ATTEMPTS: u32 = 5;

pub(super) async fn create(call: Call, kind: Kind) -> Result<Value, Fault> {
    let given = fields(call.input.get("settings"));
    create_with(&call, kind, given).await
}

/// Creates the object a call names with these settings.
pub(crate) async fn create_with(
    call: &Call,
    kind: Kind,
    settings: Map<String, Value>,
) -> Result<Value, Fault> {
    let draft = Draft {
        name: call.input.text("name").to_owned(),
        active: call.input.flag("active", true),
        settings,
        kept: Vec::new(),
    };
    let write = draft.checked(kind)?;
    usable(call, &write).await?;
    check_path(call, &write)?;
    let created = call.objects().create(write, call.who()).await;
    Ok(call.told(shown(&created.map_err(refused)?, &kind)))
}

pub(crate) async fn edit(call: Call, kind: Kind) -> Result<Value, Fault> {
    let changed = fields(call.input.get("settings"));
    change(&call, kind, changed).await
}

pub(super) async fn change_password(call: Call, kind: Kind, secret: &str) -> Result<Value, Fault> {
    let password = same_twice(&call)?;
    let mut changed = Map::new();
    changed.insert(secret.to_owned(), json!(password.expose()));
    change(&call, kind, changed).await
}

pub(super) async fn delete(call: Call, kind: Kind) -> Result<Value, Fault> {
    let object = find(&call.deps.odb, kind, &call).await?;
    let on_use = if call.input.flag("cascade", false) {
        OnUse::Cascade
    } else {
        OnUse::Refuse
    };
    let expected = call.input.integer("revision");
    let deleted = call
        .objects()
        .delete_at(&object.key, expected, on_use, call.who())
        .await;
    let deleted: Vec<Value> = deleted
        .map_err(refused)?
        .iter()
        .map(|key| json!({"family": key.family, "group": key.group, "name": key.name}))
        .collect();
    Ok(call.told(json!({"deleted": deleted})))
}

/// The new password of a call, given twice alike.
///
/// # Errors
/// `Invalid` when they differ.
pub(crate) fn same_twice(call: &Call) -> Result<Secret, Fault> {
    let (first, second) = (
        call.input.secret("password1"),
        call.input.secret("password2"),
    );
    if first == second {
        return Ok(first);
    }
    Err(Fault::violations(vec![Violation::new(
        "password2",
        "differs from password1; give the same password twice",
    )]))
}

/// Reads, merges and writes, against the revision that was read, so that no write in between is lost.
pub(crate) async fn change(
    call: &Call,
    kind: Kind,
    changed: Map<String, Value>,
) -> Result<Value, Fault> {
    let objects = call.objects();
    let expected = call.input.integer("revision");
    let mut attempt = 1;
    loop {
        let current = find(&call.deps.odb, kind, call).await?;
        let write = merged(call, kind, &current, &changed)?;
        usable(call, &write).await?;
        check_path(call, &write)?;
        let revision = expected.unwrap_or(current.revision);
        match objects
            .edit(&current.key, write, Some(revision), call.who())
            .await
        {
            Ok(edited) => return Ok(call.told(shown(&edited, &kind))),
            Err(OdbError::Stale { .. }) if expected.is_none() && attempt < EDIT_ATTEMPTS => {
                attempt += 1;
            }
            Err(error) => return Err(refused(error)),
        }
    }
}

fn merged(
    call: &Call,
    kind: Kind,
    current: &Object,
    changed: &Map<String, Value>,
) -> Result<ObjectWrite, Fault> {
    let mut settings = fields(Some(&current.settings));
    let mut kept = Vec::new();
    for secret in kind.secrets {
        if settings.shift_remove(*secret).is_some() && !changed.contains_key(*secret) {
            kept.push(*secret);
        }
    }
    settings.extend(changed.clone());
    let name = call.input.opt_text("new_name").unwrap_or(&current.key.name);
    let draft = Draft {
        name: name.to_owned(),
        active: call.input.flag("active", current.active),
        settings,
        kept,
    };
    draft.checked(kind)
}

/// Refuses a channel on a path that the node keeps for itself.
fn check_path(call: &Call, write: &ObjectWrite) -> Result<(), Fault> {
    match reserved(&*call.deps.node, write) {
        None => Ok(()),
        Some(fault) => Err(Fault::violations(vec![fault])),
    }
}

/// What is wrong with the path of a channel that the node keeps for itself.
pub(crate) fn reserved(node: &dyn NodeView, write: &ObjectWrite) -> Option<Violation> {
    let path = match write.key.family {
        Family::Channel => write.settings.get("url_path").and_then(Value::as_str)?,
        Family::Outgoing
        | Family::Definition
        | Family::Security
        | Family::Job
        | Family::Service => return None,
    };
    let why = node.reserves(path)?;
    Some(Violation::new("settings.url_path", why))
}

/// An object before its settings are checked.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) name: String,
    pub(crate) active: bool,
    pub(crate) settings: Map<String, Value>,
    /// Secrets that stay as they are.
    pub(crate) kept: Vec<&'static str>,
}

impl Draft {
    pub(crate) fn checked(mut self, kind: Kind) -> Result<ObjectWrite, Fault> {
        if kind.family == Family::Service {
            ServiceName::new(&self.name).map_err(|error| Fault::invalid(error.to_string()))?;
        }
        let mut secrets: Vec<(String, SecretWrite)> = Vec::new();
        for field in kind.secrets {
            if self.kept.contains(field) {
                secrets.push(((*field).to_owned(), SecretWrite::Keep));
                // The check wants to see one; which one it is, it need not know.
                self.settings.insert((*field).to_owned(), json!(REDACTED));
            } else if let Some(Value::String(text)) = self.settings.get(*field) {
                let secret = Secret::new(text.as_str());
                secrets.push(((*field).to_owned(), SecretWrite::Set(secret)));
            }
        }
        let Prepared {
            settings,
            references,
            group,
            unique,
        } = (kind.check)(&Value::Object(self.settings)).map_err(Fault::violations)?;
        let name = self.name;
        Ok(ObjectWrite {
            key: ObjectKey {
                family: kind.family,
                group,
                name: name.clone(),
            },
            kind: kind.kind.to_owned(),
            active: self.active,
            settings,
            secrets,
            references,
            // Who names a security definition does not say of which kind, so a name stands for one of them.
            unique: unique.or_else(|| (kind.family == Family::Security).then_some(name)),
        })
    }
}

/// Refuses a security definition that an object cannot use; one that is not there is the database's to refuse.
async fn usable(call: &Call, write: &ObjectWrite) -> Result<(), Fault> {
    let named = write
        .references
        .iter()
        .filter(|reference| reference.family == Family::Security);
    for reference in named {
        let Some(kind) = kind_of_security(call, &reference.name).await? else {
            continue;
        };
        if let Some(fault) = unusable(write, reference, kind) {
            return Err(Fault::violations(vec![fault]));
        }
    }
    Ok(())
}

/// What is wrong with a reference to a security definition of that kind.
pub(crate) fn unusable(
    write: &ObjectWrite,
    reference: &Reference,
    kind: &str,
) -> Option<Violation> {
    let usable = usable_security(write.key.family, &write.key.group)?;
    if usable.contains(&kind) {
        return None;
    }
    let (family, group) = (write.key.family, &write.key.group);
    let message = format!(
        "names a definition of kind {kind}, which a {group} {family} cannot use: it takes {}",
        usable.join(", ")
    );
    let field = format!("settings.{}", reference.field);
    Some(Violation::new(field, message))
}

/// The kind of the security definition of that name.
async fn kind_of_security(call: &Call, name: &str) -> Result<Option<&'static str>, Fault> {
    let kinds = call.deps.catalog.iter();
    for kind in kinds.filter(|kind| kind.family == Family::Security) {
        for group in kind.groups {
            let key = ObjectKey {
                family: Family::Security,
                group: (*group).to_owned(),
                name: name.to_owned(),
            };
            match call.deps.odb.objects().get(&key).await {
                Ok(_) => return Ok(Some(kind.kind)),
                Err(OdbError::NotFound(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(None)
}

fn fields(value: Option<&Value>) -> Map<String, Value> {
    value
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default()
}
