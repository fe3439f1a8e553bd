//! Create, edit, delete, get, list, ping and change-password of any kind, generated from the catalog.

pub(crate) mod read;
pub(crate) mod write;

use busker_catalog::{Kind, title};
use busker_model::invocation::Role;
use busker_model::object::NEEDS_SECRET;
use busker_model::{ErrorClass, Family, Fault, Object, ObjectKey};
use busker_odb::objects::redacted;
use busker_odb::{Odb, OdbError};
use serde_json::{Map, Value, json};

use crate::answers;
use crate::input::{Field, Type};
use crate::operation::{AdminService, Call};

/// Longest page of a list.
pub const LIST_MAX: i64 = 1_000;
/// Length of a page unless told otherwise.
pub const LIST_DEFAULT: i64 = 100;

const TRANSPORTS: &[&str] = &["plain_http", "soap"];
/// Long enough for every kind.
const NEW_SECRET: &str = "a new secret of at least thirty-two bytes";
const SORTS: &[&str] = &["name", "-name"];
/// Fields of an object in answers, but for its settings.
pub(crate) const OBJECT: &[(&str, &str)] = &[
    ("name", "string"),
    ("active", "boolean"),
    ("family", "string"),
    ("kind", "string"),
    ("number", "integer"),
    ("revision", "integer"),
    ("secrets", "boolean{}"),
    ("state", "string"),
];
const DELETED: &[(&str, &str)] = &[
    ("family", "string"),
    ("group", "string"),
    ("name", "string"),
];

/// The admin services of one kind.
#[must_use]
pub fn operations(kind: &Kind) -> Vec<AdminService> {
    let kind = *kind;
    let mut all = vec![
        create(kind),
        edit(kind),
        delete(kind),
        get(kind),
        list(kind),
    ];
    if kind.pings {
        all.push(ping(kind));
    }
    // Its password, key or secret, whatever the kind calls it.
    if let [secret] = kind.secrets {
        all.push(change_password(kind, secret));
    }
    all
}

/// A field of a call that one admin service makes of another.
pub(crate) const fn plain_field(name: &'static str, ty: Type) -> Field {
    Field {
        name,
        required: true,
        ty,
        doc: "",
        schema: None,
    }
}

/// The role that may write objects of a family (see [`Role`]).
pub(crate) const fn writer(family: Family) -> Role {
    match family {
        Family::Security => Role::Admin,
        Family::Channel | Family::Outgoing | Family::Definition | Family::Job | Family::Service => {
            Role::Developer
        }
    }
}

fn name_of(kind: Kind, verb: &str) -> String {
    format!("busker.{}.{verb}", title(&kind))
}

/// A name that examples share.
fn example_name(kind: Kind) -> &'static str {
    match kind.family {
        Family::Service => "stockmarket.get-market-cap",
        Family::Channel
        | Family::Outgoing
        | Family::Definition
        | Family::Security
        | Family::Job => "example",
    }
}

fn create(kind: Kind) -> AdminService {
    AdminService::new(
        name_of(kind, "create"),
        writer(kind.family),
        format!("Creates {}.", kind.summary),
        move |call: Call| write::create(call, kind),
    )
    .required("name", Type::Name, "Name, unique among its kind.")
    .optional(
        "active",
        Type::Boolean,
        "Whether it takes part; true unless given.",
    )
    .field(Field {
        name: "settings",
        required: true,
        ty: Type::Object,
        doc: "Settings of the kind.",
        schema: Some((kind.schema)()),
    })
    .example(json!({"name": example_name(kind), "settings": (kind.example)()}))
    .answering(object(kind))
    .writing()
    .validating()
}

