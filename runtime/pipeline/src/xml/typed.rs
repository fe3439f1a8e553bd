//! JSON that a JSON Schema describes, as XML and back, without loss.
//!
//! | JSON Schema | XML |
//! |---|---|
//! | text, also one of given words | text |
//! | boolean, integer, number | `xsd:boolean`, `xsd:integer`, `xsd:double` |
//! | object with `properties` and no others | an element for each field that is there |
//! | array with `items` | an `<item>` for each |
//! | object with `additionalProperties` | an `<entry key="...">` for each |
//! | anything else | JSON text |
//! | null | `xsi:nil="true"` |
//!
//! A value that is not of its type, and text with a character XML has no form for, is JSON text in an element with
//! `xsi:type="...:json"`; so nothing is lost whatever the schema says. What reads the JSON judges it: reading here leaves
//! wrong values, unknown elements and elements that come twice as they are.

use serde_json::{Map, Value};

pub(crate) mod read;
pub(crate) mod write;

#[cfg(test)]
mod tests;

/// Name of an item of a list.
pub(crate) const ITEM: &str = "item";
/// Name of an entry of an object whose keys are not declared; its key is the attribute [`KEY`].
pub(crate) const ENTRY: &str = "entry";
/// Attribute of an entry.
pub(crate) const KEY: &str = "key";
/// Name of the type of JSON text.
pub(crate) const JSON: &str = "json";

/// How a value looks in XML.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Shape<'s> {
    Text,
    Boolean,
    Integer,
    Number,
    /// A list, and the schema of its items.
    List(&'s Value),
    /// An object of any keys, and the schema of its values.
    Map(&'s Value),
    /// An object of these fields.
    Object(&'s Map<String, Value>),
    /// JSON text.
    Json,
}

impl<'s> Shape<'s> {
    pub(crate) fn of(schema: &'s Value) -> Self {
        if words(schema).is_some() {
            return Self::Text;
        }
        match type_of(schema) {
            Some("string") => Self::Text,
            Some("boolean") => Self::Boolean,
            Some("integer") => Self::Integer,
            Some("number") => Self::Number,
            Some("array") => schema.get("items").map_or(Self::Json, Self::List),
            Some("object") => Self::of_object(schema),
            Some(_) | None => Self::Json,
        }
    }

    fn of_object(schema: &'s Value) -> Self {
        let others = schema.get("additionalProperties");
        match (schema.get("properties"), others) {
            (Some(Value::Object(fields)), None | Some(Value::Bool(false))) => Self::Object(fields),
            (None, Some(values @ Value::Object(_))) => Self::Map(values),
            (Some(_) | None, Some(_) | None) => Self::Json,
        }
    }
}

/// Whether null is a value of its own.
pub(crate) fn is_nullable(schema: &Value) -> bool {
    let has_null = |list: &Value, null: &Value| list.as_array().is_some_and(|l| l.contains(null));
    has_null(&schema["type"], &Value::from("null")) || has_null(&schema["enum"], &Value::Null)
}

/// The words a text is one of.
pub(crate) fn words(schema: &Value) -> Option<Vec<&str>> {
    if let Some(words) = schema.get("enum").and_then(Value::as_array) {
        let words = words.iter().filter(|word| !word.is_null());
        return words.map(Value::as_str).collect();
    }
    let choices = schema.get("oneOf").and_then(Value::as_array)?;
    choices
        .iter()
        .map(|choice| choice.get("const").and_then(Value::as_str))
        .collect()
}

/// The one type beside null.
fn type_of(schema: &Value) -> Option<&str> {
    match schema.get("type")? {
        Value::String(word) => Some(word),
        Value::Array(words) => {
            let mut words = words
                .iter()
                .filter_map(Value::as_str)
                .filter(|w| *w != "null");
            match (words.next(), words.next()) {
                (Some(word), None) => Some(word),
                (Some(_) | None, Some(_) | None) => None,
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}
