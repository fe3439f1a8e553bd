//! What is known of one kind, with the type of its settings erased.

use busker_model::Family;
use busker_model::object::{Reference, Violation};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Settings that were read and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// The settings in their full form, without secrets.
    pub settings: Value,
    /// Whom they name.
    pub references: Vec<Reference>,
    /// Kind group of the object: the transport for HTTP, else the kind.
    pub group: String,
    /// What else may be there once in the family.
    pub unique: Option<String>,
}

/// One kind of object.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// Family it belongs to.
    pub family: Family,
    /// Name within the family, such as `http`.
    pub kind: &'static str,
    /// What such an object is, as a noun: `an HTTP channel`.
    pub summary: &'static str,
    /// Reads and checks settings; pure. Lists every fault it finds and never repeats a secret.
    pub check: fn(&Value) -> Result<Prepared, Vec<Violation>>,
    /// JSON Schema of the settings.
    pub schema: fn() -> Value,
    /// Settings that are sealed when stored and never shown.
    pub secrets: &'static [&'static str],
    /// Kind groups its objects can be in; a name without a group is looked for in this order.
    pub groups: &'static [&'static str],
    /// Whether its objects can be pinged.
    pub pings: bool,
    /// Settings that pass the check.
    pub example: fn() -> Value,
}

impl Kind {
    /// `family.kind`, the middle of the names of its admin services.
    #[must_use]
    pub fn title(&self) -> String {
        format!("{}.{}", self.family, self.kind)
    }
}

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
