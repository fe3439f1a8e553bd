//! Key/value data dictionaries: entries here, then `translations` between them, and `exchange` of all of them as a file.

mod exchange;
mod translations;

pub(crate) use translations::repr;

use busker_model::Fault;
use busker_model::invocation::Role;
use busker_odb::dictionaries::{DICTIONARY_PAGE, Item, Window};
use serde_json::{Value, json};

use crate::answers::{list_of, object};
use crate::input::{Input, Type};
use crate::operation::{AdminService, Call, answer};

/// Rows of a page unless told otherwise.
const PAGE: i64 = 100;
const ENTRY: &[(&str, &str)] = &[
    ("number", "integer"),
    ("system", "string"),
    ("key", "string"),
    ("value", "string"),
];

pub(crate) fn operations() -> Vec<AdminService> {
    let mut all = writing();
    all.extend(reading());
    all.extend(translations::operations());
    all.extend(exchange::operations());
    all
}

fn writing() -> Vec<AdminService> {
    let named = |service: AdminService| {
        service
            .required(
                "system",
                Type::Text,
                "System: letters, digits and underscores.",
            )
            .required("key", Type::Text, "Key: letters, digits and underscores.")
            .required("value", Type::Text, "Value: any text.")
    };
    let usd = json!({"system": "crm", "key": "currency", "value": "USD"});
    let mut numbered = usd.clone();
    numbered["number"] = json!(7);
    vec![
        named(AdminService::new(
            "busker.dictionary.entry.create",
            Role::Developer,
            "Adds an entry to the data dictionaries: a value that a key has in a system.",
            create,
        ))
        .example(usd)
        .answers(ENTRY)
        .writing(),
        named(
            AdminService::new(
                "busker.dictionary.entry.edit",
                Role::Developer,
                "Changes an entry; translations that use it follow.",
                edit,
            )
            .required("number", Type::Integer(1, i64::MAX), "Its number."),
        )
        .example(numbered)
        .answers(ENTRY)
        .writing(),
        AdminService::new(
            "busker.dictionary.entry.delete",
            Role::Developer,
            "Deletes an entry and the translations that use it.",
            delete,
        )
        .required("number", Type::Integer(1, i64::MAX), "Its number.")
        .example(json!({"number": 7}))
        .answers(&[("number", "integer"), ("translations", "integer")])
        .destroying(),
    ]
}

fn reading() -> Vec<AdminService> {
    vec![
        paged(
            AdminService::new(
                "busker.dictionary.entry.list",
                Role::Viewer,
                "Lists entries, those of a system and a key or all.",
                list,
            )
            .optional("system", Type::Text, "Only those of this system.")
            .optional("key", Type::Text, "Only those of this key."),
        )
        .example(json!({"system": "crm"}))
        .answers(&[("total", "integer"), ("last_number", "integer")])
        .and("entries", list_of(object(ENTRY))),
        AdminService::new(
            "busker.dictionary.entry.list-systems",
            Role::Viewer,
            "Lists the systems that have entries.",
            systems,
        )
        .answers(&[("systems", "string[]")]),
        AdminService::new(
            "busker.dictionary.entry.list-keys",
            Role::Viewer,
            "Lists the keys of a system.",
            keys,
        )
        .required("system", Type::Text, "System.")
        .example(json!({"system": "crm"}))
        .answers(&[("keys", "string[]")]),
        AdminService::new(
            "busker.dictionary.entry.list-values",
            Role::Viewer,
            "Lists the values of a key in a system.",
            values,
        )
        .required("system", Type::Text, "System.")
        .required("key", Type::Text, "Key.")
        .example(json!({"system": "crm", "key": "currency"}))
        .answers(&[("values", "string[]")]),
    ]
}

/// Adds the fields of a page.
fn paged(service: AdminService) -> AdminService {
    service
        .optional("offset", Type::Integer(0, i64::MAX), "How many to skip.")
        .optional(
            "limit",
            Type::Integer(0, DICTIONARY_PAGE),
            "How many at most; 100 unless given.",
        )
}

fn window(input: &Input) -> Window {
    Window {
        offset: input.integer("offset").unwrap_or(0),
        limit: input.integer("limit").unwrap_or(PAGE),
    }
}

fn number(input: &Input) -> i64 {
    input.integer("number").unwrap_or_default()
}

/// The item whose fields end like this.
fn item(input: &Input, which: &str) -> Item {
    let [system, key, value] = ["system", "key", "value"].map(|name| format!("{name}{which}"));
    Item::new(input.text(&system), input.text(&key), input.text(&value))
}

async fn create(call: Call) -> Result<Value, Fault> {
    let dictionaries = call.deps.odb.dictionaries();
    answer(&dictionaries.create(item(&call.input, "")).await?)
}

async fn edit(call: Call) -> Result<Value, Fault> {
    let dictionaries = call.deps.odb.dictionaries();
    let edited = dictionaries.edit(number(&call.input), item(&call.input, ""));
    answer(&edited.await?)
}

async fn delete(call: Call) -> Result<Value, Fault> {
    let number = number(&call.input);
    let translations = call.deps.odb.dictionaries().delete(number).await?;
    Ok(json!({"number": number, "translations": translations}))
}

async fn list(call: Call) -> Result<Value, Fault> {
    let (system, key) = (call.input.text("system"), call.input.text("key"));
    let dictionaries = call.deps.odb.dictionaries();
    let page = dictionaries.list(system, key, window(&call.input)).await?;
    Ok(json!({"total": page.total, "last_number": page.last, "entries": page.entries}))
}

async fn systems(call: Call) -> Result<Value, Fault> {
    Ok(json!({"systems": call.deps.odb.dictionaries().systems().await?}))
}

async fn keys(call: Call) -> Result<Value, Fault> {
    let dictionaries = call.deps.odb.dictionaries();
    Ok(json!({"keys": dictionaries.keys(call.input.text("system")).await?}))
}

async fn values(call: Call) -> Result<Value, Fault> {
    let (system, key) = (call.input.text("system"), call.input.text("key"));
    let dictionaries = call.deps.odb.dictionaries();
    Ok(json!({"values": dictionaries.values(system, key).await?}))
}
