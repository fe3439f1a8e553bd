//! Stores to test, and invocations to put into them.

use std::sync::Arc;
use std::time::Duration;

use busker_bus::limits::Limits;
use busker_bus::testing::RedisServer;
use busker_bus::{Claimed, RedisConfig, RedisStore, SqliteConfig, SqliteStore, Store, Want};
use busker_kit::clock::unix_ms;
use busker_model::bus::{Envelope, Failure, Head, LedgerRow};
use busker_model::{
    ChannelKind, Cid, DataFormat, Delivery, ErrorClass, Payload, Secret, ServiceName,
};
use busker_odb::testing::PostgresServer;
use busker_odb::{Odb, OdbConfig};
use bytes::Bytes;
use tempfile::TempDir;

use crate::flushed::Flushed;

/// Lease of the stores under test.
pub(crate) const LEASE: Duration = Duration::from_millis(400);

/// Bounds small enough to be reached.
pub(crate) fn limits() -> Limits {
    Limits {
        pending_max: 500,
        lease: LEASE,
        lost_max: 3,
        ..Limits::default()
    }
}

/// A store, and what it stands on.
pub(crate) struct Fixture {
    pub(crate) store: Arc<dyn Store>,
    _folder: Option<TempDir>,
    _server: Option<RedisServer>,
}

pub(crate) async fn sqlite() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let mut config = SqliteConfig::new(folder.path().join("bus.db"));
    config.limits = limits();
    Fixture {
        store: Arc::new(SqliteStore::open(config).await.unwrap()),
        _folder: Some(folder),
        _server: None,
    }
}

pub(crate) fn redis_config(server: &RedisServer) -> RedisConfig {
    RedisConfig {
        url: Secret::new(server.url()),
        password: None,
        root_certificate: None,
        cluster: "test".into(),
        node: "node1".into(),
        consumer: "node1:0".into(),
        limits: limits(),
    }
}

pub(crate) async fn redis() -> Fixture {
    let server = RedisServer::start().await.unwrap();
    let (odb, folder) = odb().await;
    Fixture {
        store: Arc::new(open(redis_config(&server), &odb).await),
        _folder: Some(folder),
        _server: Some(server),
    }
}

/// The same over a database of PostgreSQL.
pub(crate) async fn redis_on_postgres(postgres: &PostgresServer) -> Fixture {
    let server = RedisServer::start().await.unwrap();
    let config = postgres.config(&postgres.new_database().unwrap(), "");
    let odb = Odb::open(config).await.unwrap();
    odb.migrate().await.unwrap();
    Fixture {
        store: Arc::new(open(redis_config(&server), &odb).await),
        _folder: None,
        _server: Some(server),
    }
}

/// An empty database in a file.
pub(crate) async fn odb() -> (Odb, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let odb = Odb::open(OdbConfig::sqlite(folder.path().join("odb.db")));
    let odb = odb.await.unwrap();
    odb.migrate().await.unwrap();
    (odb, folder)
}

/// A store that answers when the outbox and the stream agree.
pub(crate) async fn open(config: RedisConfig, odb: &Odb) -> Flushed {
    Flushed(RedisStore::open(config, odb.clone()).await.unwrap())
}

pub(crate) fn name(text: &str) -> ServiceName {
    ServiceName::new(text).unwrap()
}

/// An invocation with a JSON payload.
pub(crate) fn envelope(service: &str, delivery: Delivery) -> Envelope {
    Envelope {
        cid: Cid::mint(),
        service: name(service),
        delivery,
        head: Head {
            accepted_ms: unix_ms(),
            channel: ChannelKind::InvokeAsync,
            data_format: DataFormat::Json,
            not_before_ms: None,
            deadline_ms: None,
            key: None,
            traceparent: None,
            principal: None,
            parent: None,
            job: None,
        },
        payload: Payload::Json(Bytes::from_static(b"{\"n\":1}")),
        raw: None,
    }
}

pub(crate) fn keyed(service: &str, key: &str) -> Envelope {
    let mut envelope = envelope(service, Delivery::Durable);
    envelope.head.key = Some(key.into());
    envelope
}

pub(crate) fn failure(message: &str) -> Failure {
    Failure {
        class: ErrorClass::Internal,
        code: None,
        message: message.into(),
        detail: Some("line 1\nline 2".into()),
    }
}

impl Fixture {
    /// Publishes one and answers its cid.
    pub(crate) async fn publish(&self, envelope: Envelope) -> Cid {
        let cid = envelope.cid;
        self.store.publish(envelope).await.unwrap();
        cid
    }

    /// Claims of one service.
    pub(crate) async fn claim(&self, service: &str, permits: u32) -> Vec<Claimed> {
        let want = Want {
            service: name(service),
            permits,
        };
        self.store.claim(vec![want], u32::MAX).await.unwrap()
    }

    /// Claims the only one there is.
    pub(crate) async fn claim_one(&self, service: &str) -> Claimed {
        let mut claimed = self.claim(service, 10).await;
        assert_eq!(claimed.len(), 1, "{claimed:?}");
        claimed.remove(0)
    }

    /// The only row of the ledger, which must balance.
    pub(crate) async fn ledger_row(&self) -> LedgerRow {
        let mut rows = self.store.ledger().await.unwrap();
        assert_eq!(rows.len(), 1, "{rows:?}");
        let row = rows.remove(0);
        assert!(row.balances(), "{row:?}");
        row
    }
}
