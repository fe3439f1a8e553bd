//! A published snapshot: one owner stores, any thread reads without waiting.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

/// The latest value its owner published.
#[derive(Debug)]
pub struct Slot<T>(ArcSwap<T>);

impl<T> Slot<T> {
    /// A slot with a first value.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self(ArcSwap::from_pointee(value))
    }

    /// The current value, for a short look.
    #[must_use]
    pub fn load(&self) -> Guard<Arc<T>> {
        self.0.load()
    }

    /// The current value, to keep.
    #[must_use]
    pub fn load_full(&self) -> Arc<T> {
        self.0.load_full()
    }

    /// Publishes a new value.
    pub fn store(&self, value: T) {
        self.0.store(Arc::new(value));
    }
}
