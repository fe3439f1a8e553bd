//! The settings of one kind of object.

use busker_model::object::{Reference, Violation};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Settings as a kind reads, checks and shows them. Every field but the required ones has a serde default, and unknown
/// fields are refused (`deny_unknown_fields`).
pub trait Settings:
    Serialize + DeserializeOwned + JsonSchema + Clone + PartialEq + Send + Sync + 'static
{
    /// Name of the kind within its family, such as `http`.
    const KIND: &'static str;
    /// Kind groups its objects can be in.
    const GROUPS: &'static [&'static str] = &[Self::KIND];
    /// Fields that are sealed when stored and never shown; each is text.
    const SECRETS: &'static [&'static str] = &[];
    /// Whether each of them must be there.
    const NEEDS_SECRETS: bool = true;

    /// Every fault found, each with its field and the remedy. Pure: it opens nothing and resolves no name.
    fn check(&self) -> Vec<Violation>;

    /// Other objects it names.
    fn references(&self) -> Vec<Reference> {
        Vec::new()
    }

    /// Kind group of this object, one of [`Self::GROUPS`].
    fn group(&self) -> &'static str {
        Self::KIND
    }

    /// What no two objects of the family may share, beside their names.
    fn unique(&self) -> Option<String> {
        None
    }
}
