//! JSON held against JSON Schema, as far as the schemas of the API go.

use serde_json::Value;

/// Everything in which a value differs from its schema. A field that a schema of fields does not name is one of them.
#[must_use]
pub fn misfits(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, value, "$", &mut found);
    found
}

fn check(schema: &Value, value: &Value, path: &str, found: &mut Vec<String>) {
    if !is_of_type(&schema["type"], value) {
        found.push(format!("{path}: {value} is no {}", schema["type"]));
        return;
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        found.push(format!("{path}: {value} is none of {words:?}"));
    }
    if let Some(choices) = schema["oneOf"].as_array()
        && !choices.iter().any(|choice| choice["const"] == *value)
    {
        found.push(format!("{path}: {value} is none of {choices:?}"));
    }
    if let Some(number) = value.as_i64() {
        let (least, most) = (&schema["minimum"], &schema["maximum"]);
        let low = least.as_i64().is_some_and(|least| number < least);
        let high = most.as_i64().is_some_and(|most| number > most);
        if low || high {
            found.push(format!("{path}: {number} is not from {least} to {most}"));
        }
    }
    if let Some(items) = value.as_array() {
        for (place, item) in items.iter().enumerate() {
            check(&schema["items"], item, &format!("{path}[{place}]"), found);
        }
    }
    if let Some(fields) = value.as_object() {
        for name in schema["required"].as_array().into_iter().flatten() {
            if !fields.contains_key(name.as_str().unwrap()) {
                found.push(format!("{path}: {name} is missing"));
            }
        }
        for (name, value) in fields {
            check(
                field_of(schema, name),
                value,
                &format!("{path}.{name}"),
                found,
            );
        }
    }
}

/// The schema of a field; one that nothing fits when it is not declared where others are.
fn field_of<'s>(schema: &'s Value, name: &str) -> &'s Value {
    static ANYTHING: Value = Value::Null;
    static NOTHING: std::sync::LazyLock<Value> =
        std::sync::LazyLock::new(|| serde_json::json!({"type": "declared field"}));
    let declared = schema["properties"].get(name);
    match (
        declared,
        schema.get("properties"),
        &schema["additionalProperties"],
    ) {
        (Some(known), _, _) => known,
        (None, _, values @ Value::Object(_)) => values,
        (None, Some(_), Value::Null | Value::Bool(false)) => &NOTHING,
        _ => &ANYTHING,
    }
}

fn is_of_type(ty: &Value, value: &Value) -> bool {
    match ty {
        Value::String(word) => is_a(word, value),
        Value::Array(words) => words.iter().any(|word| is_of_type(word, value)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => true,
    }
}

fn is_a(word: &str, value: &Value) -> bool {
    match word {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}
