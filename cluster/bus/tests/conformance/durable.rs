//! What `durable` promises over Redis: committed in the ODB first, sent on, and made again when Redis lost it.

use std::collections::HashSet;
use std::time::Duration;

use busker_bus::{BusError, DeadFilter, End, Store};
use busker_kit::clock::unix_ms;
use busker_model::bus::InvocationState as State;
use busker_model::{Cid, Delivery};
use bytes::Bytes;

use crate::fixture::{envelope, failure};
use crate::world::{
    World, checkpoint, claim, done, keep_until_claimed, on_both, publish, publish_as, row,
};

on_both!(
    nothing_is_lost_when_redis_comes_back_empty,
    nothing_is_lost_by_a_flush,
    what_is_handed_over_while_redis_is_away_runs_after,
    another_node_sends_on_what_a_dead_one_committed,
    dead_letters_outlive_redis_and_can_be_edited_and_replayed,
    what_ended_in_redis_alone_goes_from_the_database,
    an_invocation_that_waits_for_its_time_still_does_after_a_loss,
);

fn cids(claimed: &[busker_bus::Claimed]) -> HashSet<Cid> {
    claimed.iter().map(|claimed| claimed.lease.cid).collect()
}

async fn nothing_is_lost_when_redis_comes_back_empty(mut world: World) {
    let node = world.node("node1").await;
    let mut kept = HashSet::new();
    for _ in 0..40 {
        kept.insert(publish(&node, Delivery::Durable).await);
    }
    node.flush().await;
    checkpoint(&node).await;
    // Some have ended, some run, some wait.
    for claimed in claim(&node).await.into_iter().take(10) {
        kept.remove(&claimed.lease.cid);
        done(&node, claimed).await;
    }
    node.flush().await;
    world.lose_redis().await;
    let again = keep_until_claimed(&node, kept.len()).await;
    assert_eq!(cids(&again), kept);
    for claimed in again {
        done(&node, claimed).await;
    }
    node.flush().await;
    let row = row(&node, Delivery::Durable).await;
    assert_eq!((row.accepted, row.done, row.pending), (40, 40, 0));
    assert!(
        world
            .odb
            .outbox()
            .page(None, i64::MAX)
            .await
            .unwrap()
            .is_empty()
    );
}

async fn nothing_is_lost_by_a_flush(world: World) {
    let node = world.node("node1").await;
    let cid = publish(&node, Delivery::Durable).await;
    node.flush().await;
    checkpoint(&node).await;
    world.server.run_command("FLUSHALL").await.unwrap();
    // Known from the database, as long as Redis does not know it again.
    let status = node.status(cid).await.unwrap().unwrap();
    assert_eq!((status.state, status.attempts), (State::Waiting, 0));
    let again = keep_until_claimed(&node, 1).await;
    assert_eq!(cids(&again), HashSet::from([cid]));
    // A key of a cluster that runs on the same server is not touched by what we do.
    assert_eq!(row(&node, Delivery::Durable).await.pending, 1);
}

async fn what_is_handed_over_while_redis_is_away_runs_after(mut world: World) {
    let node = world.node("node1").await;
    world.server.kill().unwrap();
    let refused = node.publish(envelope("a", Delivery::Fast)).await;
    assert!(
        matches!(refused, Err(BusError::Unavailable { .. })),
        "{refused:?}"
    );
    let cid = publish(&node, Delivery::Durable).await;
    let status = node.status(cid).await.unwrap().unwrap();
    assert_eq!(status.state, State::Waiting);
    world.server.run().await.unwrap();
    let claimed = keep_until_claimed(&node, 1).await;
    assert_eq!(cids(&claimed), HashSet::from([cid]));
}

async fn another_node_sends_on_what_a_dead_one_committed(mut world: World) {
    let dead = world.node("node1").await;
    world.server.kill().unwrap();
    let cid = publish(&dead, Delivery::Durable).await;
    drop(dead);
    world.server.run().await.unwrap();
    let alive = world.node("node2").await;
    let claimed = keep_until_claimed(&alive, 1).await;
    assert_eq!(cids(&claimed), HashSet::from([cid]));
    done(&alive, claimed.into_iter().next().unwrap()).await;
    alive.flush().await;
    let row = row(&alive, Delivery::Durable).await;
    assert_eq!((row.accepted, row.done), (1, 1));
}

