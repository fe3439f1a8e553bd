//! What a server does that a file does not: it goes away, and comes back empty; and several nodes share it.

use std::time::Duration;

use busker_bus::testing::RedisServer;
use busker_bus::{BusError, End, RedisStore, Store, Want};
use busker_model::{Delivery, Secret};

use crate::fixture::{envelope, failure, name, redis_config};

fn want() -> Vec<Want> {
    vec![Want {
        service: name("a"),
        permits: 10,
    }]
}

#[tokio::test]
async fn a_server_that_comes_back_empty_is_a_stated_loss_and_work_goes_on() {
    let mut server = RedisServer::start().await.unwrap();
    let store = RedisStore::open(redis_config(&server)).await.unwrap();
    for _ in 0..3 {
        store.publish(envelope("a", Delivery::Fast)).await.unwrap();
    }
    store.ledger().await.unwrap();
    let held = store.claim(want(), u32::MAX).await.unwrap().remove(0);
    server.kill().unwrap();
    let refused = store.publish(envelope("a", Delivery::Fast)).await;
    assert!(
        matches!(refused, Err(BusError::Unavailable { .. })),
        "{refused:?}"
    );
    server.run().await.unwrap();
    // No restart of ours: the next operations find the server again.
    let sent = envelope("a", Delivery::Fast);
    let mut kept = Err(BusError::NotDead(sent.cid));
    for _ in 0..50 {
        kept = store.publish(sent.clone()).await;
        if kept.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    kept.unwrap();
    let row = store.ledger().await.unwrap().remove(0);
    assert!(row.balances() && row.accepted == 1, "{row:?}");
    let losses = store.losses();
    assert_eq!(losses.len(), 1);
    assert_eq!(
        (losses[0].accepted_before, losses[0].pending_before),
        (3, Some(3))
    );
    let late = store.settle(held.lease, End::Expired).await;
    assert!(matches!(late, Err(BusError::NotHeld(_))), "{late:?}");
    assert_eq!(
        store.claim(want(), u32::MAX).await.unwrap()[0].lease.cid,
        sent.cid
    );
}

#[tokio::test]
async fn entries_of_a_dead_node_go_to_another() {
    let server = RedisServer::start().await.unwrap();
    let dead = RedisStore::open(redis_config(&server)).await.unwrap();
    let mut config = redis_config(&server);
    config.consumer = "node2:0".into();
    let alive = RedisStore::open(config).await.unwrap();
    dead.publish(envelope("a", Delivery::Durable))
        .await
        .unwrap();
    assert_eq!(dead.claim(want(), u32::MAX).await.unwrap().len(), 1);
    drop(dead);
    assert!(alive.claim(want(), u32::MAX).await.unwrap().is_empty());
    tokio::time::sleep(crate::fixture::LEASE + Duration::from_millis(50)).await;
    assert_eq!(alive.reclaim().await.unwrap(), 1);
    assert_eq!(
        alive.claim(want(), u32::MAX).await.unwrap()[0]
            .lease
            .attempt,
        2
    );
}

#[tokio::test]
async fn dead_letters_go_when_they_are_old() {
    let server = RedisServer::start().await.unwrap();
    let mut config = redis_config(&server);
    config.limits.dead_retention = Duration::ZERO;
    let store = RedisStore::open(config).await.unwrap();
    store
        .publish(envelope("a", Delivery::Durable))
        .await
        .unwrap();
    let lease = store.claim(want(), u32::MAX).await.unwrap().remove(0).lease;
    let cid = lease.cid;
    let end = End::Dead {
        failure: failure("bug"),
        version: String::new(),
    };
    store.settle(lease, end).await.unwrap();
    tokio::time::sleep(Duration::from_millis(5)).await;
    assert_eq!(store.sweep().await.unwrap(), 1);
    assert_eq!(store.dead_get(cid).await, Err(BusError::NotDead(cid)));
    let row = store.ledger().await.unwrap().remove(0);
    assert!(row.balances() && row.discarded == 1, "{row:?}");
}

#[tokio::test]
async fn clusters_on_one_server_do_not_see_each_other() {
    let server = RedisServer::start().await.unwrap();
    let one = RedisStore::open(redis_config(&server)).await.unwrap();
    let mut config = redis_config(&server);
    config.cluster = "other".into();
    let other = RedisStore::open(config).await.unwrap();
    one.publish(envelope("a", Delivery::Durable)).await.unwrap();
    assert!(other.claim(want(), u32::MAX).await.unwrap().is_empty());
    assert!(other.ledger().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_wrong_address_names_the_field_and_shows_no_password() {
    let server = RedisServer::start().await.unwrap();
    for url in ["http://127.0.0.1:1/0", "redis://:s3cret@127.0.0.1:1/0"] {
        let mut config = redis_config(&server);
        config.url = url.into();
        let error = format!("{:?}", RedisStore::open(config).await.unwrap_err());
        assert!(
            error.contains("bus.url") && !error.contains("s3cret"),
            "{error}"
        );
    }
    let mut config = redis_config(&server);
    config.password = Some(Secret::new("s3cret"));
    let error = format!("{:?}", RedisStore::open(config).await.unwrap_err());
    assert!(
        error.contains("Unavailable") && !error.contains("s3cret"),
        "{error}"
    );
}
