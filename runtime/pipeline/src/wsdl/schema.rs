//! What a JSON Schema declares, as elements: the counterpart of `xml::typed`.

use serde_json::{Map, Value};

use super::xsd::{Member, Type};
use crate::xml::typed::{ENTRY, ITEM, Shape, is_nullable, words};

/// The element of a value.
pub(super) fn member(name: &str, schema: &Value, required: bool) -> Member {
    let doc = schema["description"].as_str().unwrap_or_default();
    Member::new(name, type_of(schema))
        .optional(!required || is_nullable(schema))
        .documented(doc)
}

fn type_of(schema: &Value) -> Type {
    match Shape::of(schema) {
        Shape::Text => words(schema).map_or(Type::Simple("string"), |words| {
            Type::Words(words.into_iter().map(str::to_owned).collect())
        }),
        Shape::Boolean => Type::Simple("boolean"),
        Shape::Integer => Type::Simple("integer"),
        Shape::Number => Type::Simple("double"),
        Shape::Json => Type::Json,
        Shape::List(items) => Type::Sequence(vec![member(ITEM, items, true).repeated()]),
        Shape::Map(values) => {
            let mut entry = member(ENTRY, values, true).repeated();
            entry.keyed = true;
            Type::Sequence(vec![entry])
        }
        Shape::Object(fields) => Type::Sequence(members(schema, fields)),
    }
}

fn members(schema: &Value, fields: &Map<String, Value>) -> Vec<Member> {
    let required = schema["required"].as_array();
    let is_required = |name: &str| {
        required.is_some_and(|names| names.iter().any(|known| known.as_str() == Some(name)))
    };
    let declared = fields.iter();
    declared
        .map(|(name, schema)| member(name, schema, is_required(name)))
        .collect()
}
