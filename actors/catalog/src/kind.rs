//! Reading and writing back settings whose type does not implement [`busker_connector::Settings`] itself.

use busker_model::object::Violation;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Reads settings into their type. Secrets are looked at first, since a message of the reader may repeat a value.
pub(crate) fn read<T: DeserializeOwned>(
    settings: &Value,
    secrets: &[&str],
) -> Result<T, Vec<Violation>> {
    let faults: Vec<Violation> = secrets
        .iter()
        .filter(|field| !settings.get(**field).is_some_and(Value::is_string))
        .map(|field| Violation::new(format!("settings.{field}"), "is required, and is text"))
        .collect();
    if !faults.is_empty() {
        return Err(faults);
    }
    serde_json::from_value(settings.clone())
        .map_err(|error| vec![Violation::new("settings", error.to_string())])
}

/// Settings written back in full, without their secrets.
pub(crate) fn written<T: serde::Serialize>(
    settings: &T,
    secrets: &[&str],
) -> Result<Value, Vec<Violation>> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(fields)) => {
            let shown: Map<String, Value> = fields
                .into_iter()
                .filter(|(name, _)| !secrets.contains(&name.as_str()))
                .collect();
            Ok(Value::Object(shown))
        }
        Ok(_) => Err(vec![Violation::new("settings", "must be a JSON object")]),
        Err(error) => Err(vec![Violation::new("settings", error.to_string())]),
    }
}
