//! Publish and claim.

use std::collections::HashMap;
use std::sync::Arc;

use busker_bus::{BusError, End, Want};
use busker_model::invocation::ReplyBody;
use busker_model::job::{JobKind, JobRef};
use busker_model::{Cid, Delivery, Payload};
use bytes::Bytes;

use crate::fixture::{Fixture, envelope, limits, name};

pub(crate) async fn what_is_claimed_is_what_was_published(on: &Fixture) {
    for delivery in [Delivery::Durable, Delivery::Fast] {
        let mut sent = envelope("orders.book", delivery);
        sent.payload = Payload::Raw(Bytes::from(vec![0, 255, 10, 13, 0]));
        sent.raw = Some(Bytes::from_static(b"<raw>\n\0</raw>"));
        sent.head.traceparent = Some("00-1-2-01".into());
        sent.head.parent = Some(Cid::from_u128(7));
        sent.head.job = Some(JobRef {
            name: "every minute".into(),
            kind: JobKind::Interval,
        });
        on.publish(sent.clone()).await;
        let claimed = on.claim_one("orders.book").await;
        assert_eq!(claimed.envelope, sent);
        assert_eq!(
            (claimed.lease.attempt, claimed.lease.delivery),
            (1, delivery)
        );
    }
}

pub(crate) async fn the_same_cid_is_kept_once(on: &Fixture) {
    let sent = envelope("orders.book", Delivery::Durable);
    on.publish(sent.clone()).await;
    on.publish(sent.clone()).await;
    let claimed = on.claim_one("orders.book").await;
    on.publish(sent.clone()).await;
    on.store
        .settle(claimed.lease, End::Done(ReplyBody::Empty))
        .await
        .unwrap();
    on.publish(sent).await;
    assert!(on.claim("orders.book", 10).await.is_empty());
    let row = on.ledger_row().await;
    assert_eq!((row.accepted, row.done, row.pending), (1, 1, 0));
}

pub(crate) async fn a_claim_takes_no_more_than_the_permits_and_no_other_service(on: &Fixture) {
    let mut sent = Vec::new();
    for _ in 0..5 {
        sent.push(on.publish(envelope("a", Delivery::Durable)).await);
        on.publish(envelope("b", Delivery::Durable)).await;
    }
    let first: Vec<Cid> = cids(on, "a", 2).await;
    assert_eq!(first, sent[..2]);
    let rest: Vec<Cid> = cids(on, "a", 10).await;
    assert_eq!(rest, sent[2..]);
    assert!(
        on.store
            .claim(Vec::new(), u32::MAX)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(on.claim("nobody", 10).await.is_empty());
    let want = vec![Want {
        service: name("b"),
        permits: 10,
    }];
    assert_eq!(on.store.claim(want, 2).await.unwrap().len(), 2);
    assert_eq!(on.claim("b", 10).await.len(), 3);
}

async fn cids(on: &Fixture, service: &str, permits: u32) -> Vec<Cid> {
    let claimed = on.claim(service, permits).await;
    claimed.iter().map(|claimed| claimed.lease.cid).collect()
}

pub(crate) async fn a_full_service_is_refused_and_others_are_not(on: &Fixture) {
    let most = limits().pending_max;
    let publish = (0..most).map(|number| {
        let delivery = if number % 2 == 0 {
            Delivery::Durable
        } else {
            Delivery::Fast
        };
        on.store.publish(envelope("full", delivery))
    });
    for kept in futures::future::join_all(publish).await {
        kept.unwrap();
    }
    let refused = on.store.publish(envelope("full", Delivery::Fast)).await;
    match refused {
        Err(BusError::Busy { service, pending }) => {
            assert_eq!((service, pending), (name("full"), most));
        }
        other => panic!("{other:?}"),
    }
    on.publish(envelope("other", Delivery::Fast)).await;
    let claimed = on.claim("full", 1).await.remove(0);
    assert!(
        on.store
            .publish(envelope("full", Delivery::Fast))
            .await
            .is_err()
    );
    on.store
        .settle(claimed.lease, End::Done(ReplyBody::Empty))
        .await
        .unwrap();
    on.publish(envelope("full", Delivery::Fast)).await;
}

pub(crate) async fn the_bell_rings_for_new_work(on: &Fixture) {
    let mut bell = on.store.bell();
    // A subscription that is being made rings once; wait for that before the one that counts.
    drop(tokio::time::timeout(std::time::Duration::from_millis(300), bell.changed()).await);
    bell.mark_unchanged();
    on.publish(envelope("orders.book", Delivery::Fast)).await;
    tokio::time::timeout(std::time::Duration::from_secs(5), bell.changed())
        .await
        .unwrap()
        .unwrap();
}

pub(crate) async fn many_publishers_and_claimers_lose_and_double_nothing(on: &Fixture) {
    const COUNT: usize = 400;
    let sent: Vec<_> = (0..COUNT)
        .map(|number| {
            let delivery = if number % 3 == 0 {
                Delivery::Fast
            } else {
                Delivery::Durable
            };
            envelope("orders.book", delivery)
        })
        .collect();
    let publish = futures::future::join_all(sent.iter().cloned().map(|one| on.store.publish(one)));
    let claimers = futures::future::join_all((0..4).map(|_| work(on, COUNT / 4)));
    let look = async {
        for _ in 0..20 {
            for row in on.store.ledger().await.unwrap() {
                assert!(row.balances(), "{row:?}");
            }
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
    };
    let (kept, ran, ()) = tokio::join!(publish, claimers, look);
    for kept in kept {
        kept.unwrap();
    }
    let mut seen: HashMap<Cid, u32> = HashMap::new();
    for cid in ran.into_iter().flatten() {
        *seen.entry(cid).or_default() += 1;
    }
    assert_eq!(seen.len(), COUNT);
    assert!(seen.values().all(|&times| times == 1));
    for row in on.store.ledger().await.unwrap() {
        assert!(row.balances() && row.done == row.accepted, "{row:?}");
    }
}

/// Claims and settles until `count` are done.
async fn work(on: &Fixture, count: usize) -> Vec<Cid> {
    let store = Arc::clone(&on.store);
    let mut done = Vec::new();
    while done.len() < count {
        let permits = u32::try_from((count - done.len()).min(16)).unwrap();
        let want = Want {
            service: name("orders.book"),
            permits,
        };
        let claimed = store.claim(vec![want], u32::MAX).await.unwrap();
        if claimed.is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
        for one in claimed {
            let (cid, end) = (one.lease.cid, End::Done(ReplyBody::Empty));
            store.settle(one.lease, end).await.unwrap();
            done.push(cid);
        }
    }
    done
}
