//! What is lost with Redis is a number and an interval.

use busker_bus::testing::RedisServer;
use busker_bus::{End, Store};
use busker_kit::clock::unix_ms;
use busker_model::Delivery;

use crate::fixture::failure;
use crate::world::{World, checkpoint, claim, done, on_both, only_loss, publish, row};

on_both!(
    a_loss_is_exactly_what_was_fast_and_had_not_ended,
    each_node_adds_what_no_checkpoint_has,
    a_redis_that_keeps_what_it_has_loses_nothing,
    a_loss_while_no_node_ran_is_noticed_by_the_next,
    a_late_checkpoint_of_a_lost_data_set_is_refused,
);

async fn a_loss_is_exactly_what_was_fast_and_had_not_ended(mut world: World) {
    let node = world.node("node1").await;
    for _ in 0..7 {
        publish(&node, Delivery::Fast).await;
    }
    let began = unix_ms();
    checkpoint(&node).await;
    // From here on no checkpoint knows: 5 more come, 4 end, one of them as a dead letter that is replayed.
    for _ in 0..5 {
        publish(&node, Delivery::Fast).await;
        publish(&node, Delivery::Durable).await;
    }
    node.flush().await;
    let fast = claim(&node).await;
    let mut fast = fast
        .into_iter()
        .filter(|claimed| claimed.lease.delivery == Delivery::Fast);
    for _ in 0..3 {
        done(&node, fast.next().unwrap()).await;
    }
    let dead = fast.next().unwrap();
    let cid = dead.lease.cid;
    let end = End::Dead {
        failure: failure("bug"),
        version: String::new(),
    };
    node.settle(dead.lease, end).await.unwrap();
    node.dead_replay(cid).await.unwrap();
    world.lose_redis().await;
    checkpoint(&node).await;
    let loss = only_loss(&node).await;
    assert_eq!((loss.lost, loss.emptied), (12 - 3, true), "{loss:?}");
    let [of_a] = loss.services.as_slice() else {
        panic!("{loss:?}");
    };
    // A replay comes without being accepted anew, so it counts among what came.
    assert_eq!((of_a.pending, of_a.kept, of_a.lost), (9, 0, 9), "{loss:?}");
    assert!(
        began <= loss.from_ms && loss.from_ms <= loss.noticed_ms,
        "{loss:?}"
    );
    // Told once, however often one looks.
    checkpoint(&node).await;
    assert_eq!(only_loss(&node).await, loss);
}

async fn each_node_adds_what_no_checkpoint_has(mut world: World) {
    let (one, two) = (world.node("node1").await, world.node("node2").await);
    publish(&one, Delivery::Fast).await;
    checkpoint(&two).await;
    checkpoint(&one).await;
    for _ in 0..3 {
        publish(&one, Delivery::Fast).await;
        publish(&two, Delivery::Fast).await;
    }
    // Ended by another than who handed it over.
    done(&two, claim(&two).await.remove(0)).await;
    world.lose_redis().await;
    checkpoint(&one).await;
    checkpoint(&two).await;
    assert_eq!(only_loss(&one).await.lost, 6);
    // Work goes on, and what is lost next is another loss.
    publish(&two, Delivery::Fast).await;
    world.lose_redis().await;
    checkpoint(&two).await;
    let losses = one.losses().await.unwrap();
    let lost: Vec<u64> = losses.iter().map(|loss| loss.lost).collect();
    assert_eq!(lost, [6, 1], "{losses:?}");
}

async fn a_redis_that_keeps_what_it_has_loses_nothing(mut world: World) {
    let keeping = ["--appendonly", "yes", "--appendfsync", "always"];
    world.server = RedisServer::start_with(&keeping).await.unwrap();
    let node = world.node("node1").await;
    for _ in 0..4 {
        publish(&node, Delivery::Fast).await;
    }
    checkpoint(&node).await;
    publish(&node, Delivery::Fast).await;
    world.lose_redis().await;
    checkpoint(&node).await;
    assert_eq!(node.losses().await.unwrap(), []);
    assert_eq!(row(&node, Delivery::Fast).await.pending, 5);
    // A later loss counts from there.
    world.server.run_command("FLUSHALL").await.unwrap();
    checkpoint(&node).await;
    assert_eq!(only_loss(&node).await.lost, 5);
}

async fn a_loss_while_no_node_ran_is_noticed_by_the_next(mut world: World) {
    let node = world.node("node1").await;
    publish(&node, Delivery::Fast).await;
    publish(&node, Delivery::Durable).await;
    node.flush().await;
    checkpoint(&node).await;
    drop(node);
    world.lose_redis().await;
    let next = world.node("node1").await;
    checkpoint(&next).await;
    assert_eq!(only_loss(&next).await.lost, 1);
}

async fn a_late_checkpoint_of_a_lost_data_set_is_refused(world: World) {
    use busker_odb::lives::{LifeCount, LifeNow, LifeSeen};
    let lives = world.odb.lives();
    let seen = |tick| LifeSeen {
        life: "one".into(),
        run_id: "r".into(),
        seen_ms: 1_000 + tick,
        tick,
    };
    let count = |pending| LifeCount {
        service: crate::fixture::name("a"),
        accepted: 9,
        pending,
    };
    assert!(lives.checkpoint(seen(5), vec![count(4)]).await.unwrap());
    // Another node looked before, and writes after.
    assert!(!lives.checkpoint(seen(4), vec![count(7)]).await.unwrap());
    let now = LifeNow {
        life: "two".into(),
        noticed_ms: unix_ms(),
        kept: vec![(crate::fixture::name("a"), 1)],
        emptied: false,
    };
    assert_eq!(lives.close_others(now.clone()).await.unwrap(), 1);
    assert_eq!(lives.close_others(now).await.unwrap(), 0);
    assert!(!lives.checkpoint(seen(6), vec![count(0)]).await.unwrap());
    let losses = lives.losses().await.unwrap();
    assert_eq!(
        (losses[0].lost, losses[0].from_ms),
        (3, 1_005),
        "{losses:?}"
    );
    lives.forget(unix_ms()).await.unwrap();
    assert_eq!(lives.losses().await.unwrap().len(), 1);
    lives.forget(unix_ms() + 91 * 24 * 3_600_000).await.unwrap();
    assert_eq!(lives.losses().await.unwrap(), []);
}
