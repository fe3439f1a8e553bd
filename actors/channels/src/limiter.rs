//! How many requests are let in per time: a limiter holds a few tokens of a bucket that all nodes share.
//!
//! A request takes a token from the node's hand, which costs no more than a lock. An empty hand is filled with a batch, one
//! request asking for all that wait; the bucket is behind [`TokenSource`]. Every token was in the bucket once, so the
//! cluster never lets in more than the bucket gives; what a node holds and does not need is lost to the others for as
//! long as it may keep it: a tenth of the limit, for one period.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use busker_connector::RateLimit;
use busker_kit::clock;
use busker_model::Fault;
use parking_lot::Mutex;
use tokio::sync::Semaphore;

/// A node takes this part of a limit at once.
const BATCHES: u32 = 10;
/// Most tokens that a node takes at once.
const MAX_BATCH: u32 = 1_000;

/// What a bucket gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// Tokens, at most as many as were wanted.
    pub tokens: u32,
    /// When there will be one, if there is none: milliseconds from now.
    pub wait_ms: u64,
}

/// Buckets of tokens.
pub trait TokenSource: Send + Sync + fmt::Debug {
    /// Takes tokens out of the bucket of that name. It never fails: a source that cannot reach the buckets of the cluster
    /// has to answer on its own.
    fn take<'a>(
        &'a self,
        bucket: &'a str,
        limit: RateLimit,
        wanted: u32,
    ) -> Pin<Box<dyn Future<Output = Grant> + Send + 'a>>;
}

#[derive(Debug)]
struct Hand {
    tokens: u32,
    /// When what is held goes back, as far as anybody knows.
    until: Instant,
    /// The bucket is not asked again before this.
    empty_until: Instant,
}

/// The limiter of one channel or one security definition, on one node.
#[derive(Debug)]
pub struct Limiter {
    bucket: String,
    limit: RateLimit,
    source: Arc<dyn TokenSource>,
    hand: Mutex<Hand>,
    /// Whose turn it is to ask.
    turn: Semaphore,
}

impl Limiter {
    /// A limiter; the one that was there before stays when nothing changed, with what it holds.
    #[must_use]
    pub fn of(
        before: Option<Arc<Self>>,
        name: String,
        limit: RateLimit,
        source: &Arc<dyn TokenSource>,
    ) -> Arc<Self> {
        if let Some(before) = before.filter(|before| before.limit == limit) {
            return before;
        }
        let now = clock::now();
        Arc::new(Self {
            // With its limit, so that an edit is a new bucket.
            bucket: format!("{name}:{}/{}", limit.requests, limit.per.as_str()),
            limit,
            source: Arc::clone(source),
            hand: Mutex::new(Hand {
                tokens: 0,
                until: now,
                empty_until: now,
            }),
            turn: Semaphore::new(1),
        })
    }

    /// Lets one request in.
    ///
    /// # Errors
    /// `Busy` with the code `rate-limited`, and when to come again.
    pub async fn admit(&self) -> Result<(), Fault> {
        if let Some(answer) = self.spend() {
            return answer;
        }
        // It is never closed, so the only error cannot be; whoever waited may find what the one before brought.
        let _turn = self.turn.acquire().await;
        if let Some(answer) = self.spend() {
            return answer;
        }
        let batch = (self.limit.requests / BATCHES).clamp(1, MAX_BATCH);
        let grant = self.source.take(&self.bucket, self.limit, batch).await;
        self.hold(grant);
        self.spend().unwrap_or_else(|| Err(self.refusal(1)))
    }

    /// Takes a token from the hand; `None` when the bucket has to be asked.
    fn spend(&self) -> Option<Result<(), Fault>> {
        let now = clock::now();
        let mut hand = self.hand.lock();
        if now >= hand.until {
            hand.tokens = 0;
        }
        if hand.tokens > 0 {
            hand.tokens -= 1;
            return Some(Ok(()));
        }
        let wait = hand.empty_until.saturating_duration_since(now);
        drop(hand);
        if wait.is_zero() {
            return None;
        }
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Some(Err(self.refusal(u32::try_from(seconds).unwrap_or(u32::MAX))))
    }

    fn hold(&self, grant: Grant) {
        let now = clock::now();
        let mut hand = self.hand.lock();
        hand.tokens = hand.tokens.saturating_add(grant.tokens);
        hand.until = now + Duration::from_millis(self.limit.per.millis());
        if grant.tokens == 0 {
            hand.empty_until = now + Duration::from_millis(grant.wait_ms.max(1));
        }
    }

    fn refusal(&self, retry_after_s: u32) -> Fault {
        let RateLimit { requests, per } = self.limit;
        let message = format!("more than {requests} requests per {}", per.as_str());
        Fault::busy(message, retry_after_s).code("rate-limited")
    }
}

#[cfg(test)]
mod tests;
