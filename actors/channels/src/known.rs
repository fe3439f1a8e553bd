//! The security definitions that a node has prepared, for those who know one by its name and not by a channel.

use std::sync::Arc;

use busker_model::ObjectKey;
use busker_security::Definition;
use dashmap::DashMap;

use crate::limiter::Limiter;

/// A definition, and what bounds requests with its credentials.
#[derive(Debug, Clone)]
pub struct Guard {
    /// Who may come.
    pub definition: Definition,
    /// How often.
    pub limiter: Option<Arc<Limiter>>,
}

/// Definitions by key, as of the last pass of reconcile. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Known(Arc<DashMap<ObjectKey, Guard>>);

impl Known {
    /// The definition of that key; `None` when it is not there, inactive, or cannot be opened.
    #[must_use]
    pub fn get(&self, key: &ObjectKey) -> Option<Guard> {
        self.0.get(key).map(|guard| guard.clone())
    }

    /// Brings one up to date.
    pub fn set(&self, key: &ObjectKey, guard: Option<Guard>) {
        match guard {
            Some(guard) => drop(self.0.insert(key.clone(), guard)),
            None => drop(self.0.remove(key)),
        }
    }

    /// Forgets all of them.
    pub fn clear(&self) {
        self.0.clear();
    }
}
