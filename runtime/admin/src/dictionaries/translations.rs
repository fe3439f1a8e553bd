//! Translations: what an entry is called elsewhere.

use busker_model::Fault;
use busker_model::invocation::Role;
use busker_odb::dictionaries::{Item, Path};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{item, number, paged, window};
use crate::answers::{list_of, object};
use crate::input::{Input, Type};
use crate::operation::{AdminService, Call, answer};

const TRANSLATION: &[(&str, &str)] = &[
    ("number", "integer"),
    ("system1", "string"),
    ("key1", "string"),
    ("value1", "string"),
    ("system2", "string"),
    ("key2", "string"),
    ("value2", "string"),
    ("entry1", "integer"),
    ("entry2", "integer"),
];

pub(super) fn operations() -> Vec<AdminService> {
    let mut all = writing();
    all.extend(reading());
    all
}

fn writing() -> Vec<AdminService> {
    let to_a_value = |service| {
        asked(service).required(
            "value2",
            Type::Text,
            "Value of the entry it is translated to.",
        )
    };
    let mut path = question();
    path["value2"] = json!("840");
    let mut numbered = path.clone();
    numbered["number"] = json!(3);
    vec![
        to_a_value(AdminService::new(
            "busker.dictionary.translation.create",
            Role::Developer,
            "Says what an entry is called elsewhere; both entries must be there.",
            create,
        ))
        .example(path)
        .answers(TRANSLATION)
        .writing(),
        to_a_value(
            AdminService::new(
                "busker.dictionary.translation.edit",
                Role::Developer,
                "Changes a translation.",
                edit,
            )
            .required("number", Type::Integer(1, i64::MAX), "Its number."),
        )
        .example(numbered)
        .answers(TRANSLATION)
        .writing(),
        AdminService::new(
            "busker.dictionary.translation.delete",
            Role::Developer,
            "Deletes a translation; the entries stay.",
            delete,
        )
        .required("number", Type::Integer(1, i64::MAX), "Its number.")
        .example(json!({"number": 3}))
        .answers(&[("number", "integer")])
        .destroying(),
    ]
}

fn reading() -> Vec<AdminService> {
    vec![
        paged(AdminService::new(
            "busker.dictionary.translation.list",
            Role::Viewer,
            "Lists translations.",
            list,
        ))
        .example(json!({"limit": 20}))
        .answers(&[("total", "integer"), ("last_number", "integer")])
        .and("translations", list_of(object(TRANSLATION))),
        asked(AdminService::new(
            "busker.dictionary.translation.translate",
            Role::Viewer,
            "Answers what a value is called in another system, in several forms.",
            translate,
        ))
        .example(question())
        .answers(&[
            ("found", "boolean"),
            ("value2", "string?"),
            ("repr", "string?"),
            ("hex", "string?"),
            ("sha1", "string?"),
            ("sha256", "string?"),
        ]),
    ]
}

/// Adds the fields of a question.
fn asked(service: AdminService) -> AdminService {
    service
        .required(
            "system1",
            Type::Text,
            "System of the entry that is translated.",
        )
        .required("key1", Type::Text, "Its key.")
        .required("value1", Type::Text, "Its value.")
        .required("system2", Type::Text, "System it is translated to.")
        .required("key2", Type::Text, "Key it is translated to.")
}

fn question() -> Value {
    json!({"system1": "crm", "key1": "currency", "value1": "USD", "system2": "iso_4217", "key2": "numeric"})
}

fn path(input: &Input) -> Path {
    Path {
        from: item(input, "1"),
        to: item(input, "2"),
    }
}

async fn create(call: Call) -> Result<Value, Fault> {
    let dictionaries = call.deps.odb.dictionaries();
    answer(&dictionaries.link(path(&call.input)).await?)
}

async fn edit(call: Call) -> Result<Value, Fault> {
    let dictionaries = call.deps.odb.dictionaries();
    let edited = dictionaries.relink(number(&call.input), path(&call.input));
    answer(&edited.await?)
}

async fn delete(call: Call) -> Result<Value, Fault> {
    let number = number(&call.input);
    call.deps.odb.dictionaries().unlink(number).await?;
    Ok(json!({ "number": number }))
}

async fn list(call: Call) -> Result<Value, Fault> {
    let dictionaries = call.deps.odb.dictionaries();
    let page = dictionaries.translations(window(&call.input)).await?;
    let (total, last) = (page.total, page.last);
    Ok(json!({"total": total, "last_number": last, "translations": page.translations}))
}

async fn translate(call: Call) -> Result<Value, Fault> {
    let Item { system, key, .. } = item(&call.input, "2");
    let dictionaries = call.deps.odb.dictionaries();
    let from = item(&call.input, "1");
    let found = dictionaries.translate(&from, &system, &key).await?;
    let Some(value) = found else {
        let nothing = Value::Null;
        return Ok(json!({
            "found": false, "value2": nothing, "repr": nothing, "hex": nothing, "sha1": nothing, "sha256": nothing
        }));
    };
    let bytes = value.as_bytes();
    Ok(json!({
        "found": true,
        "repr": repr(&value),
        "hex": hex(bytes),
        "sha1": sha1_smol::Sha1::from(bytes).digest().to_string(),
        "sha256": hex(&Sha256::digest(bytes)),
        "value2": value,
    }))
}

/// As Python writes a text.
pub(crate) fn repr(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    let mut out = String::from(quote);
    for letter in text.chars() {
        match letter {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            letter if letter == quote => {
                out.push('\\');
                out.push(letter);
            }
            letter if letter.is_control() => out.push_str(&format!("\\x{:02x}", u32::from(letter))),
            letter => out.push(letter),
        }
    }
    out.push(quote);
    out
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_written_as_python_writes_them() {
        for (text, written) in [
            ("840", "'840'"),
            ("it's", "\"it's\""),
            ("a'b\"c", "'a\\'b\"c'"),
            ("a\nb\\\u{7}", "'a\\nb\\\\\\x07'"),
            ("zł", "'zł'"),
        ] {
            assert_eq!(repr(text), written);
        }
        assert_eq!(hex(b"840"), "383430");
    }
}
