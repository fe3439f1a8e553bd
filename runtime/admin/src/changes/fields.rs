//! Two sides of an object, field by field.

use serde_json::{Value, json};

/// Shown in place of a secret.
const SECRET: &str = "(secret)";

/// Fields that differ, each with both values; secrets are not shown. Of a side that is not there all fields are listed.
pub(crate) fn fields(
    before: Option<&Value>,
    after: Option<&Value>,
    secrets: &[&str],
) -> Vec<Value> {
    let (mut old, mut new) = (Vec::new(), Vec::new());
    for (side, flat) in [(before, &mut old), (after, &mut new)] {
        if let Some(side) = side {
            flatten(String::new(), side, flat);
        }
    }
    let value = |flat: &[(String, Value)], field: &str| {
        let found = flat.iter().find(|(name, _)| name == field);
        found.map_or(Value::Null, |(_, value)| value.clone())
    };
    let added = new
        .iter()
        .filter(|(field, _)| !old.iter().any(|(name, _)| name == field));
    let names: Vec<&String> = old.iter().chain(added).map(|(field, _)| field).collect();
    let whole = before.is_none() || after.is_none();
    let mut found = Vec::new();
    for field in names {
        let (mut old, mut new) = (value(&old, field), value(&new, field));
        let told_already = whole && (field == "name" || field == "kind");
        if old == new || told_already {
            continue;
        }
        let is_secret = secrets
            .iter()
            .any(|secret| field == &format!("settings.{secret}"));
        for value in [&mut old, &mut new] {
            if is_secret && !value.is_null() {
                *value = json!(SECRET);
            }
        }
        found.push(json!({"field": field, "before": old, "after": new}));
    }
    found
}

fn flatten(path: String, value: &Value, flat: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(inner) if !inner.is_empty() => {
            for (name, value) in inner {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                flatten(path, value, flat);
            }
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => flat.push((path, value.clone())),
    }
}
