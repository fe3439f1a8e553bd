//! Create, edit, delete, get and list, for every kind of the catalog.

use std::sync::Arc;

use busker_catalog::{Catalog, Kind, Prepared};
use busker_model::invocation::Role;
use busker_model::name::check_object_name;
use busker_model::object::Violation;
use busker_model::{Family, Fault, NameError, Object, ObjectKey, Secret};
use busker_odb::objects::SecretWrite;
use busker_odb::{ListFilter, ObjectWrite, Odb, OdbError, OnUse};
use busker_service::Runner;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::Deps;
use crate::operation::{Operation, read};

/// Longest page of a list.
const LIST_MAX: i64 = 1000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Create {
    name: String,
    #[serde(default = "yes")]
    active: bool,
    settings: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    name: String,
    new_name: Option<String>,
    active: Option<bool>,
    #[serde(default)]
    settings: Map<String, Value>,
    revision: Option<i64>,
    transport: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Delete {
    name: String,
    #[serde(default)]
    cascade: bool,
    transport: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Get {
    name: String,
    transport: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(default)]
    filter: String,
    #[serde(default = "hundred")]
    limit: i64,
    #[serde(default)]
    offset: i64,
}

fn yes() -> bool {
    true
}

fn hundred() -> i64 {
    100
}

/// The operations of all kinds.
pub(crate) fn services(deps: &Deps) -> Result<Vec<Arc<dyn Runner>>, NameError> {
    let mut all = Vec::new();
    for &kind in Catalog::builtin().iter() {
        let editor = if kind.family == Family::Security {
            Role::Admin
        } else {
            Role::Developer
        };
        let name = |verb: &str| format!("busker.{}.{}.{verb}", kind.family, kind.kind);
        let odb = deps.odb.clone();
        all.push(Operation::build(
            &name("create"),
            kind.summary,
            editor,
            move |input, who| {
                let odb = odb.clone();
                async move { create(&odb, &kind, read(input)?, &who).await }
            },
        )?);
        let odb = deps.odb.clone();
        all.push(Operation::build(
            &name("edit"),
            kind.summary,
            editor,
            move |input, who| {
                let odb = odb.clone();
                async move { edit(&odb, &kind, read(input)?, &who).await }
            },
        )?);
        let odb = deps.odb.clone();
        all.push(Operation::build(
            &name("delete"),
            kind.summary,
            editor,
            move |input, who| {
                let odb = odb.clone();
                async move { delete(&odb, &kind, read(input)?, &who).await }
            },
        )?);
        let odb = deps.odb.clone();
        all.push(Operation::build(
            &name("get"),
            kind.summary,
            Role::Viewer,
            move |input, _| {
                let odb = odb.clone();
                async move {
                    let input: Get = read(input)?;
                    let object = pick(&odb, &kind, &input.name, input.transport.as_deref()).await?;
                    Ok(shown(&kind, &object))
                }
            },
        )?);
        let odb = deps.odb.clone();
        all.push(Operation::build(
            &name("list"),
            kind.summary,
            Role::Viewer,
            move |input, _| {
                let odb = odb.clone();
                async move { list(&odb, &kind, read(input)?).await }
            },
        )?);
    }
    Ok(all)
}

async fn create(odb: &Odb, kind: &Kind, input: Create, who: &str) -> Result<Value, Fault> {
    check_object_name(&input.name).map_err(|error| Fault::invalid(error.to_string()))?;
    let settings = Value::Object(input.settings);
    let prepared = (kind.check)(&settings).map_err(Fault::violations)?;
    let secrets = secrets(kind, &settings);
    let object = odb
        .objects()
        .create(
            write(kind, input.name, input.active, prepared, secrets),
            who,
        )
        .await?;
    Ok(shown(kind, &object))
}

async fn edit(odb: &Odb, kind: &Kind, input: Edit, who: &str) -> Result<Value, Fault> {
    let object = pick(odb, kind, &input.name, input.transport.as_deref()).await?;
    let name = input.new_name.unwrap_or(input.name);
    check_object_name(&name).map_err(|error| Fault::invalid(error.to_string()))?;
    let secrets = secrets(kind, &Value::Object(input.settings.clone()));
    let mut settings = visible(kind, &object);
    // A secret that is not given stays sealed; the check only has to see that there is one.
    for field in kind.secrets {
        if odb.objects().reveal(&object, field)?.is_some() {
            settings.insert((*field).to_owned(), json!("kept"));
        }
    }
    settings.extend(input.settings);
    let prepared = (kind.check)(&Value::Object(settings)).map_err(Fault::violations)?;
    let active = input.active.unwrap_or(object.active);
    let write = write(kind, name, active, prepared, secrets);
    let object = odb
        .objects()
        .edit(&object.key, write, input.revision, who)
        .await?;
    Ok(shown(kind, &object))
}

async fn delete(odb: &Odb, kind: &Kind, input: Delete, who: &str) -> Result<Value, Fault> {
    let object = pick(odb, kind, &input.name, input.transport.as_deref()).await?;
    let on_use = if input.cascade {
        OnUse::Cascade
    } else {
        OnUse::Refuse
    };
    let gone = odb.objects().delete(&object.key, on_use, who).await?;
    Ok(json!({ "deleted": gone }))
}

async fn list(odb: &Odb, kind: &Kind, input: List) -> Result<Value, Fault> {
    if !(1..=LIST_MAX).contains(&input.limit) || input.offset < 0 {
        let message = format!("must be from 1 to {LIST_MAX}, and offset not negative");
        return Err(Fault::violations(vec![Violation::new("limit", message)]));
    }
    let filter = ListFilter {
        family: kind.family,
        kind: Some(kind.kind.to_owned()),
        name_contains: input.filter,
        limit: input.limit,
        offset: input.offset,
    };
    let page = odb.objects().list(&filter).await?;
    let objects: Vec<Value> = page
        .objects
        .iter()
        .map(|object| shown(kind, object))
        .collect();
    Ok(json!({ "objects": objects, "total": page.total }))
}

/// The object of a name: in the group asked for, else in the first group that has it.
async fn pick(odb: &Odb, kind: &Kind, name: &str, group: Option<&str>) -> Result<Object, Fault> {
    for candidate in kind
        .groups
        .iter()
        .filter(|&&other| group.is_none_or(|group| group == other))
    {
        let key = ObjectKey {
            family: kind.family,
            group: (*candidate).to_owned(),
            name: name.to_owned(),
        };
        match odb.objects().get(&key).await {
            Err(OdbError::NotFound(_)) => {}
            other => return Ok(other?),
        }
    }
    Err(Fault::not_found(format!(
        "there is no {}.{} named {name:?}",
        kind.family, kind.kind
    )))
}

fn write(
    kind: &Kind,
    name: String,
    active: bool,
    prepared: Prepared,
    secrets: Vec<(String, SecretWrite)>,
) -> ObjectWrite {
    ObjectWrite {
        key: ObjectKey {
            family: kind.family,
            group: prepared.group,
            name,
        },
        kind: kind.kind.to_owned(),
        active,
        settings: prepared.settings,
        secrets,
        references: prepared.references,
        unique: prepared.unique,
    }
}

/// What to do with each secret: set the one that was given, keep the one that was not.
fn secrets(kind: &Kind, settings: &Value) -> Vec<(String, SecretWrite)> {
    let given = |field: &str| settings.get(field).and_then(Value::as_str).map(Secret::new);
    kind.secrets
        .iter()
        .map(|field| {
            (
                (*field).to_owned(),
                given(field).map_or(SecretWrite::Keep, SecretWrite::Set),
            )
        })
        .collect()
}

fn visible(kind: &Kind, object: &Object) -> Map<String, Value> {
    let mut settings = object.settings.as_object().cloned().unwrap_or_default();
    settings.retain(|field, _| !kind.secrets.contains(&field.as_str()));
    settings
}

fn shown(kind: &Kind, object: &Object) -> Value {
    json!({
        "name": object.key.name,
        "active": object.active,
        "family": object.key.family,
        "kind": object.kind,
        "number": object.number,
        "revision": object.revision,
        "settings": visible(kind, object),
    })
}
