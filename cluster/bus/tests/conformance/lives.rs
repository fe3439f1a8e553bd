//! The lives an invocation can have.

use std::time::Duration;

use busker_bus::{BusError, End};
use busker_kit::clock::unix_ms;
use busker_model::Delivery;
use busker_model::bus::InvocationState as State;
use busker_model::invocation::ReplyBody;
use bytes::Bytes;

use crate::fixture::{Fixture, LEASE, envelope, failure};

const SERVICE: &str = "orders.book";

pub(crate) async fn a_status_follows_an_invocation_to_its_result(on: &Fixture) {
    let sent = envelope(SERVICE, Delivery::Durable);
    assert_eq!(on.store.status(sent.cid).await.unwrap(), None);
    let cid = on.publish(sent.clone()).await;
    let status = on.store.status(cid).await.unwrap().unwrap();
    assert_eq!((status.state, status.attempts), (State::Waiting, 0));
    assert_eq!(status.accepted_ms, sent.head.accepted_ms);
    let claimed = on.claim_one(SERVICE).await;
    let status = on.store.status(cid).await.unwrap().unwrap();
    assert_eq!((status.state, status.attempts), (State::Running, 1));
    let body = ReplyBody::Json(Bytes::from_static(b"{\"ok\":\n true}"));
    on.store
        .settle(claimed.lease, End::Done(body.clone()))
        .await
        .unwrap();
    let status = on.store.status(cid).await.unwrap().unwrap();
    assert_eq!((status.state, status.attempts), (State::Done, 1));
    assert_eq!(status.result, Some(body));
    assert!(status.at_ms.unwrap() >= status.accepted_ms);
}

pub(crate) async fn a_result_that_is_too_long_is_not_kept(on: &Fixture) {
    let cid = on.publish(envelope(SERVICE, Delivery::Fast)).await;
    let claimed = on.claim_one(SERVICE).await;
    let body = ReplyBody::Raw(Bytes::from(vec![
        7;
        busker_bus::limits::RESULT_BYTES_MAX + 1
    ]));
    on.store
        .settle(claimed.lease, End::Done(body))
        .await
        .unwrap();
    let status = on.store.status(cid).await.unwrap().unwrap();
    assert_eq!((status.state, status.result), (State::Done, None));
}

pub(crate) async fn a_delayed_one_is_not_claimed_before_its_time(on: &Fixture) {
    let mut sent = envelope(SERVICE, Delivery::Durable);
    let due = unix_ms() + 300;
    sent.head.not_before_ms = Some(due);
    let cid = on.publish(sent).await;
    on.store.promote().await.unwrap();
    assert!(on.claim(SERVICE, 10).await.is_empty());
    let status = on.store.status(cid).await.unwrap().unwrap();
    assert_eq!((status.state, status.at_ms), (State::Delayed, Some(due)));
    assert_eq!(on.ledger_row().await.pending, 1);
    wait_until(due).await;
    assert_eq!(on.store.promote().await.unwrap(), 1);
    assert_eq!(on.claim_one(SERVICE).await.lease.cid, cid);
    assert_eq!(on.store.promote().await.unwrap(), 0);
}

