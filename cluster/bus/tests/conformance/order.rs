//! Invocations with an order key.

use busker_bus::End;
use busker_kit::clock::unix_ms;
use busker_model::invocation::ReplyBody;

use crate::fixture::{Fixture, failure, keyed};

const SERVICE: &str = "orders.book";

pub(crate) async fn one_key_runs_one_after_another_in_order(on: &Fixture) {
    let mut sent = Vec::new();
    for _ in 0..3 {
        sent.push(on.publish(keyed(SERVICE, "a")).await);
    }
    let other = on.publish(keyed(SERVICE, "b")).await;
    let same_key_elsewhere = on.publish(keyed("orders.cancel", "a")).await;
    let mut first = on.claim(SERVICE, 10).await;
    let cids: Vec<_> = first.iter().map(|claimed| claimed.lease.cid).collect();
    assert_eq!(cids, [sent[0], other]);
    assert_eq!(
        on.claim_one("orders.cancel").await.lease.cid,
        same_key_elsewhere
    );
    on.store
        .settle(first.remove(0).lease, End::Done(ReplyBody::Empty))
        .await
        .unwrap();
    for cid in &sent[1..] {
        let next = on.claim_one(SERVICE).await;
        assert_eq!(next.lease.cid, *cid);
        on.store
            .settle(next.lease, End::Done(ReplyBody::Empty))
            .await
            .unwrap();
    }
    assert!(on.claim(SERVICE, 10).await.is_empty());
    for row in on.store.ledger().await.unwrap() {
        assert!(row.balances(), "{row:?}");
    }
}

pub(crate) async fn a_retry_keeps_its_place(on: &Fixture) {
    let first = on.publish(keyed(SERVICE, "a")).await;
    on.publish(keyed(SERVICE, "a")).await;
    let claimed = on.claim_one(SERVICE).await;
    let end = End::Retry {
        at_ms: unix_ms() - 1,
        failure: failure("no luck"),
    };
    on.store.settle(claimed.lease, end).await.unwrap();
    assert!(on.claim(SERVICE, 10).await.is_empty());
    on.store.promote().await.unwrap();
    let again = on.claim_one(SERVICE).await;
    assert_eq!((again.lease.cid, again.lease.attempt), (first, 2));
}

pub(crate) async fn a_dead_one_lets_the_next_go(on: &Fixture) {
    let first = on.publish(keyed(SERVICE, "a")).await;
    let second = on.publish(keyed(SERVICE, "a")).await;
    let claimed = on.claim_one(SERVICE).await;
    let end = End::Dead {
        failure: failure("bug"),
        version: String::new(),
    };
    on.store.settle(claimed.lease, end).await.unwrap();
    let next = on.claim_one(SERVICE).await;
    assert_eq!(next.lease.cid, second);
    // A replay takes its place at the end of the line.
    on.store.dead_replay(first).await.unwrap();
    assert!(on.claim(SERVICE, 10).await.is_empty());
    on.store
        .settle(next.lease, End::Done(ReplyBody::Empty))
        .await
        .unwrap();
    assert_eq!(on.claim_one(SERVICE).await.lease.cid, first);
}
