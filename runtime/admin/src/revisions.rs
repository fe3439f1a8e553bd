//! Revisions: what was done when, what differs between two, and the way back to one.

mod revert;

use busker_model::invocation::Role;
use busker_model::{Family, Fault};
use busker_odb::objects::{Difference, HistoryEntry};
use serde_json::{Map, Value, json};

use crate::answers::{list_of, object};
use crate::changes::{change, changes, fields};
use crate::input::Type;
use crate::operation::{AdminService, Call};

/// Longest page of revisions.
const LIST_MAX: i64 = 1_000;
/// Length of a page unless told otherwise.
const LIST_DEFAULT: i64 = 50;

const REVISION: &[(&str, &str)] = &[
    ("revision", "integer"),
    ("at_ms", "integer"),
    ("who", "string"),
    ("created", "integer"),
    ("edited", "integer"),
    ("deleted", "integer"),
];

pub(crate) fn operations() -> Vec<AdminService> {
    let revision = Type::Integer(0, i64::MAX);
    vec![
        AdminService::new(
            "busker.revision.list",
            Role::Viewer,
            "Lists the revisions that changed objects, newest first.",
            list,
        )
        .optional(
            "limit",
            Type::Integer(1, LIST_MAX),
            "Most revisions to answer; 50 unless given.",
        )
        .optional("before", revision, "Only revisions before this one.")
        .example(json!({"limit": 20}))
        .answers(&[("current", "integer")])
        .and("revisions", list_of(object(REVISION))),
        AdminService::new(
            "busker.revision.get",
            Role::Viewer,
            "Answers what one revision did to objects, field by field.",
            get,
        )
        .required("revision", revision, "The revision.")
        .example(json!({"revision": 53}))
        .answers(&[
            ("revision", "integer"),
            ("who", "string"),
            ("at_ms", "integer"),
        ])
        .and("changes", list_of(change(&[("action", "string")]))),
        AdminService::new(
            "busker.revision.diff",
            Role::Viewer,
            "Answers what differs between two revisions, field by field.",
            diff,
        )
        .required("from", revision, "The older revision; 0 is before all.")
        .optional("to", revision, "The newer revision; the newest unless given.")
        .example(json!({"from": 41, "to": 53}))
        .answers(&[("from", "integer"), ("to", "integer")])
        .and("create", list_of(change(&[])))
        .and("edit", list_of(change(&[])))
        .and("delete", list_of(change(&[]))),
        AdminService::new(
            "busker.revision.revert",
            Role::Developer,
            "Makes objects what they were at a revision, at a new one; a secret stays as it is now.",
            revert::revert,
        )
        .required("revision", revision, "The revision to go back to.")
        .example(json!({"revision": 41, "validate_only": true}))
        .answering(changes())
        .destroying()
        .validating(),
    ]
}

async fn list(call: Call) -> Result<Value, Fault> {
    let limit = call.input.integer("limit").unwrap_or(LIST_DEFAULT);
    let objects = call.deps.odb.objects();
    let revisions = objects
        .revisions(call.input.integer("before"), limit)
        .await?;
    let current = call.deps.odb.cluster().revision().await?;
    Ok(json!({"revisions": revisions, "current": current}))
}

async fn get(call: Call) -> Result<Value, Fault> {
    let revision = call.input.integer("revision").unwrap_or_default();
    let entries = call.deps.odb.objects().revision(revision).await?;
    let first = entries.first();
    let (who, at_ms) = first.map_or(("", 0), |entry| (&*entry.who, entry.at_ms));
    let changes: Vec<Value> = entries.iter().map(|entry| told(&call, entry)).collect();
    Ok(json!({"revision": revision, "who": who, "at_ms": at_ms, "changes": changes}))
}

fn told(call: &Call, entry: &HistoryEntry) -> Value {
    let mut told = Map::new();
    told.insert("action".to_owned(), json!(entry.action));
    told.extend(compared(call, &entry.before, &entry.after));
    Value::Object(told)
}

async fn diff(call: Call) -> Result<Value, Fault> {
    let from = call.input.integer("from").unwrap_or_default();
    let objects = call.deps.odb.objects();
    let found = objects.differences(from, call.input.integer("to")).await?;
    let of = |which: fn(&Difference) -> bool| -> Vec<Value> {
        let chosen = found.objects.iter().filter(|one| which(one));
        chosen
            .map(|one| Value::Object(compared(&call, &one.before, &one.after)))
            .collect()
    };
    Ok(json!({
        "from": from,
        "to": found.to,
        "create": of(|one| one.before.is_null()),
        "edit": of(|one| !one.before.is_null() && !one.after.is_null()),
        "delete": of(|one| one.after.is_null()),
    }))
}

/// Kind, name and fields of an object as history has it, before and after.
fn compared(call: &Call, before: &Value, after: &Value) -> Map<String, Value> {
    let newest = if after.is_null() { before } else { after };
    let word = |field: &str| newest[field].as_str().unwrap_or_default();
    let family: Option<Family> = word("family").parse().ok();
    let kind = family.and_then(|family| call.deps.catalog.get(family, word("kind")));
    let mut shown = Map::new();
    let title = format!("{}.{}", word("family"), word("kind"));
    shown.insert("kind".to_owned(), json!(title));
    shown.insert("name".to_owned(), newest["name"].clone());
    if kind.is_some_and(|kind| kind.groups.len() > 1) {
        shown.insert("transport".to_owned(), newest["group"].clone());
    }
    let side = |value: &Value| {
        let fields = value.as_object()?;
        let mut side = fields.clone();
        // What names the kind is told above, and the revision differs always.
        for field in ["family", "group", "revision"] {
            side.shift_remove(field);
        }
        Some(Value::Object(side))
    };
    let secrets = kind.map_or(&[][..], |kind| kind.secrets);
    let fields = fields(side(before).as_ref(), side(after).as_ref(), secrets);
    shown.insert("fields".to_owned(), Value::Array(fields));
    shown
}
