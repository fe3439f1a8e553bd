//! A Redis that can be taken away, an ODB, and nodes over both.

use std::time::Duration;

use busker_bus::testing::RedisServer;
use busker_bus::{Claimed, End, RedisStore, Store, Want};
use busker_model::bus::{Envelope, LedgerRow, Loss};
use busker_model::invocation::ReplyBody;
use busker_model::{Cid, Delivery};
use busker_odb::testing::PostgresServer;
use busker_odb::{Odb, OdbConfig};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::fixture::{envelope, name, redis_config};

/// Longest wait for what takes a moment.
const SOON: Duration = Duration::from_secs(20);

/// It.
pub(crate) struct World {
    pub(crate) server: RedisServer,
    pub(crate) odb: Odb,
    _folder: TempDir,
    _postgres: Option<PostgresServer>,
}

/// Makes a test over each database out of each function.
macro_rules! on_both {
    ($($promise:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test] async fn $promise() {
                super::$promise($crate::world::World::sqlite().await).await;
            })*
        }
        mod postgres {
            $(#[tokio::test] async fn $promise() {
                super::$promise($crate::world::World::postgres().await).await;
            })*
        }
    };
}
pub(crate) use on_both;

impl World {
    pub(crate) async fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = OdbConfig::sqlite(folder.path().join("odb.db"));
        Self::on(config, folder, None).await
    }

    pub(crate) async fn postgres() -> Self {
        let server = PostgresServer::start().await.unwrap();
        let config = server.config(&server.new_database().unwrap(), "");
        Self::on(config, tempfile::tempdir().unwrap(), Some(server)).await
    }

    async fn on(config: OdbConfig, folder: TempDir, postgres: Option<PostgresServer>) -> Self {
        let odb = Odb::open(config).await.unwrap();
        odb.migrate().await.unwrap();
        Self {
            server: RedisServer::start().await.unwrap(),
            odb,
            _folder: folder,
            _postgres: postgres,
        }
    }

    /// A node of that name.
    pub(crate) async fn node(&self, node: &str) -> RedisStore {
        let mut config = redis_config(&self.server);
        config.node = node.into();
        config.consumer = format!("{node}:0");
        config.limits.pending_max = 1_000_000;
        RedisStore::open(config, self.odb.clone()).await.unwrap()
    }

    /// Ends Redis and starts it again, empty.
    pub(crate) async fn lose_redis(&mut self) {
        self.server.kill().unwrap();
        self.server.run().await.unwrap();
    }
}

/// Hands one over for service `a`; answers its cid.
pub(crate) async fn publish(store: &RedisStore, delivery: Delivery) -> Cid {
    let sent = envelope("a", delivery);
    publish_as(store, sent).await
}

pub(crate) async fn publish_as(store: &RedisStore, sent: Envelope) -> Cid {
    let cid = sent.cid;
    store.publish(sent).await.unwrap();
    cid
}

/// What can start now of service `a`, at most 100.
pub(crate) async fn claim(store: &RedisStore) -> Vec<Claimed> {
    let want = Want {
        service: name("a"),
        permits: 100,
    };
    store.claim(vec![want], u32::MAX).await.unwrap()
}

pub(crate) async fn done(store: &RedisStore, claimed: Claimed) {
    let end = End::Done(ReplyBody::Empty);
    store.settle(claimed.lease, end).await.unwrap();
}

/// Does what a keeper does until `count` invocations were claimed; answers them.
pub(crate) async fn keep_until_claimed(store: &RedisStore, count: usize) -> Vec<Claimed> {
    let began = Instant::now();
    let mut claimed = Vec::new();
    while claimed.len() < count {
        assert!(
            began.elapsed() < SOON,
            "{} of {count} came back",
            claimed.len()
        );
        // Redis may have just come back.
        drop(store.checkpoint().await);
        drop(store.relay().await);
        let want = Want {
            service: name("a"),
            permits: 100,
        };
        if let Ok(more) = store.claim(vec![want], u32::MAX).await {
            claimed.extend(more);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    claimed
}

/// Makes checkpoints until Redis answers again.
pub(crate) async fn checkpoint(store: &RedisStore) {
    let began = Instant::now();
    while let Err(error) = store.checkpoint().await {
        assert!(began.elapsed() < SOON, "{error:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The row of service `a` and a class, which must balance.
pub(crate) async fn row(store: &RedisStore, delivery: Delivery) -> LedgerRow {
    let rows = store.ledger().await.unwrap();
    let found = rows.into_iter().find(|row| row.delivery == delivery);
    let row = found.unwrap();
    assert!(row.balances(), "{row:?}");
    row
}

/// The only loss there is.
pub(crate) async fn only_loss(store: &RedisStore) -> Loss {
    let mut losses = store.losses().await.unwrap();
    assert_eq!(losses.len(), 1, "{losses:?}");
    losses.remove(0)
}
