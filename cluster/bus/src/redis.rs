//! The backend of a cluster: Redis Streams.
//!
//! One stream per service and class, so that a node claims only what it has and only as much as it has permits for; every
//! operation is one Lua script, so that counters move with the message. Entries leave a stream by XACK and XDEL alone,
//! never by trimming. Waiting is a subscription on a connection of its own, not a blocking read: XREADGROUP counts per
//! stream, so one blocking read over many streams could bring more than there are permits for.
//!
//! `durable` ones are committed in the ODB before their caller is answered and stay there until they end; the stream is
//! the way they take, and is made again from there when Redis lost it. `fast` ones are in Redis alone: what it loses is
//! lost, and counted.

use std::sync::Arc;

use busker_model::bus::{DeadLetter, Envelope, InvocationStatus, LedgerRow, Loss};
use busker_model::{Cid, Delivery, Secret};
use busker_odb::Odb;
use busker_service::BoxFuture;
use bytes::Bytes;
use tokio::sync::watch;

use crate::batch::Batcher;
use crate::error::{BusError, Result};
use crate::limits::Limits;
use crate::store::{Claimed, DeadFilter, DeadPage, End, Lease, Store, Want};

mod care;
mod console;
mod facts;
mod letters;
mod link;
mod lives;
mod outbox;
mod read;
mod scripts;
mod traffic;

pub use console::RedisConsole;
pub use facts::RedisFacts;
use link::{Bell, Link};
use outbox::Outbox;

/// Which Redis, and who we are in it.
#[derive(Debug, Clone)]
pub struct RedisConfig {
    /// Such as `redis://127.0.0.1:6379/0`, or `rediss://` for TLS; it may hold a user and a password.
    pub url: Secret,
    /// Password, when the URL has none.
    pub password: Option<Secret>,
    /// Certificate of the authority to trust, PEM; those of the system without it.
    pub root_certificate: Option<Vec<u8>>,
    /// Name of the cluster: all keys carry it.
    pub cluster: String,
    /// Name of the node: its counters in the ODB carry it.
    pub node: String,
    /// Node and incarnation: entries are claimed under this name.
    pub consumer: String,
    /// Bounds.
    pub limits: Limits,
}

/// The store over one Redis and the ODB.
#[derive(Debug)]
pub struct RedisStore {
    link: Arc<Link>,
    outbox: Arc<Outbox>,
    committing: Batcher<traffic::Item, ()>,
    publishing: Batcher<traffic::Item, ()>,
    settling: Batcher<traffic::Settlement, ()>,
    bell: Bell,
}

impl RedisStore {
    /// Connects, and refuses a server that does not answer. The ODB must be migrated.
    ///
    /// # Errors
    /// `Unavailable` with the reason; `Refused` for a URL that is none.
    pub async fn open(config: RedisConfig, odb: Odb) -> Result<Self> {
        let link = Arc::new(Link::open(config).await?);
        let outbox = Arc::new(Outbox::start(Arc::clone(&link), odb));
        let (publishing, settling) = (Arc::clone(&link), Arc::clone(&link));
        let (committing, ending) = (Arc::clone(&outbox), Arc::clone(&outbox));
        let commit = move |items| Arc::clone(&committing).put(items);
        let publish = move |items| traffic::publish_fast(Arc::clone(&publishing), items);
        let settle = move |ends| traffic::settle(Arc::clone(&ending), Arc::clone(&settling), ends);
        Ok(Self {
            committing: Batcher::start("bus-commit", commit),
            publishing: Batcher::start("bus-publish", publish),
            settling: Batcher::start("bus-settle", settle),
            bell: Bell::start(&link),
            outbox,
            link,
        })
    }
}

impl Store for RedisStore {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn publish(&self, envelope: Envelope) -> BoxFuture<'static, Result<()>> {
        let batch = match envelope.delivery {
            Delivery::Durable => self.committing.clone(),
            Delivery::Fast => self.publishing.clone(),
        };
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
        Box::pin(care::reclaim(
            Arc::clone(&self.link),
            Arc::clone(&self.outbox),
        ))
    }

    fn sweep(&self) -> BoxFuture<'static, Result<u32>> {
        Box::pin(care::sweep(
            Arc::clone(&self.link),
            Arc::clone(&self.outbox),
        ))
    }

    fn bell(&self) -> watch::Receiver<u64> {
        self.bell.subscribe()
    }

    fn status(&self, cid: Cid) -> BoxFuture<'static, Result<Option<InvocationStatus>>> {
        let odb = self.outbox.odb().clone();
        Box::pin(read::status(Arc::clone(&self.link), odb, cid))
    }

    fn ledger(&self) -> BoxFuture<'static, Result<Vec<LedgerRow>>> {
        let (link, odb) = (Arc::clone(&self.link), self.outbox.odb().clone());
        Box::pin(async move { read::ledger(&link, &odb).await })
    }

    fn losses(&self) -> BoxFuture<'static, Result<Vec<Loss>>> {
        let odb = self.outbox.odb().clone();
        Box::pin(async move { Ok(odb.lives().losses().await?) })
    }

    fn checkpoint(&self) -> BoxFuture<'static, Result<()>> {
        let (link, odb) = (Arc::clone(&self.link), self.outbox.odb().clone());
        Box::pin(async move { lives::checkpoint(&link, &odb).await })
    }

    fn relay(&self) -> BoxFuture<'static, Result<u32>> {
        let outbox = Arc::clone(&self.outbox);
        Box::pin(async move { outbox.relay().await })
    }

    fn flush(&self) -> BoxFuture<'static, ()> {
        let outbox = Arc::clone(&self.outbox);
        Box::pin(async move { outbox.flush().await })
    }

    fn dead_list(&self, filter: DeadFilter) -> BoxFuture<'static, Result<DeadPage>> {
        Box::pin(letters::list(Arc::clone(&self.link), filter))
    }

    fn dead_get(&self, cid: Cid) -> BoxFuture<'static, Result<DeadLetter>> {
        let link = Arc::clone(&self.link);
        Box::pin(async move { letters::get(&link, cid).await })
    }

    fn dead_edit(&self, cid: Cid, payload: Bytes) -> BoxFuture<'static, Result<()>> {
        Box::pin(letters::edit(
            Arc::clone(&self.link),
            Arc::clone(&self.outbox),
            cid,
            payload,
        ))
    }

    fn dead_replay(&self, cid: Cid) -> BoxFuture<'static, Result<()>> {
        Box::pin(letters::replay(
            Arc::clone(&self.link),
            Arc::clone(&self.outbox),
            cid,
        ))
    }

    fn dead_discard(&self, cid: Cid) -> BoxFuture<'static, Result<()>> {
        Box::pin(letters::discard(
            Arc::clone(&self.link),
            Arc::clone(&self.outbox),
            cid,
        ))
    }
}

/// An answer that our own script would never give.
fn strange(what: &str) -> BusError {
    BusError::corrupt(format!("Redis answered {what}"))
}
