//! The backend of a cluster: Redis Streams.
//!
//! One stream per service and class, so that a node claims only what it has and only as much as it has permits for; every
//! operation is one Lua script, so that counters move with the message. Entries leave a stream by XACK and XDEL alone,
//! never by trimming. Waiting is a subscription on a connection of its own, not a blocking read: XREADGROUP counts per
//! stream, so one blocking read over many streams could bring more than there are permits for.
//!
//! What `durable` promises here is what this Redis keeps: with `appendfsync always` that is every acknowledged publish.

use std::sync::Arc;

use busker_kit::clock::unix_ms;
use busker_model::bus::{DeadLetter, Envelope, InvocationStatus, LedgerRow, Loss};
use busker_model::{Cid, Secret};
use busker_service::BoxFuture;
use bytes::Bytes;
use tokio::sync::watch;

use crate::batch::Batcher;
use crate::error::{BusError, Result};
use crate::limits::Limits;
use crate::store::{Claimed, DeadFilter, DeadPage, End, Lease, Store, Want};

mod care;
mod letters;
mod link;
mod read;
mod scripts;
mod traffic;

use link::{Bell, Link};

/// Which Redis, and who we are in it.
#[derive(Debug, Clone)]
pub struct RedisConfig {
    /// Such as `redis://127.0.0.1:6379/0`, without a password.
    pub url: String,
    /// Password.
    pub password: Option<Secret>,
    /// Name of the cluster: all keys carry it.
    pub cluster: String,
    /// Node and incarnation: entries are claimed under this name.
    pub consumer: String,
    /// Bounds.
    pub limits: Limits,
}

/// The store over one Redis.
#[derive(Debug)]
pub struct RedisStore {
    link: Arc<Link>,
    publishing: Batcher<traffic::Item, ()>,
    settling: Batcher<traffic::Settlement, ()>,
    bell: Bell,
    watch: Arc<care::Watch>,
}

impl RedisStore {
    /// Connects, and refuses a server that does not answer.
    ///
    /// # Errors
    /// `Unavailable` with the reason; `Refused` for a URL that is none.
    pub async fn open(config: RedisConfig) -> Result<Self> {
        let link = Arc::new(Link::open(config)?);
        link.ping().await?;
        let (publishing, settling) = (Arc::clone(&link), Arc::clone(&link));
        let publish = move |items| traffic::publish(Arc::clone(&publishing), items);
        let settle = move |ends| traffic::settle(Arc::clone(&settling), ends);
        Ok(Self {
            publishing: Batcher::start("bus-publish", publish),
            settling: Batcher::start("bus-settle", settle),
            bell: Bell::start(&link),
            watch: Arc::default(),
            link,
        })
    }
}

impl Store for RedisStore {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn publish(&self, envelope: Envelope) -> BoxFuture<'static, Result<()>> {
        let batch = self.publishing.clone();
        Box::pin(async move { batch.submit(traffic::Item::new(envelope)?).await })
    }

    fn claim(&self, wants: Vec<Want>, most: u32) -> BoxFuture<'static, Result<Vec<Claimed>>> {
        Box::pin(traffic::claim(Arc::clone(&self.link), wants, most))
    }

    fn renew(&self, held: Vec<Lease>) -> BoxFuture<'static, Result<()>> {
        Box::pin(traffic::renew(Arc::clone(&self.link), held))
    }

    fn settle(&self, lease: Lease, end: End) -> BoxFuture<'static, Result<()>> {
        let batch = self.settling.clone();
        Box::pin(async move { batch.submit(traffic::Settlement::new(lease, end)?).await })
    }

    fn promote(&self) -> BoxFuture<'static, Result<u32>> {
        Box::pin(care::promote(Arc::clone(&self.link)))
    }

    fn reclaim(&self) -> BoxFuture<'static, Result<u32>> {
        Box::pin(care::reclaim(Arc::clone(&self.link)))
    }

    fn sweep(&self) -> BoxFuture<'static, Result<u32>> {
        Box::pin(care::sweep(Arc::clone(&self.link)))
    }

    fn bell(&self) -> watch::Receiver<u64> {
        self.bell.subscribe()
    }

    fn status(&self, cid: Cid) -> BoxFuture<'static, Result<Option<InvocationStatus>>> {
        Box::pin(read::status(Arc::clone(&self.link), cid))
    }

    fn ledger(&self) -> BoxFuture<'static, Result<Vec<LedgerRow>>> {
        let (link, watch) = (Arc::clone(&self.link), Arc::clone(&self.watch));
        Box::pin(async move {
            let seen = read::ledger(link).await?;
            watch.look(&seen, unix_ms());
            Ok(seen.rows)
        })
    }

    fn losses(&self) -> Vec<Loss> {
        self.watch.losses()
    }

    fn dead_list(&self, filter: DeadFilter) -> BoxFuture<'static, Result<DeadPage>> {
        Box::pin(letters::list(Arc::clone(&self.link), filter))
    }

    fn dead_get(&self, cid: Cid) -> BoxFuture<'static, Result<DeadLetter>> {
        Box::pin(letters::get(Arc::clone(&self.link), cid))
    }

    fn dead_edit(&self, cid: Cid, payload: Bytes) -> BoxFuture<'static, Result<()>> {
        Box::pin(letters::edit(Arc::clone(&self.link), cid, payload))
    }

    fn dead_replay(&self, cid: Cid) -> BoxFuture<'static, Result<()>> {
        Box::pin(letters::replay(Arc::clone(&self.link), cid))
    }

    fn dead_discard(&self, cid: Cid) -> BoxFuture<'static, Result<()>> {
        Box::pin(letters::discard(Arc::clone(&self.link), cid))
    }
}

/// An answer that our own script would never give.
fn strange(what: &str) -> BusError {
    BusError::corrupt(format!("Redis answered {what}"))
}
