//! What a file does that a server does not: it is opened again.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use busker_bus::{DeadFilter, End, SqliteConfig, SqliteStore, Store, Want};
use busker_model::Delivery;
use busker_model::bus::InvocationState;
use busker_model::invocation::ReplyBody;

use crate::fixture::{envelope, failure, limits, name};

fn want() -> Vec<Want> {
    vec![Want {
        service: name("a"),
        permits: 10,
    }]
}

#[tokio::test]
async fn what_ran_when_the_process_ended_runs_again_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let config = SqliteConfig::new(folder.path().join("bus.db"));
    let store = SqliteStore::open(config.clone()).await.unwrap();
    for delivery in [Delivery::Durable, Delivery::Fast] {
        store.publish(envelope("a", delivery)).await.unwrap();
    }
    assert_eq!(store.claim(want(), u32::MAX).await.unwrap().len(), 2);
    let twice = SqliteStore::open(config.clone()).await.unwrap_err();
    assert!(
        format!("{twice:?}").contains("another process"),
        "{twice:?}"
    );
    drop(store);
    let store = SqliteStore::open(config).await.unwrap();
    let claimed = store.claim(want(), u32::MAX).await.unwrap();
    assert_eq!(claimed.len(), 2);
    assert!(claimed.iter().all(|one| one.lease.attempt == 2));
    for row in store.ledger().await.unwrap() {
        assert!(row.balances() && row.pending == 1, "{row:?}");
    }
}

#[tokio::test]
async fn results_and_dead_letters_go_when_they_are_old() {
    let folder = tempfile::tempdir().unwrap();
    let now = Arc::new(AtomicI64::new(1_000_000));
    let clock = Arc::clone(&now);
    let mut config = SqliteConfig::new(folder.path().join("bus.db"));
    config.limits = limits();
    config.clock = Arc::new(move || clock.load(Ordering::Relaxed));
    let store = SqliteStore::open(config).await.unwrap();
    let (done, dead) = (envelope("a", Delivery::Fast), envelope("a", Delivery::Fast));
    store.publish(done.clone()).await.unwrap();
    store.publish(dead.clone()).await.unwrap();
    for claimed in store.claim(want(), u32::MAX).await.unwrap() {
        let end = if claimed.lease.cid == done.cid {
            End::Done(ReplyBody::Empty)
        } else {
            End::Dead {
                failure: failure("bug"),
                version: String::new(),
            }
        };
        store.settle(claimed.lease, end).await.unwrap();
    }
    let day = 24 * 3_600 * 1_000;
    now.fetch_add(day + 1, Ordering::Relaxed);
    assert_eq!(store.sweep().await.unwrap(), 1);
    assert_eq!(store.status(done.cid).await.unwrap(), None);
    now.fetch_add(29 * day, Ordering::Relaxed);
    assert_eq!(store.sweep().await.unwrap(), 1);
    let status = store.status(dead.cid).await.unwrap().unwrap();
    assert_eq!(status.state, InvocationState::Discarded);
    let row = store.ledger().await.unwrap().remove(0);
    assert!(row.balances() && row.discarded == 1, "{row:?}");
    let all = DeadFilter {
        service: None,
        offset: 0,
        limit: 10,
    };
    assert_eq!(store.dead_list(all).await.unwrap().total, 0);
}