fn edit(kind: Kind) -> AdminService {
    let mut schema = (kind.schema)();
    if let Some(fields) = schema.as_object_mut() {
        fields.shift_remove("required");
    }
    let service = AdminService::new(
        name_of(kind, "edit"),
        writer(kind.family),
        format!("Edits {}; what is not given stays as it is.", kind.summary),
        move |call: Call| write::edit(call, kind),
    )
    .required("name", Type::Name, "Name it has.")
    .optional("new_name", Type::Name, "Name it is to have.")
    .optional("active", Type::Boolean, "Whether it takes part.")
    .field(Field {
        name: "settings",
        required: false,
        ty: Type::Object,
        doc: "Settings to change; the others stay.",
        schema: Some(schema),
    })
    .optional(
        "revision",
        Type::Integer(0, i64::MAX),
        "Revision that was read; another one is a conflict.",
    )
    .example(json!({"name": example_name(kind), "active": false}))
    .answering(object(kind))
    .writing()
    .validating();
    with_transport(service, kind)
}

fn delete(kind: Kind) -> AdminService {
    let service = AdminService::new(
        name_of(kind, "delete"),
        writer(kind.family),
        format!("Deletes {}.", kind.summary),
        move |call: Call| write::delete(call, kind),
    )
    .required("name", Type::Name, "Name.")
    .optional("cascade", Type::Boolean, "Whether those who use it go too.")
    .optional(
        "revision",
        Type::Integer(0, i64::MAX),
        "Revision that was read; another one is a conflict.",
    )
    .example(json!({"name": example_name(kind)}))
    .answers(&[])
    .and("deleted", answers::list_of(answers::object(DELETED)))
    .destroying()
    .validating();
    with_transport(service, kind)
}

fn get(kind: Kind) -> AdminService {
    let service = AdminService::new(
        name_of(kind, "get"),
        Role::Viewer,
        format!("Answers {}.", kind.summary),
        move |call: Call| read::get(call, kind),
    )
    .required("name", Type::Name, "Name.")
    .example(json!({"name": example_name(kind)}))
    .answering(object(kind));
    with_transport(service, kind)
}

fn list(kind: Kind) -> AdminService {
    let service = AdminService::new(
        name_of(kind, "list"),
        Role::Viewer,
        format!("Lists objects, each {}.", kind.summary),
        move |call: Call| read::list(call, kind),
    );
    paged(service)
        .answers(&[("total", "integer")])
        .and("objects", answers::list_of(object(kind)))
}

/// The fields of a list.
pub(crate) fn paged(service: AdminService) -> AdminService {
    service
        .optional("filter", Type::Text, "Text the name contains, in any case.")
        .optional(
            "limit",
            Type::Integer(0, LIST_MAX),
            "Most objects to answer; 100 unless given.",
        )
        .optional("offset", Type::Integer(0, i64::MAX), "Objects to skip.")
        .optional("sort", Type::Choice(SORTS), "Order; name unless given.")
        .example(json!({"filter": "crm", "limit": 20}))
}

fn ping(kind: Kind) -> AdminService {
    let service = AdminService::new(
        name_of(kind, "ping"),
        Role::Operator,
        format!(
            "Pings the peer of {}; a dead peer is an answer.",
            kind.summary
        ),
        move |call: Call| read::ping(call, kind),
    )
    .required("name", Type::Name, "Name.")
    .example(json!({"name": example_name(kind)}))
    .answers(&[
        ("ok", "boolean"),
        ("ms", "integer"),
        ("message", "string"),
        ("class", "string?"),
    ]);
    with_transport(service, kind)
}

fn change_password(kind: Kind, secret: &'static str) -> AdminService {
    AdminService::new(
        name_of(kind, "change-password"),
        writer(kind.family),
        format!("Changes the {secret} of {}.", kind.summary),
        move |call: Call| write::change_password(call, kind, secret),
    )
    .required("name", Type::Name, "Name.")
    .required("password1", Type::Secret, "New password.")
    .required("password2", Type::Secret, "The same again.")
    .example(json!({"name": example_name(kind), "password1": NEW_SECRET, "password2": NEW_SECRET}))
    .answering(object(kind))
    .writing()
}

