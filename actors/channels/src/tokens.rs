//! Buckets of one node: all there is on a node that is alone, and what a node of a cluster has while Redis is away.

use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

use busker_connector::RateLimit;
use busker_kit::clock;
use dashmap::DashMap;

use crate::limiter::{Grant, TokenSource};

/// Buckets after which those that are full again are forgotten.
const SWEEP_FROM: usize = 1_024;

/// Buckets in memory.
#[derive(Debug, Default)]
pub struct LocalTokens(DashMap<String, Bucket>);

/// How full a bucket is, in parts of which a token is `per` milliseconds and each millisecond adds `requests`: so whole
/// numbers do, and nothing is ever rounded.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    level: u64,
    at: Instant,
    limit: RateLimit,
}

impl Bucket {
    fn full(limit: RateLimit, now: Instant) -> Self {
        Self {
            level: Self::most(limit),
            at: now,
            limit,
        }
    }

    fn most(limit: RateLimit) -> u64 {
        u64::from(limit.requests) * limit.per.millis()
    }

    fn flow(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_millis();
        let passed = u64::try_from(passed).unwrap_or(u64::MAX);
        let added = passed.saturating_mul(self.limit.requests.into());
        self.level = self.level.saturating_add(added).min(Self::most(self.limit));
        // What is left of a millisecond counts the next time.
        self.at += std::time::Duration::from_millis(passed);
    }

    fn take(&mut self, wanted: u32) -> Grant {
        let token = self.limit.per.millis();
        let there = u32::try_from(self.level / token).unwrap_or(u32::MAX);
        let tokens = there.min(wanted);
        self.level -= u64::from(tokens) * token;
        let lacks = token.saturating_sub(self.level);
        let wait_ms = if tokens == 0 {
            lacks.div_ceil(self.limit.requests.max(1).into())
        } else {
            0
        };
        Grant { tokens, wait_ms }
    }

    fn is_full(&mut self, now: Instant) -> bool {
        self.flow(now);
        self.level == Self::most(self.limit)
    }
}

impl LocalTokens {
    /// Takes tokens at once.
    #[must_use]
    pub fn take_now(&self, bucket: &str, limit: RateLimit, wanted: u32) -> Grant {
        let now = clock::now();
        if self.0.len() >= SWEEP_FROM && !self.0.contains_key(bucket) {
            self.0.retain(|_, bucket| !bucket.is_full(now));
        }
        let full = || Bucket::full(limit, now);
        let mut bucket = self.0.entry(bucket.to_owned()).or_insert_with(full);
        if bucket.limit != limit {
            *bucket = full();
        }
        bucket.flow(now);
        bucket.take(wanted)
    }
}

impl TokenSource for LocalTokens {
    fn take<'a>(
        &'a self,
        bucket: &'a str,
        limit: RateLimit,
        wanted: u32,
    ) -> Pin<Box<dyn Future<Output = Grant> + Send + 'a>> {
        Box::pin(std::future::ready(self.take_now(bucket, limit, wanted)))
    }
}
