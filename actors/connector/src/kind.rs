//! One kind of object with the type of its settings erased, as the catalog lists it.

use busker_model::Family;
use busker_model::object::{Reference, Violation};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::settings::Settings;

/// Settings that were read and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// The settings in full, defaults written out, without secrets.
    pub settings: Value,
    /// Whom they name.
    pub references: Vec<Reference>,
    /// Kind group of the object.
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
    /// JSON Schema of the settings, without references.
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
    /// The kind whose settings are `S`, without a ping.
    #[must_use]
    pub fn of<S: Settings>(family: Family, summary: &'static str, example: fn() -> Value) -> Self {
        Self {
            family,
            kind: S::KIND,
            summary,
            check: prepare::<S>,
            schema: schema_of::<S>,
            secrets: S::SECRETS,
            groups: S::GROUPS,
            pings: false,
            example,
        }
    }

    /// Says that its objects can be pinged.
    #[must_use]
    pub fn with_ping(mut self) -> Self {
        self.pings = true;
        self
    }

    /// Reads and checks settings into their own type.
    ///
    /// # Errors
    /// Every fault found, each with its field.
    pub fn read<S: Settings>(settings: &Value) -> Result<S, Vec<Violation>> {
        let read: S = parse(settings)?;
        let faults = read.check();
        if faults.is_empty() {
            Ok(read)
        } else {
            Err(faults)
        }
    }
}

fn prepare<S: Settings>(settings: &Value) -> Result<Prepared, Vec<Violation>> {
    let read: S = Kind::read(settings)?;
    let mut written = serde_json::to_value(&read)
        .map_err(|error| vec![Violation::new("settings", error.to_string())])?;
    if let Some(fields) = written.as_object_mut() {
        fields.retain(|name, _| !S::SECRETS.contains(&name.as_str()));
    }
    Ok(Prepared {
        settings: written,
        references: read.references(),
        group: read.group().to_owned(),
        unique: read.unique(),
    })
}

/// Secrets are looked at first, since a message of the reader may repeat a value.
fn parse<S: Settings>(settings: &Value) -> Result<S, Vec<Violation>> {
    let faults: Vec<Violation> = S::SECRETS
        .iter()
        .filter(|field| match settings.get(**field) {
            Some(Value::String(_)) => false,
            None | Some(Value::Null) => S::NEEDS_SECRETS,
            Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => true,
        })
        .map(|field| {
            let message = if S::NEEDS_SECRETS {
                "is required, and is text"
            } else {
                "is text"
            };
            Violation::new(format!("settings.{field}"), message)
        })
        .collect();
    if !faults.is_empty() {
        return Err(faults);
    }
    read_part(settings)
}

/// Reads settings, or a part of them, into a type; a fault names its field.
///
/// # Errors
/// The first field that does not fit.
pub fn read_part<T: DeserializeOwned>(part: &Value) -> Result<T, Vec<Violation>> {
    serde_path_to_error::deserialize(part).map_err(|error| {
        let path = error.path().to_string();
        let field = if path == "." {
            "settings".to_owned()
        } else {
            format!("settings.{path}")
        };
        vec![Violation::new(field, error.into_inner().to_string())]
    })
}

/// JSON Schema of settings, or of a part of them, without references.
#[must_use]
pub fn schema_of<T: JsonSchema>() -> Value {
    let written = SchemaSettings::default().with(|how| how.inline_subschemas = true);
    written
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value()
}

#[cfg(test)]
mod tests;