async fn wait_until(ms: i64) {
    while unix_ms() < ms {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

pub(crate) async fn a_failed_one_comes_back_after_its_wait_with_its_failure(on: &Fixture) {
    let cid = on.publish(envelope(SERVICE, Delivery::Durable)).await;
    let claimed = on.claim_one(SERVICE).await;
    let sent = claimed.envelope;
    let at_ms = unix_ms() + 200;
    let end = End::Retry {
        at_ms,
        failure: failure("no luck"),
    };
    on.store.settle(claimed.lease.clone(), end).await.unwrap();
    let status = on.store.status(cid).await.unwrap().unwrap();
    assert_eq!(
        (status.state, status.at_ms, status.attempts),
        (State::Delayed, Some(at_ms), 1)
    );
    assert_eq!(status.failure, Some(failure("no luck")));
    assert!(on.claim(SERVICE, 10).await.is_empty());
    wait_until(at_ms).await;
    on.store.promote().await.unwrap();
    let again = on.claim_one(SERVICE).await;
    assert_eq!((again.lease.attempt, again.envelope), (2, sent));
    // The lease of the first start is worth nothing now.
    let late = on
        .store
        .settle(claimed.lease, End::Done(ReplyBody::Empty))
        .await;
    assert_eq!(late, Err(BusError::NotHeld(cid)));
    on.store
        .settle(again.lease, End::Done(ReplyBody::Empty))
        .await
        .unwrap();
    assert_eq!(on.ledger_row().await.done, 1);
}

pub(crate) async fn what_is_given_back_was_not_started(on: &Fixture) {
    on.publish(envelope(SERVICE, Delivery::Fast)).await;
    let claimed = on.claim_one(SERVICE).await;
    let end = End::GiveBack {
        at_ms: unix_ms() - 1,
    };
    on.store.settle(claimed.lease, end).await.unwrap();
    on.store.promote().await.unwrap();
    assert_eq!(on.claim_one(SERVICE).await.lease.attempt, 1);
}

pub(crate) async fn one_past_its_deadline_is_expired(on: &Fixture) {
    let cid = on.publish(envelope(SERVICE, Delivery::Durable)).await;
    let claimed = on.claim_one(SERVICE).await;
    on.store.settle(claimed.lease, End::Expired).await.unwrap();
    let status = on.store.status(cid).await.unwrap().unwrap();
    assert_eq!((status.state, status.attempts), (State::Expired, 0));
    let row = on.ledger_row().await;
    assert_eq!((row.expired, row.pending), (1, 0));
}

pub(crate) async fn what_is_held_too_long_comes_back_and_the_old_lease_is_refused(on: &Fixture) {
    let cid = on.publish(envelope(SERVICE, Delivery::Durable)).await;
    let first = on.claim_one(SERVICE).await;
    assert_eq!(on.store.reclaim().await.unwrap(), 0);
    tokio::time::sleep(LEASE + Duration::from_millis(50)).await;
    assert_eq!(on.store.reclaim().await.unwrap(), 1);
    let second = on.claim_one(SERVICE).await;
    assert_eq!((second.lease.cid, second.lease.attempt), (cid, 2));
    let late = on
        .store
        .settle(first.lease, End::Done(ReplyBody::Empty))
        .await;
    assert_eq!(late, Err(BusError::NotHeld(cid)));
    assert_eq!(on.ledger_row().await.pending, 1);
    on.store
        .settle(second.lease, End::Done(ReplyBody::Empty))
        .await
        .unwrap();
    assert_eq!(on.ledger_row().await.done, 1);
}

pub(crate) async fn a_renewed_lease_does_not_run_out(on: &Fixture) {
    on.publish(envelope(SERVICE, Delivery::Durable)).await;
    let claimed = on.claim_one(SERVICE).await;
    let started = tokio::time::Instant::now();
    while started.elapsed() < LEASE * 2 {
        on.store.renew(vec![claimed.lease.clone()]).await.unwrap();
        assert_eq!(on.store.reclaim().await.unwrap(), 0);
        tokio::time::sleep(LEASE / 8).await;
    }
    on.store
        .settle(claimed.lease.clone(), End::Done(ReplyBody::Empty))
        .await
        .unwrap();
    // To renew what is gone is no error, and brings nothing back.
    on.store.renew(vec![claimed.lease]).await.unwrap();
    assert_eq!(on.ledger_row().await.pending, 0);
}

pub(crate) async fn what_loses_its_nodes_too_often_is_dead(on: &Fixture) {
    let cid = on.publish(envelope(SERVICE, Delivery::Durable)).await;
    for attempt in 1..=3 {
        assert_eq!(on.claim_one(SERVICE).await.lease.attempt, attempt);
        tokio::time::sleep(LEASE + Duration::from_millis(50)).await;
        assert_eq!(on.store.reclaim().await.unwrap(), 1);
    }
    assert!(on.claim(SERVICE, 10).await.is_empty());
    let letter = on.store.dead_get(cid).await.unwrap();
    assert_eq!(letter.attempts, 3);
    assert_eq!(letter.failure.code.as_deref(), Some("lease-lost"));
    assert_eq!(on.ledger_row().await.dead, 1);
}
