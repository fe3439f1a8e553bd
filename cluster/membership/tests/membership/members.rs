//! The roster, over real pub/sub.

use std::time::Duration;

use busker_kit::{Supervisor, SupervisorSpec, Tree};
use busker_membership::limits::GONE_AFTER;
use busker_membership::{ClusterKeys, MemberId, members};
use busker_model::{ErrorClass, Secret};
use tokio::time::sleep;

use crate::bench::{Bench, SOON, until};

fn id(number: u8) -> MemberId {
    MemberId::new(&format!("node{number}"), "1")
}

#[tokio::test]
async fn nodes_find_each_other_and_a_good_bye_is_heard_at_once() {
    let bench = Bench::start().await;
    let first = bench.member(&id(1)).await;
    let second = bench.member(&id(2)).await;
    assert_eq!(first.members.joined(SOON).await, Ok(true));
    until("both are listed", || {
        first.peers() == ["node2"] && second.peers() == ["node1"]
    })
    .await;
    let leaves = second.stop();
    let gone = until("the one that left is gone", || first.peers().is_empty());
    let ((), took) = tokio::join!(leaves, gone);
    assert!(took <= Duration::from_millis(300), "{took:?}");
    assert_eq!((first.told("node-joined"), first.told("node-gone")), (1, 1));
}

#[tokio::test]
async fn while_redis_is_away_the_roster_stands_still_and_goes_on_after() {
    let mut bench = Bench::start().await;
    let first = bench.member(&id(1)).await;
    let second = bench.member(&id(2)).await;
    until("both are listed", || {
        first.peers() == ["node2"] && second.peers() == ["node1"]
    })
    .await;
    bench.redis.kill().unwrap();
    until("they notice", || {
        !first.members.view().sees && !second.members.view().sees
    })
    .await;
    sleep(GONE_AFTER * 2).await;
    assert_eq!(first.peers(), ["node2"]);
    bench.redis.run().await.unwrap();
    let sight = until("they see again", || {
        first.members.view().sees && second.members.view().sees
    })
    .await;
    println!("sight is back {sight:?} after Redis");
    sleep(GONE_AFTER * 2).await;
    assert_eq!(
        (first.peers(), second.peers()),
        (vec!["node2".to_owned()], vec!["node1".to_owned()])
    );
    assert_eq!((first.told("node-gone"), second.told("node-gone")), (0, 0));
}

#[tokio::test]
async fn a_node_with_a_taken_name_is_told_which_field_is_wrong_and_does_not_join() {
    let bench = Bench::start().await;
    let first = bench.member(&id(1)).await;
    assert_eq!(first.members.joined(SOON).await, Ok(true));
    let impostor = bench.member(&MemberId::new("node1", "2")).await;
    let fault = impostor.members.joined(SOON).await.unwrap_err();
    assert_eq!(fault.class, ErrorClass::Conflict);
    let said = fault.to_string();
    assert!(
        said.contains("node.name") && said.contains("another name"),
        "{said}"
    );
    assert!(first.members.view().joined);
    assert_eq!(first.told("node-name-taken"), 1);
}

#[tokio::test]
async fn a_node_with_another_secret_is_heard_by_nobody() {
    let bench = Bench::start().await;
    let first = bench.member(&id(1)).await;
    assert_eq!(first.members.joined(SOON).await, Ok(true));
    let mut parts = bench.members_parts(&id(2), 1);
    parts.keys = ClusterKeys::new(&Secret::new("another secret of thirty-two characters")).unwrap();
    let spec = SupervisorSpec::new("node2").child(members::spec(&parts));
    let (root, _end) = Supervisor::start_root(&Tree::new("node2"), spec)
        .await
        .unwrap();
    sleep(Duration::from_secs(2)).await;
    assert!(first.peers().is_empty() && parts.members.view().peers.is_empty());
    root.stop().await;
}

#[tokio::test]
async fn a_node_that_boots_while_redis_is_away_joins_later() {
    let mut bench = Bench::start().await;
    bench.redis.kill().unwrap();
    let first = bench.member(&id(1)).await;
    assert_eq!(
        first.members.joined(Duration::from_secs(1)).await,
        Ok(false)
    );
    bench.redis.run().await.unwrap();
    assert_eq!(first.members.joined(SOON).await, Ok(true));
}
