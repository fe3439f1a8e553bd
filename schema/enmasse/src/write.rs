//! Objects as text that reads as they are.

use serde_json::{Map, Value, json};

use crate::VERSION;
use crate::variables::escaped;

/// An object to be written. Its settings hold no secret.
#[derive(Debug, Clone, PartialEq)]
pub struct Exported {
    /// Kind, such as `channel.http`.
    pub title: String,
    /// Name.
    pub name: String,
    /// Whether it takes part.
    pub active: bool,
    /// Settings.
    pub settings: Map<String, Value>,
    /// Names of the secrets it has or lacks, which are not written.
    pub secrets: Vec<String>,
}

/// How objects are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Yaml,
    /// For programs.
    Json,
}

/// The text could not be made: a bug of the writer.
#[derive(Debug, thiserror::Error)]
#[error("the text could not be made: {0}")]
pub struct WriteError(String);

/// Writes objects in their order, kind by kind; the same objects are the same text, always.
///
/// # Errors
/// When a value has no form in the format, which no value of JSON has.
pub fn write(objects: &[Exported], format: Format) -> Result<String, WriteError> {
    let mut document = Map::new();
    document.insert("version".to_owned(), json!(VERSION));
    for object in objects {
        let list = document
            .entry(object.title.clone())
            .or_insert_with(|| json!([]));
        if let Some(list) = list.as_array_mut() {
            list.push(one(object));
        }
    }
    let document = Value::Object(document);
    let json =
        serde_json::to_string_pretty(&document).map_err(|error| WriteError(error.to_string()))?;
    match format {
        Format::Json => Ok(printable(&json) + "\n"),
        // The writer of YAML folds a line separator into white space. JSON, which is YAML too, escapes it.
        Format::Yaml if !json.chars().all(is_taken) => Ok(head(objects) + &printable(&json) + "\n"),
        Format::Yaml => serde_yaml_ng::to_string(&document)
            .map(|text| head(objects) + &text)
            .map_err(|error| WriteError(error.to_string())),
    }
}

fn one(object: &Exported) -> Value {
    let settings = escaped_values(&Value::Object(object.settings.clone()));
    json!({"name": escaped(&object.name), "active": object.active, "settings": settings})
}

fn escaped_values(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(escaped(text)),
        Value::Array(items) => items.iter().map(escaped_values).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, field)| (name.clone(), escaped_values(field)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// Whether YAML takes a character as it is.
fn is_taken(letter: char) -> bool {
    matches!(letter, ' '..='~' | '\n' | '\u{a0}'..='\u{2027}' | '\u{202a}'..='\u{fefe}' | '\u{ff00}'..='\u{fffd}')
        || letter > '\u{ffff}'
}

/// Text of JSON in which what YAML does not take as it is is escaped; it can be in strings only.
fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_taken(letter) {
            printable.push(letter);
        } else {
            printable.push_str(&format!("\\u{:04x}", u32::from(letter)));
        }
    }
    printable
}

/// Tells which secrets whoever imports the text somewhere else has to bring.
fn head(objects: &[Exported]) -> String {
    let mut head = String::from("# Configuration of Busker; busker enmasse import reads it.\n");
    let with_secrets = objects.iter().filter(|object| !object.secrets.is_empty());
    for (number, object) in with_secrets.enumerate() {
        if number == 0 {
            head.push_str("# Secrets are not exported. Where these objects do not exist, give them, as ${VARIABLE}:\n");
        }
        let (title, name) = (&object.title, &object.name);
        head.push_str(&format!(
            "#   {title} {name:?}: {}\n",
            object.secrets.join(", ")
        ));
    }
    head
}
