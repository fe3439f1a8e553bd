//! Dead letters.

use busker_bus::{BusError, DeadFilter, End};
use busker_kit::clock::unix_ms;
use busker_model::bus::InvocationState as State;
use busker_model::invocation::ReplyBody;
use busker_model::{Cid, Delivery};
use bytes::Bytes;

use crate::fixture::{Fixture, envelope, failure, name};

const SERVICE: &str = "orders.book";

fn all() -> DeadFilter {
    DeadFilter {
        service: None,
        offset: 0,
        limit: 100,
    }
}

/// Publishes one and lets it die.
async fn die(on: &Fixture, service: &str) -> Cid {
    let mut sent = envelope(service, Delivery::Durable);
    sent.head.deadline_ms = Some(unix_ms() + 60_000);
    let cid = on.publish(sent).await;
    let claimed = on.claim_one(service).await;
    let end = End::Dead {
        failure: failure("bug"),
        version: "orders.Book generation 4".into(),
    };
    on.store.settle(claimed.lease, end).await.unwrap();
    cid
}

pub(crate) async fn a_dead_letter_is_listed_edited_and_replayed(on: &Fixture) {
    let cid = die(on, SERVICE).await;
    let status = on.store.status(cid).await.unwrap().unwrap();
    assert_eq!(
        (status.state, status.failure),
        (State::Dead, Some(failure("bug")))
    );
    let page = on.store.dead_list(all()).await.unwrap();
    assert_eq!((page.total, page.letters.len()), (1, 1));
    let summary = &page.letters[0];
    assert_eq!((summary.cid, summary.attempts), (cid, 1));
    assert_eq!(summary.version, "orders.Book generation 4");
    assert!(summary.bytes > 10, "{summary:?}");
    let refused = on.store.dead_edit(cid, Bytes::from_static(b"{")).await;
    assert!(matches!(refused, Err(BusError::Refused(_))), "{refused:?}");
    on.store
        .dead_edit(cid, Bytes::from_static(b"{\"n\":2}"))
        .await
        .unwrap();
    let letter = on.store.dead_get(cid).await.unwrap();
    assert_eq!(letter.envelope.payload_bytes(), b"{\"n\":2}");
    assert_eq!(letter.failure, failure("bug"));
    on.store.dead_replay(cid).await.unwrap();
    assert_eq!(on.store.dead_replay(cid).await, Err(BusError::NotDead(cid)));
    let row = on.ledger_row().await;
    assert_eq!((row.accepted, row.dead, row.pending), (1, 0, 1));
    let again = on.claim_one(SERVICE).await;
    assert_eq!((again.lease.cid, again.lease.attempt), (cid, 1));
    assert_eq!(again.envelope.payload_bytes(), b"{\"n\":2}");
    assert_eq!(again.envelope.head.deadline_ms, None);
    on.store
        .settle(again.lease, End::Done(ReplyBody::Empty))
        .await
        .unwrap();
    assert_eq!(on.ledger_row().await.done, 1);
}

pub(crate) async fn a_discarded_one_is_accounted_for(on: &Fixture) {
    let cid = die(on, SERVICE).await;
    on.store.dead_discard(cid).await.unwrap();
    for refused in [
        on.store.dead_discard(cid).await,
        on.store.dead_edit(cid, Bytes::new()).await,
        on.store.dead_get(cid).await.map(drop),
    ] {
        assert_eq!(refused, Err(BusError::NotDead(cid)));
    }
    let status = on.store.status(cid).await.unwrap().unwrap();
    assert_eq!((status.state, status.attempts), (State::Discarded, 1));
    assert_eq!(status.failure, Some(failure("bug")));
    let row = on.ledger_row().await;
    assert_eq!((row.dead, row.discarded, row.pending), (0, 1, 0));
    assert_eq!(on.store.dead_list(all()).await.unwrap().total, 0);
}

pub(crate) async fn lists_are_filtered_and_paged(on: &Fixture) {
    let mut cids = Vec::new();
    for service in ["a", "b", "a", "a"] {
        cids.push(die(on, service).await);
        // So that the order by time is an order.
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
    let page = DeadFilter {
        offset: 1,
        limit: 2,
        ..all()
    };
    let page = on.store.dead_list(page).await.unwrap();
    let found: Vec<Cid> = page.letters.iter().map(|letter| letter.cid).collect();
    assert_eq!((page.total, found), (4, vec![cids[2], cids[1]]));
    let of_a = DeadFilter {
        service: Some(name("a")),
        offset: 2,
        limit: 2,
    };
    let page = on.store.dead_list(of_a).await.unwrap();
    let found: Vec<Cid> = page.letters.iter().map(|letter| letter.cid).collect();
    assert_eq!((page.total, found), (3, vec![cids[0]]));
}

pub(crate) async fn what_is_not_old_is_not_swept(on: &Fixture) {
    // Nothing is old yet, so nothing goes.
    let cid = die(on, SERVICE).await;
    assert_eq!(on.store.sweep().await.unwrap(), 0);
    assert_eq!(on.store.dead_list(all()).await.unwrap().total, 1);
    assert!(on.store.status(cid).await.unwrap().is_some());
    assert_eq!(on.ledger_row().await.dead, 1);
}
