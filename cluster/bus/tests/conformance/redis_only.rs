//! What a server does that a file does not: it goes away, and comes back empty; and several nodes share it.

use std::time::Duration;

use busker_bus::testing::RedisServer;
use busker_bus::{BusError, End, Store, Want};
use busker_model::Delivery;

use crate::fixture::{envelope, failure, name, odb, open, redis_config};

fn want() -> Vec<Want> {
    vec![Want {
        service: name("a"),
        permits: 10,
    }]
}

#[tokio::test]
async fn a_server_that_comes_back_is_found_without_a_restart_of_ours() {
    let mut server = RedisServer::start().await.unwrap();
    let (odb, _folder) = odb().await;
    let store = open(redis_config(&server), &odb).await;
    store.publish(envelope("a", Delivery::Fast)).await.unwrap();
    let held = store.claim(want(), u32::MAX).await.unwrap().remove(0);
    server.kill().unwrap();
    let refused = store.publish(envelope("a", Delivery::Fast)).await;
    assert!(
        matches!(refused, Err(BusError::Unavailable { .. })),
        "{refused:?}"
    );
    server.run().await.unwrap();
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
    let (odb, _folder) = odb().await;
    let dead = open(redis_config(&server), &odb).await;
    let mut config = redis_config(&server);
    config.consumer = "node2:0".into();
    let alive = open(config, &odb).await;
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
    let (odb, _folder) = odb().await;
    let mut config = redis_config(&server);
    config.limits.dead_retention = Duration::ZERO;
    let store = open(config, &odb).await;
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
    let (odb, _folder) = odb().await;
    let (second, _other_folder) = crate::fixture::odb().await;
    let one = open(redis_config(&server), &odb).await;
    let mut config = redis_config(&server);
    config.cluster = "other".into();
    let other = open(config, &second).await;
    one.publish(envelope("a", Delivery::Durable)).await.unwrap();
    assert!(other.claim(want(), u32::MAX).await.unwrap().is_empty());
    assert!(other.ledger().await.unwrap().is_empty());
}
