//! The one list of kinds: what can be configured, and how the settings of each are checked.
//!
//! It runs nothing and stores nothing: the admin services build create, edit, delete, get and list from it, and reconcile
//! asks it what an object means. A kind that is not in [`Catalog::builtin`] does not exist. Start there.

mod channel_http;
mod job;
mod job_cron;
mod job_interval;
mod job_one_time;
mod kind;
mod outgoing_http;
mod security;
mod service_settings;

pub use busker_connector::{Kind, Prepared};
pub use security::usable_security;

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
        let others = [
            channel_http::kind(),
            job_cron::kind(),
            job_interval::kind(),
            job_one_time::kind(),
            outgoing_http::kind(),
            service_settings::kind(),
        ];
        Self::of(others.into_iter().chain(security::kinds()))
    }

    /// A list of these kinds, for a node that brings its own and for tests.
    #[must_use]
    pub fn of(kinds: impl IntoIterator<Item = Kind>) -> Self {
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

/// `family.kind`, the middle of the names of a kind's admin services.
#[must_use]
pub fn title(kind: &Kind) -> String {
    format!("{}.{}", kind.family, kind.kind)
}

#[cfg(test)]
mod tests;
