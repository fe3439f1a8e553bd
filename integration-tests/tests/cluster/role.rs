//! The singleton role: one node has it, whatever happens to that node.

use std::time::{Duration, Instant};

use busker_integration_tests::{ClusterEnvironment, until};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(20);
/// A killed holder is replaced within this time; a frozen one within the other.
const KILLED: Duration = Duration::from_secs(2);
const FROZEN: Duration = Duration::from_secs(5);
/// Rounds of each.
const ROUNDS: usize = 3;

/// Any other node than this one.
const fn other(node: u16) -> u16 {
    node % 3 + 1
}

/// Who holds the role, once all nodes agree on it.
async fn agreed(cluster: &ClusterEnvironment) -> u16 {
    until("all to agree on the holder", SOON, || async {
        let first = cluster.holder(1).await?;
        let (second, third) = (cluster.holder(2).await?, cluster.holder(3).await?);
        (first == second && second == third).then_some(first)
    })
    .await
}

/// The holder and the epoch of the newest term in the database.
async fn term(cluster: &ClusterEnvironment, node: u16) -> (u64, String) {
    let answer = cluster
        .ok(node, "busker.cluster.get-role-history", json!({"limit": 1}))
        .await;
    let term = &answer["terms"][0];
    (
        term["epoch"].as_u64().unwrap(),
        term["holder"].as_str().unwrap().to_owned(),
    )
}

/// How long it takes until another node has taken the role.
async fn takeover(cluster: &ClusterEnvironment, holder: u16) -> Duration {
    let start = Instant::now();
    let asked = other(holder);
    until("the role to be taken over", SOON, || async {
        let now = cluster.holder(asked).await?;
        (now != holder).then_some(())
    })
    .await;
    start.elapsed()
}

#[tokio::test]
async fn the_role_of_a_killed_holder_moves_within_two_seconds() {
    let cluster = ClusterEnvironment::start(3, "").await;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let holder = agreed(&cluster).await;
        let before = term(&cluster, other(holder)).await;
        cluster.signal(holder, Signal::SIGKILL);
        let took = takeover(&cluster, holder).await;
        let after = term(&cluster, other(holder)).await;
        assert_eq!(after.0, before.0 + 1, "{before:?} {after:?}");
        assert!(took <= KILLED, "{took:?}");
        times.push(took);
        cluster.start_again();
        cluster.whole().await;
    }
    times.sort_unstable();
    println!("takeover after SIGKILL: {times:?}");
}

#[tokio::test]
async fn a_frozen_holder_is_replaced_and_does_nothing_when_it_wakes() {
    let cluster = ClusterEnvironment::start(3, "").await;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let holder = agreed(&cluster).await;
        cluster.signal(holder, Signal::SIGSTOP);
        let took = takeover(&cluster, holder).await;
        assert!(took <= FROZEN, "{took:?}");
        times.push(took);
        let after = term(&cluster, other(holder)).await;
        tokio::time::sleep(Duration::from_secs(3)).await;
        cluster.signal(holder, Signal::SIGCONT);
        cluster.whole().await;
        assert_ne!(agreed(&cluster).await, holder);
        assert_eq!(term(&cluster, holder).await, after);
    }
    times.sort_unstable();
    println!("takeover after SIGSTOP: {times:?}");
}

#[tokio::test]
async fn a_holder_that_is_stopped_hands_the_role_over_at_once() {
    let cluster = ClusterEnvironment::start(3, "").await;
    let holder = agreed(&cluster).await;
    let folder = cluster.folder(holder);
    let stopping = tokio::task::spawn_blocking(move || {
        busker_integration_tests::busker(&["stop", folder.to_str().unwrap()])
    });
    let start = Instant::now();
    let took = takeover(&cluster, holder).await;
    println!(
        "takeover after a clean stop: {took:?}, {:?} since the command",
        start.elapsed()
    );
    assert!(took <= Duration::from_secs(1), "{took:?}");
    assert_eq!(stopping.await.unwrap().code, 0);
    let history = cluster
        .ok(
            other(holder),
            "busker.cluster.get-role-history",
            json!({"limit": 2}),
        )
        .await;
    assert_eq!(history["terms"][1]["how"], "released");
}

/// Fires of the job so far, as a node tells them.
async fn fires(cluster: &ClusterEnvironment, node: u16) -> Option<Vec<Value>> {
    let input = json!({"name": "tick", "limit": 1000});
    let answer = cluster.call(node, "busker.job.history", input).await;
    answer.ok()?["fires"].as_array().cloned()
}

#[tokio::test]
async fn jobs_fire_on_the_holder_and_no_due_time_twice_when_it_is_killed() {
    let cluster = ClusterEnvironment::start(3, "").await;
    let settings = json!({"service": "samples.echo", "seconds": 1, "payload": "{\"text\":\"hi\"}"});
    let input = json!({"name": "tick", "settings": settings});
    cluster.ok(1, "busker.job.interval.create", input).await;
    let holder = agreed(&cluster).await;
    until("some fires", SOON, || async {
        fires(&cluster, holder).await.filter(|all| all.len() >= 3)
    })
    .await;
    cluster.signal(holder, Signal::SIGKILL);
    takeover(&cluster, holder).await;
    let asked = other(holder);
    let before = fires(&cluster, asked).await.unwrap().len();
    let all = until("fires on the new holder", SOON, || async {
        fires(&cluster, asked)
            .await
            .filter(|all| all.len() >= before + 3)
    })
    .await;
    let mut due: Vec<i64> = all
        .iter()
        .filter_map(|fire| fire["due_ms"].as_i64())
        .collect();
    let count = due.len();
    due.sort_unstable();
    due.dedup();
    assert_eq!(due.len(), count, "{all:?}");
    cluster.start_again();
}
