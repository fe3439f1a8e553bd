//! Keys that come from outside, swapped whole: requests read what is there, whoever fetches puts in what is new.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::{Algorithm, KeySet};

/// Seconds a caller is told to wait for keys that are not there yet.
pub(super) const ASK_AGAIN_S: u32 = 5;

/// Where fetched keys are. Cheap to clone.
#[derive(Debug, Clone)]
pub struct KeySlot(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    algorithm: Algorithm,
    keys: ArcSwapOption<KeySet>,
    asked: Notify,
}

impl KeySlot {
    pub(super) fn new(algorithm: Algorithm) -> Self {
        Self(Arc::new(Inner {
            algorithm,
            keys: ArcSwapOption::empty(),
            asked: Notify::new(),
        }))
    }

    pub(super) fn get(&self) -> Option<Arc<KeySet>> {
        self.0.keys.load_full()
    }

    /// Says that a token named a key that is not here.
    pub(super) fn ask(&self) {
        self.0.asked.notify_one();
    }

    /// Takes a JWKS in; the keys that were there go.
    ///
    /// # Errors
    /// What is wrong with it; the keys that were there stay.
    pub fn put(&self, jwks: &[u8]) -> Result<(), &'static str> {
        let keys = KeySet::of_jwks(self.0.algorithm, jwks)?;
        self.0.keys.store(Some(Arc::new(keys)));
        Ok(())
    }

    /// Waits until a token named a key that is not here, and at most that long.
    pub async fn asked(&self, at_most: Duration) {
        // Either way it is time to look.
        drop(timeout(at_most, self.0.asked.notified()).await);
    }
}
