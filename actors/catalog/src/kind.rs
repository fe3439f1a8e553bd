//! Reading and writing back settings whose type does not implement [`busker_connector::Settings`] itself.

use busker_connector::read_part;
use busker_model::object::Violation;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads settings that hold no secret into their type.
pub(crate) fn read<T: DeserializeOwned>(settings: &Value) -> Result<T, Vec<Violation>> {
    read_part(settings)
}

/// Settings written back in full.
pub(crate) fn written<T: serde::Serialize>(settings: &T) -> Result<Value, Vec<Violation>> {
    match serde_json::to_value(settings) {
        Ok(Value::Object(fields)) => Ok(Value::Object(fields)),
        Ok(_) => Err(vec![Violation::new("settings", "must be a JSON object")]),
        Err(error) => Err(vec![Violation::new("settings", error.to_string())]),
    }
}
