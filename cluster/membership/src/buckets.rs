//! Buckets of tokens in Redis, which all nodes of a cluster take from: what a rate limit is counted with.

use std::sync::LazyLock;

use busker_model::Fault;
use deadpool_redis::redis::Script;

use crate::redis::{Link, RedisAddress};

/// `{tokens, milliseconds until there is one}`. A token is a period of the level, and each millisecond adds the limit to it, so
/// whole numbers do. The clock is that of Redis: those of nodes differ.
static TAKE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local time = redis.call('TIME')
         local now = time[1] * 1000 + math.floor(time[2] / 1000)
         local limit, period, wanted = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
         local kept = redis.call('HMGET', KEYS[1], 'level', 'at')
         local level, at = tonumber(kept[1]), tonumber(kept[2])
         if not level or not at then level, at = limit * period, now end
         level = math.min(limit * period, level + math.max(0, now - at) * limit)
         local tokens = math.min(wanted, math.floor(level / period))
         level = level - tokens * period
         redis.call('HSET', KEYS[1], 'level', string.format('%.0f', level), 'at', string.format('%.0f', now))
         redis.call('PEXPIRE', KEYS[1], 2 * period)
         local wait = 0
         if tokens == 0 then wait = math.ceil((period - level) / limit) end
         return {tokens, wait}",
    )
});

/// The buckets of a cluster.
#[derive(Debug)]
pub struct Buckets(Link);

/// What is taken of a bucket, and how it fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Take {
    /// Tokens that the bucket holds at most, and that come in a period.
    pub limit: u32,
    /// The period, in milliseconds.
    pub period_ms: u64,
    /// Tokens that are wanted.
    pub wanted: u32,
}

impl Buckets {
    /// The buckets of the cluster at that address; nothing is connected yet.
    ///
    /// # Errors
    /// `Invalid` when the address is none.
    pub fn new(address: &RedisAddress) -> Result<Self, Fault> {
        Link::open(address).map(Self)
    }

    /// Takes what is there, at most what is wanted: tokens, and milliseconds until there is one when there is none.
    ///
    /// # Errors
    /// `Unavailable` and `Timeout` of Redis.
    pub async fn take(&self, bucket: &str, take: Take) -> Result<(u32, u64), Fault> {
        let mut script = TAKE.prepare_invoke();
        script
            .key(self.0.name(&format!("rate:{bucket}")))
            .arg(take.limit)
            .arg(take.period_ms)
            .arg(take.wanted);
        self.0.script(&script).await
    }
}