/// JSON Schema of an object in answers: its settings in full, without their secrets.
fn object(kind: Kind) -> Value {
    let mut settings = (kind.schema)();
    if let Some(fields) = settings.as_object_mut() {
        fields.shift_remove("required");
    }
    if let Some(fields) = settings["properties"].as_object_mut() {
        fields.retain(|name, _| !kind.secrets.contains(&name.as_str()));
    }
    answers::with(answers::object(OBJECT), "settings", settings)
}

/// JSON Schema of a list of objects whose kinds differ.
pub(crate) fn any_objects() -> Value {
    answers::list_of(answers::with(
        answers::object(OBJECT),
        "settings",
        json!({"type": "object"}),
    ))
}

/// HTTP objects of one name can differ in transport; only they take the field.
fn with_transport(service: AdminService, kind: Kind) -> AdminService {
    if kind.groups.len() < 2 {
        return service;
    }
    service.optional(
        "transport",
        Type::Choice(TRANSPORTS),
        "Tells objects of one name apart; plain_http goes before soap.",
    )
}

/// The object a call names.
pub(crate) async fn find(odb: &Odb, kind: Kind, call: &Call) -> Result<Object, Fault> {
    let name = call.input.text("name");
    let wanted = call.input.opt_text("transport");
    let groups = kind
        .groups
        .iter()
        .filter(|group| wanted.is_none_or(|wanted| wanted == **group));
    for group in groups {
        let key = ObjectKey {
            family: kind.family,
            group: (*group).to_owned(),
            name: name.to_owned(),
        };
        match odb.objects().get(&key).await {
            Ok(object) if object.kind == kind.kind => return Ok(object),
            Ok(_) | Err(OdbError::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let title = title(&kind);
    Err(Fault::not_found(format!(
        "name: there is no {title} {name:?}; busker.{title}.list has those there are"
    )))
}

/// Secrets that settings lack and their kind cannot do without.
pub(crate) fn lacking(kind: &Kind, settings: &Value) -> Vec<&'static str> {
    let absent = kind.secrets.iter().copied();
    let absent: Vec<_> = absent.filter(|one| settings.get(one).is_none()).collect();
    if absent.is_empty() {
        return absent;
    }
    let faults = (kind.check)(settings).err().unwrap_or_default();
    let told = |secret: &&str| {
        let field = format!("settings.{secret}");
        faults.iter().any(|fault| fault.field == field)
    };
    absent.into_iter().filter(told).collect()
}

/// An object as answers show it: no secret, sealed or not, only which ones are set.
pub(crate) fn shown(object: &Object, kind: &Kind) -> Value {
    let mut settings = redacted(&object.settings);
    let mut set = Map::new();
    if let Some(fields) = settings.as_object_mut() {
        for secret in kind.secrets {
            let there = fields.shift_remove(*secret).is_some();
            set.insert((*secret).to_owned(), Value::Bool(there));
        }
    }
    let mut answer = json!({
        "name": object.key.name,
        "active": object.active,
        "settings": settings,
        "family": object.key.family,
        "kind": object.kind,
        "number": object.number,
        "revision": object.revision,
    });
    if !set.is_empty() {
        answer["secrets"] = Value::Object(set);
        if !lacking(kind, &object.settings).is_empty() {
            answer["state"] = json!(NEEDS_SECRET);
        }
    }
    answer
}

/// A conflict, with the remedy.
pub(crate) fn refused(error: OdbError) -> Fault {
    let remedy = match &error {
        OdbError::InUse { .. } => "; delete those first, or give cascade: true",
        OdbError::Invalid(_)
        | OdbError::Conflict(_)
        | OdbError::NotFound(_)
        | OdbError::Stale { .. }
        | OdbError::Busy
        | OdbError::Unavailable { .. }
        | OdbError::Corrupt { .. }
        | OdbError::Vault(_)
        | OdbError::Refused { .. } => "",
    };
    let mut fault = Fault::from(error);
    if !remedy.is_empty() && fault.class == ErrorClass::Conflict {
        fault.message = format!("{}{remedy}", fault.message).into();
    }
    fault
}
