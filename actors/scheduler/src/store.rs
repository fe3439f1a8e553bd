//! What the scheduler asks of the operational database, and of the clock on the wall. Tests bring their own of both.

use std::fmt;

use busker_kit::clock;
use busker_model::Fault;
use busker_model::job::{FireKey, FireRecord, JobStanding};
use busker_odb::jobs::{Batch, FireOutcome};
use busker_odb::roles::SCHEDULER;
use busker_odb::{Odb, OdbError};
use busker_service::BoxFuture;

/// Why a write did not happen.
#[derive(Debug, Clone, PartialEq)]
pub enum StoreError {
    /// Another node took the role: nothing may be written under this epoch again.
    Deposed(String),
    /// The store is away or busy: the same write may be tried again.
    Away(Fault),
    /// The store refused the write.
    Refused(Fault),
}

/// Keeps fires and where jobs stand.
pub trait FireStore: Send + Sync + fmt::Debug {
    /// Takes the role for a node; answers its epoch.
    fn take_role(&self, node: String) -> BoxFuture<'static, Result<i64, StoreError>>;

    /// Where every job stands, and the fires that have no verdict yet.
    fn load(&self) -> BoxFuture<'static, Result<Loaded, StoreError>>;

    /// Writes a batch in one transaction.
    fn write(&self, batch: Batch) -> BoxFuture<'static, Result<Vec<FireOutcome>, StoreError>>;

    /// Says that a run that is followed has ended, and how.
    fn ended(
        &self,
        key: FireKey,
        at_ms: i64,
        outcome: String,
    ) -> BoxFuture<'static, Result<(), StoreError>>;

    /// Sums up and forgets what is old.
    fn forget_old(&self, epoch: i64, now_ms: i64) -> BoxFuture<'static, Result<(), StoreError>>;
}

/// What is read when the role is taken.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Where jobs stand, by number.
    pub standings: Vec<(i64, JobStanding)>,
    /// Fires without a verdict.
    pub unfinished: Vec<FireRecord>,
}

impl From<OdbError> for StoreError {
    fn from(error: OdbError) -> Self {
        match error {
            OdbError::Stale { .. } => Self::Deposed(error.to_string()),
            OdbError::Busy | OdbError::Unavailable { .. } => Self::Away(error.into()),
            OdbError::Invalid(_)
            | OdbError::Conflict(_)
            | OdbError::NotFound(_)
            | OdbError::InUse { .. }
            | OdbError::Corrupt { .. }
            | OdbError::Vault(_)
            | OdbError::Refused { .. } => Self::Refused(error.into()),
        }
    }
}

impl FireStore for Odb {
    fn take_role(&self, node: String) -> BoxFuture<'static, Result<i64, StoreError>> {
        let odb = self.clone();
        Box::pin(async move { Ok(odb.roles().take(SCHEDULER, &node).await?) })
    }

    fn load(&self) -> BoxFuture<'static, Result<Loaded, StoreError>> {
        let odb = self.clone();
        Box::pin(async move {
            Ok(Loaded {
                standings: odb.jobs().standings().await?,
                unfinished: odb.jobs().unfinished().await?,
            })
        })
    }

    fn write(&self, batch: Batch) -> BoxFuture<'static, Result<Vec<FireOutcome>, StoreError>> {
        let odb = self.clone();
        Box::pin(async move { Ok(odb.jobs().write(batch).await?) })
    }

    fn ended(
        &self,
        key: FireKey,
        at_ms: i64,
        outcome: String,
    ) -> BoxFuture<'static, Result<(), StoreError>> {
        let odb = self.clone();
        Box::pin(async move { Ok(odb.jobs().ended(key, at_ms, &outcome).await.map(drop)?) })
    }

    fn forget_old(&self, epoch: i64, now_ms: i64) -> BoxFuture<'static, Result<(), StoreError>> {
        let odb = self.clone();
        Box::pin(async move { Ok(odb.jobs().forget_old(epoch, now_ms).await?) })
    }
}

/// The clock on the wall: what jobs are due by.
pub trait Wall: Send + Sync + fmt::Debug {
    /// Unix milliseconds.
    fn unix_ms(&self) -> i64;
}

/// The clock of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemWall;

impl Wall for SystemWall {
    fn unix_ms(&self) -> i64 {
        clock::unix_ms()
    }
}
