//! SimpleIO: one declaration of flat input and output that serves JSON, XML, SOAP and forms alike.
//!
//! The schema is here; [`input`] and [`output`] apply it, purely, to JSON text without ever passing a number
//! through `f64`. Semantics follow Zato 1.1 and 2.0 with two repairs: bad input names every field at once, and a
//! conversion failure is the caller's fault, not a server error.

use serde::{Deserialize, Serialize};

mod coerce;
pub mod input;
pub mod output;
mod slots;
#[cfg(test)]
mod tests;
mod text;

pub use text::boolean;

/// The type of a field on the wire.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FieldType {
    /// By its name, as Zato does: `is_`, `needs_`, `should_` are booleans; `id`, `*_id`, `*_size`, `*_timeout`,
    /// `*_count` are integers; anything else is text.
    #[default]
    Auto,
    /// Passed on untouched.
    AsIs,
    /// Boolean: true/yes/on/y/t/1 and false/no/off/n/f/0/empty.
    Boolean,
    /// Integer of any size.
    Integer,
    /// Floating point.
    Float,
    /// Decimal number, kept as text.
    Decimal,
    /// Text.
    Text,
    /// Comma-separated on the wire, a list in the service.
    Csv,
    /// Time in UTC; a trailing `+00:00` is removed.
    Utc,
    /// A list; XML: `<name><item/>...</name>`.
    List,
    /// A dictionary; XML: `<name><item><key/><value/></item>...</name>`.
    Dict,
    /// A list of dictionaries.
    ListOfDicts,
    /// Any structure.
    Opaque,
}

/// One field of a declaration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// Name: also the XML element, so it must be an XML name.
    pub name: String,
    /// Whether it must be there.
    pub required: bool,
    /// Type.
    #[serde(default)]
    pub ty: FieldType,
    /// Value of a missing optional field; `None` means the declaration's `default_value`.
    #[serde(default)]
    pub default: Option<serde_json::Value>,
    /// One line of documentation.
    #[serde(default)]
    pub doc: String,
}

impl Field {
    /// A field of automatic type.
    #[must_use]
    pub fn new(name: impl Into<String>, required: bool) -> Self {
        Self {
            name: name.into(),
            required,
            ty: FieldType::Auto,
            default: None,
            doc: String::new(),
        }
    }

    /// Its type, or the one its name gives it; `Auto` when neither says.
    #[must_use]
    pub fn wire_type(&self) -> &FieldType {
        coerce::resolve(self)
    }

    /// The same with a type.
    #[must_use]
    pub fn typed(mut self, ty: FieldType) -> Self {
        self.ty = ty;
        self
    }
}

/// A SimpleIO declaration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SimpleIo {
    /// Element around an XML request: informative, since the root of a plain request may have any name.
    pub request_elem: String,
    /// Key (JSON) or element (XML) around the response.
    pub response_elem: String,
    /// Input fields in declared order.
    pub input: Vec<Field>,
    /// Output fields in declared order; empty means the service declares no output.
    pub output: Vec<Field>,
    /// Whether the response is a list even when it has one item.
    pub output_repeated: bool,
    /// Value of a missing optional field.
    #[serde(default)]
    pub default_value: Option<serde_json::Value>,
    /// Namespace of the response in XML.
    #[serde(default)]
    pub namespace: String,
    /// Whether JSON answers leave out the response element (the typed faces; Zato's face never).
    #[serde(default)]
    pub bare: bool,
}

impl Default for SimpleIo {
    fn default() -> Self {
        Self {
            request_elem: "request".into(),
            response_elem: "response".into(),
            input: Vec::new(),
            output: Vec::new(),
            output_repeated: false,
            default_value: None,
            namespace: String::new(),
            bare: false,
        }
    }
}
