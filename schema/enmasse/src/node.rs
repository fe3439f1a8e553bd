//! A value of a file, with its place.

use std::fmt;

use serde_json::{Map, Value};

use crate::mark::Mark;
use crate::scalar;

/// A value and where it begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it begins.
    pub mark: Mark,
    /// What it is.
    pub data: Data,
}

/// What a value is. `Debug` shows the shape alone: any value may be a secret.
#[derive(Clone, PartialEq)]
pub enum Data {
    /// One word or text; `plain` when it has no quotes, and so may mean a number, a boolean or null.
    Scalar {
        /// The text.
        text: String,
        /// Whether it has no quotes.
        plain: bool,
    },
    /// A list.
    List(Vec<Node>),
    /// Keys with values, in the order of the file.
    Map(Vec<Entry>),
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key is.
    pub mark: Mark,
    /// The value.
    pub value: Node,
}

impl fmt::Debug for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar { plain, .. } => f
                .debug_struct("Scalar")
                .field("plain", plain)
                .finish_non_exhaustive(),
            Self::List(items) => f.debug_list().entries(items).finish(),
            Self::Map(entries) => f.debug_list().entries(entries).finish(),
        }
    }
}

impl Node {
    /// A text at a place.
    pub(crate) fn text_at(mark: Mark, text: impl Into<String>) -> Self {
        Self {
            mark,
            data: Data::Scalar {
                text: text.into(),
                plain: false,
            },
        }
    }

    /// The value as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        match &self.data {
            Data::Scalar { text, plain: true } => scalar::resolve(text),
            Data::Scalar { text, .. } => Value::String(text.clone()),
            Data::List(items) => items.iter().map(Self::json).collect(),
            Data::Map(entries) => Value::Object(json_of(entries)),
        }
    }

    /// The text of a scalar, whatever else it may mean; `None` for null, lists and maps.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.data {
            Data::Scalar { text, .. } if !self.is_null() => Some(text),
            Data::Scalar { .. } | Data::List(_) | Data::Map(_) => None,
        }
    }

    /// Whether it says that there is nothing.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(&self.data, Data::Scalar { text, plain: true } if scalar::is_null(text))
    }

    /// Its entries, when it is a map.
    #[must_use]
    pub fn entries(&self) -> Option<&[Entry]> {
        match &self.data {
            Data::Map(entries) => Some(entries),
            Data::Scalar { .. } | Data::List(_) => None,
        }
    }
}

/// The entry of a key.
#[must_use]
pub(crate) fn find<'e>(entries: &'e [Entry], key: &str) -> Option<&'e Entry> {
    entries.iter().find(|entry| entry.key == key)
}

/// Entries as a JSON object.
pub(crate) fn json_of(entries: &[Entry]) -> Map<String, Value> {
    let fields = entries.iter();
    fields
        .map(|entry| (entry.key.clone(), entry.value.json()))
        .collect()
}
