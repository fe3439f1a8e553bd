//! The role, with a real lease and a real epoch.

use std::time::Duration;

use busker_odb::roles::SCHEDULER;
use tokio::time::sleep;

use crate::bench::{Bench, until};

#[tokio::test]
async fn one_contender_holds_the_role_and_the_other_takes_it_at_once_when_it_is_given_back() {
    let bench = Bench::start().await;
    let first = bench.contender("node1").await;
    until("the role is held", || first.role.epoch() == Some(1)).await;
    let second = bench.contender("node2").await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!((first.role.epoch(), second.role.epoch()), (Some(1), None));
    let stopping = async {
        first.stop().await;
        assert_eq!(first.role.epoch(), None);
    };
    let taken = until("the role is taken over", || second.role.epoch() == Some(2));
    let ((), took) = tokio::join!(stopping, taken);
    println!("taken over {took:?} after the clean stop began");
    assert!(took <= Duration::from_millis(300), "{took:?}");
    let terms = bench.odb.roles().terms(SCHEDULER, 10).await.unwrap();
    assert_eq!(
        (terms[1].holder.as_str(), terms[1].how.as_deref()),
        ("node1", Some("released"))
    );
    assert_eq!(
        (terms[0].holder.as_str(), terms[0].ended_ms),
        ("node2", None)
    );
    assert_eq!((first.told("role-taken"), first.told("role-ended")), (1, 1));
}

#[tokio::test]
async fn a_holder_without_redis_stops_by_itself_and_the_role_is_held_again_when_redis_is_back() {
    let mut bench = Bench::start().await;
    let first = bench.contender("node1").await;
    let second = bench.contender("node2").await;
    let holders = || {
        [&first, &second]
            .iter()
            .filter(|node| node.role.epoch().is_some())
            .count()
    };
    until("the role is held", || holders() == 1).await;
    bench.redis.kill().unwrap();
    let fenced = until("the holder stops", || holders() == 0).await;
    assert!(fenced <= Duration::from_millis(1_200), "{fenced:?}");
    assert!(
        fenced >= Duration::from_millis(700),
        "it need not stop before: {fenced:?}"
    );
    sleep(Duration::from_secs(2)).await;
    assert_eq!(holders(), 0);
    bench.redis.run().await.unwrap();
    let back = until("the role is held again", || holders() == 1).await;
    println!("fenced after {fenced:?}, held again {back:?} after Redis was back");
    assert!(back <= Duration::from_secs(2), "{back:?}");
    sleep(Duration::from_secs(1)).await;
    assert_eq!(holders(), 1);
    assert_eq!(bench.odb.roles().epoch(SCHEDULER).await, Ok(2));
}

#[tokio::test]
async fn a_holder_whose_epoch_was_overtaken_is_deposed_when_somebody_doubts_it() {
    let bench = Bench::start().await;
    let node = bench.contender("node1").await;
    until("the role is held", || node.role.epoch() == Some(1)).await;
    // As after Redis lost the lease: another one has minted already.
    bench.odb.roles().take(SCHEDULER, "node9").await.unwrap();
    node.role.doubt(1);
    let deposed = until("it is deposed", || node.role.epoch() != Some(1)).await;
    assert!(deposed <= Duration::from_millis(500), "{deposed:?}");
    until("it is held under a new epoch", || {
        node.role.epoch() == Some(3)
    })
    .await;
    assert_eq!(node.told("role-ended"), 1);
}

#[tokio::test]
async fn a_role_that_is_resigned_is_not_taken_again_by_the_same_node() {
    let bench = Bench::start().await;
    let node = bench.contender("node1").await;
    until("the role is held", || node.role.epoch() == Some(1)).await;
    node.role.resign();
    until("it is given back", || node.role.epoch().is_none()).await;
    sleep(Duration::from_secs(3)).await;
    assert_eq!(node.role.epoch(), None);
    assert_eq!(bench.odb.roles().epoch(SCHEDULER).await, Ok(1));
    node.stop().await;
}
