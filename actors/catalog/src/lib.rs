//! The one list of kinds: what can be configured, and how the settings of each are checked.
//!
//! It runs nothing and stores nothing: the admin services build create, edit, delete, get and list from it, and reconcile
//! asks it what an object means. A kind that is not in [`Catalog::builtin`] does not exist. Start there.

mod basic_auth;
mod channel_http;
mod kind;
mod service_settings;

pub use kind::{Kind, Prepared};

use std::collections::BTreeMap;

use busker_model::Family;

/// Kinds by family and name.
#[derive(Debug, Clone)]
pub struct Catalog {
    kinds: BTreeMap<(Family, &'static str), Kind>,
}

impl Catalog {
    /// Every kind this version knows.
    #[must_use]
    pub fn builtin() -> Self {
        let kinds = [
            basic_auth::kind(),
            channel_http::kind(),
            service_settings::kind(),
        ];
        Self {
            kinds: kinds
                .into_iter()
                .map(|kind| ((kind.family, kind.kind), kind))
                .collect(),
        }
    }

    /// The kind of that name in a family.
    #[must_use]
    pub fn get(&self, family: Family, kind: &str) -> Option<&Kind> {
        self.iter()
            .find(|known| known.family == family && known.kind == kind)
    }

    /// All kinds, sorted by family and name.
    pub fn iter(&self) -> impl Iterator<Item = &Kind> {
        self.kinds.values()
    }
}

#[cfg(test)]
mod tests;
