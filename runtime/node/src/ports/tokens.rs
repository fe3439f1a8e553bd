//! Where rate limits take their tokens: buckets of the cluster in Redis; while it is away, this node's share of each.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use busker_channels::{Grant, LocalTokens, TokenSource};
use busker_connector::RateLimit;
use busker_kit::clock;
use busker_membership::buckets::{Buckets, Take};
use busker_membership::{Members, RedisAddress};
use busker_model::Fault;
use parking_lot::Mutex;

/// How long Redis is left alone after it did not answer, so that requests do not each wait for it.
const AWAY_FOR: Duration = Duration::from_secs(1);

/// Buckets of a cluster.
#[derive(Debug)]
pub(crate) struct ClusterTokens {
    buckets: Buckets,
    members: Members,
    alone: LocalTokens,
    away_until: Mutex<Option<Instant>>,
}

impl ClusterTokens {
    pub(crate) fn new(redis: &RedisAddress, members: Members) -> Result<Self, Fault> {
        Ok(Self {
            buckets: Buckets::new(redis)?,
            members,
            alone: LocalTokens::default(),
            away_until: Mutex::new(None),
        })
    }

    async fn shared(&self, bucket: &str, limit: RateLimit, wanted: u32) -> Option<Grant> {
        let away_until = *self.away_until.lock();
        if away_until.is_some_and(|until| clock::now() < until) {
            return None;
        }
        let take = Take {
            limit: limit.requests,
            period_ms: limit.per.millis(),
            wanted,
        };
        match self.buckets.take(bucket, take).await {
            Ok((tokens, wait_ms)) => Some(Grant { tokens, wait_ms }),
            Err(fault) => {
                tracing::warn!("rate limits are counted on this node alone for a while: {fault:?}");
                *self.away_until.lock() = Some(clock::now() + AWAY_FOR);
                None
            }
        }
    }

    /// The part of a limit that is this node's: what was alive when it last saw the others counts.
    fn share(&self, limit: RateLimit) -> RateLimit {
        let nodes = self.members.view().peers.len() + 1;
        let nodes = u32::try_from(nodes).unwrap_or(u32::MAX);
        RateLimit {
            requests: (limit.requests / nodes).max(1),
            ..limit
        }
    }
}

impl TokenSource for ClusterTokens {
    fn take<'a>(
        &'a self,
        bucket: &'a str,
        limit: RateLimit,
        wanted: u32,
    ) -> Pin<Box<dyn Future<Output = Grant> + Send + 'a>> {
        Box::pin(async move {
            match self.shared(bucket, limit, wanted).await {
                Some(grant) => grant,
                None => self.alone.take_now(bucket, self.share(limit), wanted),
            }
        })
    }
}
