//! Fires of jobs under the epoch of the lease: the scheduler of a cluster takes no role by itself.

use busker_membership::Role;
use busker_model::job::FireKey;
use busker_model::{ErrorClass, Fault};
use busker_odb::Odb;
use busker_odb::jobs::{Batch, FireOutcome};
use busker_scheduler::{FireStore, Loaded, StoreError};
use busker_service::BoxFuture;

/// The database, and the role under which is written.
#[derive(Debug)]
pub(crate) struct LeasedStore {
    pub(crate) odb: Odb,
    pub(crate) role: Role,
}

impl FireStore for LeasedStore {
    fn take_role(&self, _node: String) -> BoxFuture<'static, Result<i64, StoreError>> {
        let epoch = self.role.epoch().ok_or_else(|| {
            StoreError::Away(Fault::new(
                ErrorClass::Unavailable,
                "another node holds the role of the scheduler",
            ))
        });
        Box::pin(std::future::ready(epoch))
    }

    fn load(&self) -> BoxFuture<'static, Result<Loaded, StoreError>> {
        FireStore::load(&self.odb)
    }

    fn write(&self, batch: Batch) -> BoxFuture<'static, Result<Vec<FireOutcome>, StoreError>> {
        let (epoch, role) = (batch.epoch, self.role.clone());
        let written = FireStore::write(&self.odb, batch);
        Box::pin(async move {
            let written = written.await;
            if matches!(written, Err(StoreError::Deposed(_))) {
                role.doubt(epoch);
            }
            written
        })
    }

    fn ended(
        &self,
        key: FireKey,
        at_ms: i64,
        outcome: String,
    ) -> BoxFuture<'static, Result<(), StoreError>> {
        FireStore::ended(&self.odb, key, at_ms, outcome)
    }

    fn forget_old(&self, epoch: i64, now_ms: i64) -> BoxFuture<'static, Result<(), StoreError>> {
        FireStore::forget_old(&self.odb, epoch, now_ms)
    }
}
