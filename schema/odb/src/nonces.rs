//! What may be used once in the cluster, and was.

use std::sync::atomic::{AtomicU64, Ordering};

use busker_kit::clock::unix_ms;

use crate::error::{OdbError, Result};
use crate::odb::{Odb, one};
use crate::value::values;

/// Nonces kept at once; while there are so many, no further one is taken.
pub const NONCES: i64 = 1_000_000;
/// Expired ones are swept, and the others counted, once in so many claims of a process, and at its first: so many more than
/// [`NONCES`] there may be for each node.
const SWEEP_EVERY: u64 = 256;

const CLAIM: &str = "INSERT INTO used_nonce (id, expires_ms) VALUES ($2, $3) ON CONFLICT (id) \
    DO UPDATE SET expires_ms = excluded.expires_ms WHERE used_nonce.expires_ms <= $1 RETURNING id";
const SWEEP: &str = "DELETE FROM used_nonce WHERE expires_ms <= $1";
const COUNT: &str = "SELECT COUNT(*) FROM used_nonce";

static CLAIMED: AtomicU64 = AtomicU64::new(0);

/// Operations on nonces.
#[derive(Debug, Clone, Copy)]
pub struct Nonces<'a>(&'a Odb);

impl<'a> Nonces<'a> {
    pub(crate) const fn new(odb: &'a Odb) -> Self {
        Self(odb)
    }

    /// Takes a nonce until `expires_ms`; `false` when it is taken already. Of many that try at once, on any nodes, one gets
    /// it.
    ///
    /// # Errors
    /// `Busy` when there are [`NONCES`], `Unavailable`.
    pub async fn claim(&self, id: &str, expires_ms: i64) -> Result<bool> {
        let now = unix_ms();
        if CLAIMED
            .fetch_add(1, Ordering::Relaxed)
            .is_multiple_of(SWEEP_EVERY)
            && self.sweep(now).await? >= NONCES
        {
            // The next one looks again: full is full for everybody.
            CLAIMED.store(0, Ordering::Relaxed);
            return Err(OdbError::Busy);
        }
        let claimed = self.0.query(CLAIM, values![now, id, expires_ms]).await?;
        Ok(!claimed.is_empty())
    }

    /// Forgets those that expired by then; answers how many are left.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn sweep(&self, now_ms: i64) -> Result<i64> {
        self.0.query(SWEEP, values![now_ms]).await?;
        one(self.0.query(COUNT, Vec::new()).await?, "count")?.int()
    }
}
