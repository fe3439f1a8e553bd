//! Where a lease lives: the key in Redis, and the epoch in the database.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use busker_model::Fault;
use busker_odb::Odb;
use deadpool_redis::redis::Script;
use tokio::time::timeout;

use crate::lease::{Answer, Ask};
use crate::limits::LEASE_ODB_TIMEOUT;
use crate::member::MemberId;
use crate::redis::Link;

/// `{1, 0}` when it is ours now, else `{0, milliseconds left}`.
static ACQUIRE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local holder = redis.call('GET', KEYS[1])
         if holder and holder ~= ARGV[1] then return {0, redis.call('PTTL', KEYS[1])} end
         redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
         return {1, 0}",
    )
});
static RENEW: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {0, 0} end
         redis.call('PEXPIRE', KEYS[1], ARGV[2])
         return {1, 0}",
    )
});
/// Says that it is free only when it was ours.
static RELEASE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('GET', KEYS[1]) == ARGV[1] then
           redis.call('DEL', KEYS[1])
           redis.call('PUBLISH', ARGV[3], ARGV[1])
         end
         return {1, 0}",
    )
});

/// The lease of one role, as one node asks for it.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) link: Arc<Link>,
    pub(super) odb: Odb,
    pub(super) role: &'static str,
    pub(super) me: MemberId,
    pub(super) ttl: Duration,
}

impl Store {
    /// The channel on which a lease that was given back is told.
    pub(super) fn free_channel(&self) -> String {
        self.link.name(&format!("role:{}:free", self.role))
    }

    /// Sends a request of a tenure and waits for what becomes of it.
    pub(super) async fn ask(&self, ask: Ask, tenure: u64) -> Answer {
        let asked = match ask {
            Ask::Acquire => self.script(&ACQUIRE, tenure).await,
            Ask::Renew => self.script(&RENEW, tenure).await,
            Ask::Release => self.script(&RELEASE, tenure).await,
            Ask::Mint => self.mint().await,
            Ask::Verify => self.verify().await,
        };
        asked.unwrap_or_else(|fault| {
            tracing::debug!(
                role = self.role,
                ?ask,
                "a request for the role failed: {fault:?}"
            );
            Answer::Unknown
        })
    }

    async fn script(&self, script: &Script, tenure: u64) -> Result<Answer, Fault> {
        let mut invocation = script.prepare_invoke();
        invocation
            .key(self.link.name(&format!("role:{}", self.role)))
            .arg(format!("{}/{tenure}", self.me))
            .arg(u64::try_from(self.ttl.as_millis()).unwrap_or(u64::MAX))
            .arg(self.free_channel());
        let (done, left_ms): (bool, i64) = self.link.script(&invocation).await?;
        if done {
            return Ok(Answer::Done);
        }
        // A key without an end is none of ours; it is looked at again all the same.
        let left = u64::try_from(left_ms).map_or(Duration::MAX, Duration::from_millis);
        Ok(Answer::Taken(left))
    }

    async fn mint(&self) -> Result<Answer, Fault> {
        let roles = self.odb.roles();
        let minted = async {
            let from = roles.epoch(self.role).await?;
            roles.take_from(self.role, &self.me.name, from).await
        };
        let minted = within(minted).await?;
        Ok(minted.map_or(Answer::Outrun, Answer::Epoch))
    }

    async fn verify(&self) -> Result<Answer, Fault> {
        let roles = self.odb.roles();
        Ok(Answer::Epoch(within(roles.epoch(self.role)).await?))
    }

    /// Writes down how a term ended; best effort, since the next holder says at least that it did.
    pub(super) async fn note_end(&self, epoch: i64, how: &str) {
        let roles = self.odb.roles();
        if let Err(fault) = within(roles.ended(self.role, epoch, how)).await {
            tracing::debug!(
                role = self.role,
                epoch,
                how,
                "a term's end was not written: {fault:?}"
            );
        }
    }
}

async fn within<T>(asked: impl Future<Output = busker_odb::Result<T>>) -> Result<T, Fault> {
    let late = |_| {
        Fault::timeout(format!(
            "the database did not answer within {LEASE_ODB_TIMEOUT:?}"
        ))
    };
    Ok(timeout(LEASE_ODB_TIMEOUT, asked).await.map_err(late)??)
}
