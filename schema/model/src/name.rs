//! Names that are checked when they are made.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Longest name of anything, in bytes.
pub const MAX_NAME_BYTES: usize = 200;

/// A service's name, such as `stockmarket.get-market-cap`: cheap to clone, printable, without spaces or slashes.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServiceName(Arc<str>);

/// A name that breaks the rule in its message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameError {
    /// The name as given, cut at [`MAX_NAME_BYTES`].
    pub name: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "name {:?}: {}", self.name, self.reason)
    }
}

impl std::error::Error for NameError {}

impl ServiceName {
    /// Checks and takes a name.
    ///
    /// # Errors
    /// Empty, longer than [`MAX_NAME_BYTES`], or with a character other than letters, digits, `.`, `-` and `_`.
    pub fn new(name: &str) -> Result<Self, NameError> {
        let fine = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
        let reason = if name.is_empty() {
            "is empty"
        } else if name.len() > MAX_NAME_BYTES {
            "is longer than 200 bytes"
        } else if !name.chars().all(fine) {
            "may hold letters, digits, '.', '-' and '_' only"
        } else {
            return Ok(Self(name.into()));
        };
        Err(NameError {
            name: shorten(name),
            reason,
        })
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Checks the name of an object: any printable text, trimmed, as Zato allowed (`Yahoo! YQL`).
///
/// # Errors
/// Empty, longer than [`MAX_NAME_BYTES`], with a control character, or with space at either end.
pub fn check_object_name(name: &str) -> Result<(), NameError> {
    let reason = if name.is_empty() {
        "is empty"
    } else if name.len() > MAX_NAME_BYTES {
        "is longer than 200 bytes"
    } else if name.chars().any(char::is_control) {
        "has a control character"
    } else if name.trim() != name {
        "starts or ends with white space"
    } else {
        return Ok(());
    };
    Err(NameError {
        name: shorten(name),
        reason,
    })
}

fn shorten(name: &str) -> String {
    name.chars().take(MAX_NAME_BYTES).collect()
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for ServiceName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl Serialize for ServiceName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ServiceName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}
