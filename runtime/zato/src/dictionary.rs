//! Data dictionaries, translations between them, and commands to Redis.

use busker_model::Fault;
use busker_model::invocation::Role::{Developer, Operator, Viewer};
use serde_json::{Value, json};

use crate::call::Call;
use crate::row::{Answer, Row};

const ENTRY: [&str; 3] = ["system", "key", "value"];
const QUESTION: [&str; 5] = ["system1", "key1", "value1", "system2", "key2"];
const TRANSLATION: [&str; 6] = ["system1", "key1", "value1", "system2", "key2", "value2"];

pub(crate) fn rows() -> Vec<Row> {
    let mut all = entries();
    all.extend(translations());
    all.extend([
        Row::code("zato.kvdb.data-dict.impexp.import", Developer, import).takes("data"),
        Row::code("zato.kvdb.remote-command.execute", Operator, command)
            .takes("command")
            .answers("result"),
    ]);
    all
}

fn entries() -> Vec<Row> {
    vec![
        Row::code("zato.kvdb.data-dict.dictionary.create", Developer, |call| {
            write(call, "busker.dictionary.entry.create", &ENTRY)
        })
        .takes("system,key,value | id")
        .answers("id"),
        Row::code("zato.kvdb.data-dict.dictionary.delete", Developer, |call| {
            delete(call, "busker.dictionary.entry.delete")
        })
        .takes("id")
        .answers("id"),
        Row::code("zato.kvdb.data-dict.dictionary.edit", Developer, |call| {
            edit(call, "busker.dictionary.entry.edit", &ENTRY)
        })
        .takes("system,key,value | id")
        .answers("id"),
        Row::code(
            "zato.kvdb.data-dict.dictionary.get-key-list",
            Viewer,
            |call| names(call, "keys", &["system"]),
        )
        .takes("system")
        .lists("name"),
        Row::code(
            "zato.kvdb.data-dict.dictionary.get-last-id",
            Viewer,
            |call| last(call, "busker.dictionary.entry.list"),
        )
        .answers("| value"),
        Row::code(
            "zato.kvdb.data-dict.dictionary.get-list",
            Viewer,
            entry_list,
        )
        .lists("id,system,key,value"),
        Row::code(
            "zato.kvdb.data-dict.dictionary.get-system-list",
            Viewer,
            |call| names(call, "systems", &[]),
        )
        .lists("name"),
        Row::code(
            "zato.kvdb.data-dict.dictionary.get-value-list",
            Viewer,
            |call| names(call, "values", &["system", "key"]),
        )
        .takes("system,key")
        .lists("name"),
    ]
}

fn translations() -> Vec<Row> {
    vec![
        Row::code(
            "zato.kvdb.data-dict.translation.create",
            Developer,
            |call| write(call, "busker.dictionary.translation.create", &TRANSLATION),
        )
        .takes("system1,key1,value1,system2,key2,value2")
        .answers("id"),
        Row::code(
            "zato.kvdb.data-dict.translation.delete",
            Developer,
            |call| delete(call, "busker.dictionary.translation.delete"),
        )
        .takes("id"),
        Row::code("zato.kvdb.data-dict.translation.edit", Developer, |call| {
            edit(call, "busker.dictionary.translation.edit", &TRANSLATION)
        })
        .takes("id,system1,key1,value1,system2,key2,value2")
        .answers("id"),
        Row::code(
            "zato.kvdb.data-dict.translation.get-last-id",
            Viewer,
            |call| last(call, "busker.dictionary.translation.list"),
        )
        .answers("| value"),
        Row::code(
            "zato.kvdb.data-dict.translation.get-list",
            Viewer,
            translation_list,
        )
        .lists("id,system1,key1,value1,system2,key2,value2,id1,id2"),
        Row::code(
            "zato.kvdb.data-dict.translation.translate",
            Viewer,
            translate,
        )
        .takes("system1,key1,value1,system2,key2")
        .answers("| value2,repr,hex,sha1,sha256"),
    ]
}

/// Fields that have the same name in both.
fn same(call: &Call, fields: &[&str]) -> Value {
    let fields = fields
        .iter()
        .map(|field| ((*field).to_owned(), json!(call.text(field))));
    Value::Object(fields.collect())
}

async fn write(call: Call, service: &'static str, fields: &'static [&'static str]) -> Answer {
    let made = call.ours(service, same(&call, fields)).await?;
    Ok(json!({"id": made["number"]}))
}

async fn edit(call: Call, service: &'static str, fields: &'static [&'static str]) -> Answer {
    let mut input = same(&call, fields);
    input["number"] = json!(call.id("id")?);
    let edited = call.ours(service, input).await?;
    Ok(json!({"id": edited["number"]}))
}

async fn delete(call: Call, service: &'static str) -> Answer {
    let id = call.id("id")?;
    call.ours(service, json!({"number": id})).await?;
    Ok(json!({"id": id}))
}

/// Systems, keys or values.
async fn names(call: Call, of: &'static str, fields: &'static [&'static str]) -> Answer {
    let service = format!("busker.dictionary.entry.list-{of}");
    let found = call.ours(&service, same(&call, fields)).await?;
    let names = found[of].as_array().into_iter().flatten();
    Ok(names.map(|name| json!({"name": name})).collect())
}

async fn last(call: Call, service: &'static str) -> Answer {
    let page = call.ours(service, json!({"limit": 0})).await?;
    Ok(json!({"value": page["last_number"]}))
}

/// Rows under Zato's names for their numbers.
fn numbered(rows: Vec<Value>, names: &[(&str, &str)]) -> Value {
    rows.into_iter()
        .map(|mut row| {
            for (ours, zatos) in names {
                row[*zatos] = row[*ours].take();
            }
            row
        })
        .collect()
}

async fn entry_list(call: Call) -> Answer {
    let rows = call
        .pages("busker.dictionary.entry.list", "entries")
        .await?;
    Ok(numbered(rows, &[("number", "id")]))
}

async fn translation_list(call: Call) -> Answer {
    let service = "busker.dictionary.translation.list";
    let rows = call.pages(service, "translations").await?;
    let names = [("number", "id"), ("entry1", "id1"), ("entry2", "id2")];
    Ok(numbered(rows, &names))
}

async fn translate(call: Call) -> Answer {
    let question = same(&call, &QUESTION);
    call.ours("busker.dictionary.translation.translate", question)
        .await
}

/// Zato's import asks nobody either.
async fn import(call: Call) -> Answer {
    let letters: String = call.text("data").split_whitespace().collect();
    let input = json!({"data": letters, "replace_all": true});
    call.ours("busker.dictionary.import", input).await
}

/// Without a confirmation, which Zato's clients cannot give: what is dangerous for Busker itself is refused.
async fn command(call: Call) -> Result<Value, Fault> {
    let input = json!({"command": call.text("command")});
    call.ours("busker.redis.execute", input).await
}
