//! How the bus is, in a word, for whoever asks how a node is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// The word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BusHealth {
    /// Nothing was looked at yet.
    Unknown,
    /// The ledger balances.
    Good,
    /// What was accepted is not all accounted for, or something is counted twice.
    LedgerDiffers,
    /// Redis or the database does not answer.
    StoreAway,
}

impl BusHealth {
    const ALL: [Self; 4] = [
        Self::Unknown,
        Self::Good,
        Self::LedgerDiffers,
        Self::StoreAway,
    ];

    /// The word as it is shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Good => "good",
            Self::LedgerDiffers => "ledger-differs",
            Self::StoreAway => "store-away",
        }
    }
}

/// Where it is said. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<AtomicU8>);

impl Health {
    /// How it is.
    #[must_use]
    pub fn get(&self) -> BusHealth {
        let place = usize::from(self.0.load(Ordering::Relaxed));
        BusHealth::ALL
            .get(place)
            .copied()
            .unwrap_or(BusHealth::Unknown)
    }

    pub(crate) fn set(&self, health: BusHealth) {
        self.0.store(health as u8, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_what_is_heard() {
        let health = Health::default();
        assert_eq!(health.get(), BusHealth::Unknown);
        for word in BusHealth::ALL {
            health.set(word);
            assert_eq!(health.get(), word);
        }
    }
}
