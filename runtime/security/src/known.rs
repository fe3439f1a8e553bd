//! The definitions that a node has prepared, for those who know one by its name only.

use std::sync::Arc;

use busker_model::ObjectKey;
use dashmap::DashMap;

use crate::Definition;

/// Definitions by key, as of the last pass of reconcile. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Known(Arc<DashMap<ObjectKey, Definition>>);

impl Known {
    /// The definition of that key; `None` when it is not there, inactive, or cannot be opened.
    #[must_use]
    pub fn get(&self, key: &ObjectKey) -> Option<Definition> {
        self.0.get(key).map(|definition| definition.clone())
    }

    /// Brings one up to date.
    pub fn set(&self, key: &ObjectKey, definition: Option<Definition>) {
        match definition {
            Some(definition) => drop(self.0.insert(key.clone(), definition)),
            None => drop(self.0.remove(key)),
        }
    }

    /// Forgets all of them.
    pub fn clear(&self) {
        self.0.clear();
    }
}
