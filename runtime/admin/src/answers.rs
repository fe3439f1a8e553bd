//! What admin services answer with, as JSON Schema, written short.

use serde_json::{Map, Value, json};

/// A field of an answer, and a word for what it holds: a JSON type, or `json` for anything. `?` behind it means that it
/// may be null, `[]` a list of it, `{}` an object with it under any name.
pub(crate) type Fields<'a> = &'a [(&'a str, &'a str)];

/// An object of these fields.
pub(crate) fn object(fields: Fields<'_>) -> Value {
    let properties: Map<String, Value> = fields
        .iter()
        .map(|(name, word)| ((*name).to_owned(), of_word(word)))
        .collect();
    json!({"type": "object", "properties": properties})
}

/// An object with a further field.
pub(crate) fn with(mut object: Value, name: &str, schema: Value) -> Value {
    object["properties"][name] = schema;
    object
}

/// A list.
pub(crate) fn list_of(items: Value) -> Value {
    json!({"type": "array", "items": items})
}

/// An object with values of one sort under any name.
pub(crate) fn map_of(values: Value) -> Value {
    json!({"type": "object", "additionalProperties": values})
}

/// The same, or null.
pub(crate) fn maybe(mut schema: Value) -> Value {
    schema["type"] = json!([schema["type"], "null"]);
    schema
}

fn of_word(word: &str) -> Value {
    if let Some(word) = word.strip_suffix("[]") {
        return list_of(of_word(word));
    }
    if let Some(word) = word.strip_suffix("{}") {
        return map_of(of_word(word));
    }
    match word.strip_suffix('?') {
        Some(word) => maybe(of_word(word)),
        None if word == "json" => json!({}),
        None if word == "array" => list_of(json!({})),
        None => json!({"type": word}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_short_for_schemas() {
        let fields = object(&[
            ("a", "string?"),
            ("b", "integer[]"),
            ("c", "boolean{}"),
            ("d", "json"),
        ]);
        let expected = json!({
            "a": {"type": ["string", "null"]},
            "b": {"type": "array", "items": {"type": "integer"}},
            "c": {"type": "object", "additionalProperties": {"type": "boolean"}},
            "d": {},
        });
        assert_eq!(fields["properties"], expected);
        assert_eq!(maybe(fields)["type"], json!(["object", "null"]));
    }
}
