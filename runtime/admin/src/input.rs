//! Input of admin services: declared fields, read strictly.
//!
//! Everything that is wrong is listed at once, by field. No message repeats a value, since any value may be a secret.

mod strict;

use busker_model::object::Violation;
use busker_model::{Fault, Payload, Secret, name};
use serde_json::{Map, Value, json};

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// The name of something: printable, without spaces around it.
    Name,
    /// Any text.
    Text,
    /// Text that is never shown again.
    Secret,
    /// True or false.
    Boolean,
    /// An integer from the first to the second number.
    Integer(i64, i64),
    /// A JSON object.
    Object,
    /// Any JSON.
    Any,
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// What [`name::check_object_name`] takes, but for the bytes of what is not ASCII.
const NAME_PATTERN: &str = r"^[^\s\u0000-\u001f\u007f-\u009f](?:[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f])?$";

/// A declared field.
#[derive(Debug, Clone)]
pub struct Field {
    /// Name.
    pub name: &'static str,
    /// Whether it must be there.
    pub required: bool,
    /// What it holds.
    pub ty: Type,
    /// One sentence for people.
    pub doc: &'static str,
    /// JSON Schema, where the type alone does not say it all.
    pub schema: Option<Value>,
}

impl Field {
    /// JSON Schema of the field.
    #[must_use]
    pub fn schema(&self) -> Value {
        let mut schema = self.schema.clone().unwrap_or_else(|| match self.ty {
            Type::Name => {
                json!({"type": "string", "minLength": 1, "maxLength": name::MAX_NAME_BYTES, "pattern": NAME_PATTERN})
            }
            Type::Text => json!({"type": "string"}),
            Type::Secret => json!({"type": "string", "minLength": 1, "writeOnly": true}),
            Type::Boolean => json!({"type": "boolean"}),
            Type::Integer(least, most) => {
                json!({"type": "integer", "minimum": least, "maximum": most})
            }
            Type::Object => json!({"type": "object"}),
            Type::Any => json!({}),
            Type::Choice(words) => json!({"enum": words}),
        });
        if !self.required {
            allow_null(&mut schema);
        }
        schema["description"] = json!(self.doc);
        schema
    }

    fn fault(&self, value: &Value) -> Option<String> {
        let text = value.as_str();
        let (fine, wanted) = match self.ty {
            Type::Name => match text.map(name::check_object_name) {
                Some(Ok(())) => (true, String::new()),
                Some(Err(error)) => (false, error.reason.to_owned()),
                None => (false, "must be text".to_owned()),
            },
            Type::Text => (text.is_some(), "must be text".to_owned()),
            Type::Secret => (
                text.is_some_and(|text| !text.is_empty()),
                "must be text and not empty".to_owned(),
            ),
            Type::Boolean => (value.is_boolean(), "must be true or false".to_owned()),
            Type::Integer(least, most) => (
                value
                    .as_i64()
                    .is_some_and(|number| (least..=most).contains(&number)),
                format!("must be an integer from {least} to {most}"),
            ),
            Type::Object => (value.is_object(), "must be a JSON object".to_owned()),
            Type::Any => (true, String::new()),
            Type::Choice(words) => (
                text.is_some_and(|text| words.contains(&text)),
                format!("must be one of {}", words.join(", ")),
            ),
        };
        (!fine).then_some(wanted)
    }
}

/// An optional field may be null: many clients write every field they know.
fn allow_null(schema: &mut Value) {
    if let Some(Value::String(one)) = schema.get("type") {
        schema["type"] = json!([one, "null"]);
    }
    if let Some(Value::Array(words)) = schema.get_mut("enum") {
        words.push(Value::Null);
    }
}

/// JSON has one kind of number: what clients of some languages write as 34.0 is the integer 34.
fn whole(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(float) = number.as_f64().filter(|_| number.is_f64())
                && float.fract() == 0.0
                && float.abs() <= MAX_EXACT
            {
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "whole, and small enough to be exact"
                )]
                let integer = float as i64;
                *value = json!(integer);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(whole),
        Value::Object(fields) => fields.values_mut().for_each(whole),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// Largest integer up to which a float of 64 bits holds every one.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// Checked input.
#[derive(Clone, Default)]
pub struct Input(Map<String, Value>);

impl std::fmt::Debug for Input {
    /// Names only: a value may be a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Input {
    /// Reads a payload against the declared fields.
    ///
    /// # Errors
    /// `Invalid` with every unknown, missing and wrong field; also for a field that is given twice, at any depth.
    pub fn read(payload: &Payload, fields: &[Field]) -> Result<Self, Fault> {
        let mut given = match payload {
            Payload::None => Map::new(),
            Payload::Json(bytes) | Payload::Raw(bytes) => strict::object(bytes)?,
        };
        let mut faults: Vec<Violation> = Vec::new();
        for name in given.keys() {
            if !fields.iter().any(|field| field.name == name) {
                let known: Vec<&str> = fields.iter().map(|field| field.name).collect();
                let known = if known.is_empty() {
                    "no field is known here".to_owned()
                } else {
                    format!("known fields are {}", known.join(", "))
                };
                faults.push(Violation::new(name, format!("is not a field; {known}")));
            }
        }
        for field in fields {
            if let Some(value) = given.get_mut(field.name)
                && field.ty != Type::Any
            {
                whole(value);
            }
            match given.get(field.name) {
                Some(Value::Null) if !field.required && field.ty != Type::Any => {}
                Some(value) => {
                    faults.extend(
                        field
                            .fault(value)
                            .map(|text| Violation::new(field.name, text)),
                    );
                }
                None if field.required => {
                    faults.push(Violation::new(field.name, "is required"));
                }
                None => {}
            }
        }
        if faults.is_empty() {
            Ok(Self(given))
        } else {
            Err(Fault::violations(faults))
        }
    }

    /// The field as it is; `None` when it is missing or null.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&Value> {
        self.0.get(field).filter(|value| !value.is_null())
    }

    /// Text of a field that is required; empty when it is not there.
    #[must_use]
    pub fn text(&self, field: &str) -> &str {
        self.opt_text(field).unwrap_or_default()
    }

    /// Text of an optional field.
    #[must_use]
    pub fn opt_text(&self, field: &str) -> Option<&str> {
        self.get(field).and_then(Value::as_str)
    }

    /// A secret of a field that is required.
    #[must_use]
    pub fn secret(&self, field: &str) -> Secret {
        Secret::new(self.text(field))
    }

    /// A switch.
    #[must_use]
    pub fn flag(&self, field: &str, unless_given: bool) -> bool {
        self.get(field)
            .and_then(Value::as_bool)
            .unwrap_or(unless_given)
    }

    /// A number.
    #[must_use]
    pub fn integer(&self, field: &str) -> Option<i64> {
        self.get(field).and_then(Value::as_i64)
    }
}
