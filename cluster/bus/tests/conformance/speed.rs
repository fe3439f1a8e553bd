//! How fast: printed, not judged. Run it with `--run-ignored only`, in release.

use std::sync::Arc;
use std::time::Duration;

use busker_bus::limits::Limits;
use busker_bus::testing::RedisServer;
use busker_bus::{End, RedisStore, SqliteConfig, SqliteStore, Store, Want};
use busker_model::invocation::ReplyBody;
use busker_model::{Delivery, Payload};
use bytes::Bytes;
use futures::StreamExt;
use tokio::time::Instant;

use crate::fixture::{envelope, name, odb, redis_config};

/// Invocations of one run; each has a payload of 1 KiB.
const COUNT: usize = 20_000;
/// Publishers, and starts being settled, at once.
const AT_ONCE: usize = 512;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "heavy: prints figures"]
async fn sqlite_and_redis() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = SqliteStore::open(SqliteConfig::new(folder.path().join("bus.db"))).await;
    let sqlite: Arc<dyn Store> = Arc::new(sqlite.unwrap());
    let server = RedisServer::start().await.unwrap();
    let mut config = redis_config(&server);
    config.limits = Limits::default();
    let (odb, _kept) = odb().await;
    let redis: Arc<dyn Store> = Arc::new(RedisStore::open(config, odb).await.unwrap());
    for store in [sqlite, redis] {
        for delivery in [Delivery::Durable, Delivery::Fast] {
            run(&store, delivery).await;
        }
    }
}

async fn run(store: &Arc<dyn Store>, delivery: Delivery) {
    let began = Instant::now();
    let publish = futures::stream::iter(0..COUNT).map(|_| {
        let mut sent = envelope("a", delivery);
        sent.payload = Payload::Raw(Bytes::from(vec![7; 1_024]));
        store.publish(sent)
    });
    let kept: Vec<_> = publish.buffer_unordered(AT_ONCE).collect().await;
    assert!(kept.iter().all(Result::is_ok));
    let published = began.elapsed();
    let began = Instant::now();
    let mut done = 0;
    while done < COUNT {
        let want = Want {
            service: name("a"),
            permits: 1_000,
        };
        let claimed = store.claim(vec![want], u32::MAX).await.unwrap();
        done += claimed.len();
        let settle = claimed
            .into_iter()
            .map(|one| store.settle(one.lease, End::Done(ReplyBody::Empty)));
        for settled in futures::future::join_all(settle).await {
            settled.unwrap();
        }
    }
    println!(
        "{} {delivery:?}: {:.0}/s published, {:.0}/s claimed and settled",
        store.name(),
        rate(published),
        rate(began.elapsed())
    );
}

#[expect(clippy::cast_precision_loss, reason = "a printed figure")]
fn rate(took: Duration) -> f64 {
    COUNT as f64 / took.as_secs_f64()
}