async fn dead_letters_outlive_redis_and_can_be_edited_and_replayed(mut world: World) {
    let node = world.node("node1").await;
    let cid = publish(&node, Delivery::Durable).await;
    node.flush().await;
    let claimed = claim(&node).await.remove(0);
    let end = End::Dead {
        failure: failure("bug"),
        version: "generation 4".into(),
    };
    node.settle(claimed.lease, end).await.unwrap();
    node.flush().await;
    checkpoint(&node).await;
    // So that the look takes it for no newcomer.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    world.lose_redis().await;
    checkpoint(&node).await;
    assert_eq!(node.relay().await.unwrap(), 1);
    let all = DeadFilter {
        service: None,
        offset: 0,
        limit: 10,
    };
    let page = node.dead_list(all).await.unwrap();
    let letter = &page.letters[0];
    assert_eq!((letter.cid, letter.attempts), (cid, 1));
    assert_eq!(letter.failure, failure("bug"));
    assert_eq!(letter.version, "generation 4");
    let payload = Bytes::from_static(b"{\"n\":2}");
    node.dead_edit(cid, payload.clone()).await.unwrap();
    world.server.run_command("FLUSHALL").await.unwrap();
    checkpoint(&node).await;
    node.relay().await.unwrap();
    assert_eq!(
        node.dead_get(cid).await.unwrap().envelope.payload_bytes(),
        &payload[..]
    );
    node.dead_replay(cid).await.unwrap();
    let claimed = claim(&node).await.remove(0);
    assert_eq!(claimed.envelope.payload_bytes(), &payload[..]);
    done(&node, claimed).await;
    node.flush().await;
    let row = row(&node, Delivery::Durable).await;
    assert_eq!((row.accepted, row.done, row.dead), (1, 1, 0));
}

async fn what_ended_in_redis_alone_goes_from_the_database(world: World) {
    let node = world.node("node1").await;
    let cid = publish(&node, Delivery::Durable).await;
    node.flush().await;
    let claimed = claim(&node).await.remove(0);
    done(&node, claimed).await;
    node.flush().await;
    // As if the node had died before the database heard of the end.
    let row_of = busker_odb::outbox::OutboxRow {
        cid,
        service: crate::fixture::name("a"),
        seq: 1,
        envelope: envelope("a", Delivery::Durable).encode().unwrap(),
    };
    let put = world.odb.outbox().put("node9", vec![row_of], 100).await;
    assert_eq!(put.unwrap(), [busker_odb::outbox::Put::Kept]);
    assert_eq!(row(&node, Delivery::Durable).await.pending, 1);
    let other = world.node("node2").await;
    checkpoint(&other).await;
    assert_eq!(other.relay().await.unwrap(), 1);
    let row = row(&other, Delivery::Durable).await;
    assert_eq!((row.pending, row.done), (0, 2));
    assert!(claim(&other).await.is_empty());
}

async fn an_invocation_that_waits_for_its_time_still_does_after_a_loss(mut world: World) {
    let node = world.node("node1").await;
    let mut sent = envelope("a", Delivery::Durable);
    let due = unix_ms() + 3_000;
    sent.head.not_before_ms = Some(due);
    let cid = publish_as(&node, sent).await;
    node.flush().await;
    checkpoint(&node).await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    world.lose_redis().await;
    checkpoint(&node).await;
    assert_eq!(node.relay().await.unwrap(), 1);
    let status = node.status(cid).await.unwrap().unwrap();
    assert_eq!((status.state, status.at_ms), (State::Delayed, Some(due)));
    node.promote().await.unwrap();
    assert!(claim(&node).await.is_empty());
    while unix_ms() < due {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    node.promote().await.unwrap();
    assert_eq!(cids(&claim(&node).await), HashSet::from([cid]));
}
