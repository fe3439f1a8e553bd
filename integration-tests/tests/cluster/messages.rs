//! Asynchronous invocations of a cluster: any node accepts them, any node runs them, and none is lost with a node.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use busker_integration_tests::{ClusterEnvironment, Peer, PeerAnswer, until};
use futures::StreamExt;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

const SOURCE: &str = include_str!("../messages/later.py");
const RECORD: &str = "later.record";
/// Callers at once.
const CALLERS: usize = 24;
/// Times between two kills, in milliseconds.
const BETWEEN_KILLS_MS: std::ops::Range<u64> = 1_000..4_000;
/// Longest wait for what was accepted to be done.
const ALL_DONE: Duration = Duration::from_secs(240);

/// A cluster whose nodes all have the services, and the sink in which those leave their effects.
pub(crate) async fn with_services() -> (ClusterEnvironment, Peer) {
    let cluster = ClusterEnvironment::start(3, "").await;
    let sink = add_services(&cluster).await;
    (cluster, sink)
}

/// Gives a cluster the services and their sink.
pub(crate) async fn add_services(cluster: &ClusterEnvironment) -> Peer {
    let sink = Peer::start(|_| PeerAnswer::ok("text/plain", ""));
    let settings = json!({"address": sink.address, "url_path": "/", "pool_size": 100});
    cluster
        .create_object("outgoing.http", "sink", settings)
        .await;
    cluster.deploy("later.py", SOURCE, RECORD).await;
    sink
}

/// Offers that many, one to each node in turn, whoever is alive; the cids of those that were accepted.
async fn offer(cluster: &ClusterEnvironment, count: usize, delivery: &str) -> HashSet<String> {
    futures::stream::iter(0..count)
        .map(|number| async move {
            let node = u16::try_from(number % 3).unwrap() + 1;
            let input = json!({
                "name": RECORD, "payload": {"n": number}, "async": true, "delivery": delivery
            });
            let answer = cluster
                .call(node, "busker.service.invoke", input)
                .await
                .ok()?;
            Some(answer["cid"].as_str()?.to_owned())
        })
        .buffer_unordered(CALLERS)
        .filter_map(std::future::ready)
        .collect()
        .await
}

/// The ledger, once nothing is pending any more.
async fn settled(cluster: &ClusterEnvironment) -> Value {
    until("nothing to be pending", ALL_DONE, || async {
        let ledger = cluster
            .call(1, "busker.message.get-ledger", json!({}))
            .await
            .ok()?;
        let rows = ledger["rows"].as_array()?;
        rows.iter().all(|row| row["pending"] == 0).then_some(ledger)
    })
    .await
}

/// Those that had no effect.
fn lost(accepted: &HashSet<String>, effects: &HashMap<String, usize>) -> usize {
    let lost = accepted.iter().filter(|cid| !effects.contains_key(*cid));
    lost.count()
}

fn twice(effects: &HashMap<String, usize>) -> usize {
    effects.values().filter(|&&times| times > 1).count()
}

/// Kills a node at random, starts it again, and so on until it is `over`; how many it killed, two at least.
async fn kill_at_random(cluster: &ClusterEnvironment, over: &AtomicBool) -> usize {
    let seed = fastrand::u64(..);
    println!("kills by seed {seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut killed = 0;
    while killed < 2 || !over.load(Relaxed) {
        let pause = Duration::from_millis(random.u64(BETWEEN_KILLS_MS));
        tokio::time::sleep(pause).await;
        cluster.signal(random.u16(1..=3), Signal::SIGKILL);
        killed += 1;
        tokio::task::block_in_place(|| cluster.start_again());
    }
    killed
}

async fn none_is_lost_with_killed_nodes(count: usize) {
    let (cluster, sink) = with_services().await;
    let over = AtomicBool::new(false);
    let offering = async {
        let accepted = offer(&cluster, count, "durable").await;
        over.store(true, Relaxed);
        accepted
    };
    let began = Instant::now();
    let (accepted, killed) = tokio::join!(offering, kill_at_random(&cluster, &over));
    assert!(accepted.len() > count / 2, "{}", accepted.len());
    let ledger = settled(&cluster).await;
    assert_eq!(ledger["balances"], true, "{ledger}");
    assert_eq!(ledger["losses"], json!([]), "{ledger}");
    let effects = sink.asked_by_cid();
    assert_eq!(lost(&accepted, &effects), 0, "{ledger}");
    println!(
        "{} of {count} accepted while {killed} nodes were killed, none lost, {} ran more than once, in {:?}",
        accepted.len(),
        twice(&effects),
        began.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_any_node_accepted_runs_somewhere_while_nodes_are_killed() {
    none_is_lost_with_killed_nodes(3_000).await;
}

#[ignore = "heavy: cargo xtask test --all"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_of_a_hundred_thousand_none_is_lost_with_killed_nodes() {
    none_is_lost_with_killed_nodes(100_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_comes_back_empty_loses_nothing_durable_and_the_ledger_counts_the_rest() {
    const COUNT: usize = 1_500;
    let (mut cluster, sink) = with_services().await;
    // Slow at first, so that many wait when Redis dies.
    sink.answer_with(|_| PeerAnswer::ok("text/plain", "").after(Duration::from_millis(1_500)));
    let (durable, fast) = tokio::join!(
        offer(&cluster, COUNT, "durable"),
        offer(&cluster, COUNT, "fast")
    );
    cluster.redis.kill().unwrap();
    let meanwhile = offer(&cluster, COUNT / 3, "durable").await;
    assert_eq!(meanwhile.len(), COUNT / 3, "durable ones wait for Redis");
    sink.answer_with(|_| PeerAnswer::ok("text/plain", ""));
    cluster.redis.run().await.unwrap();
    let ledger = settled(&cluster).await;
    let effects = sink.asked_by_cid();
    assert_eq!(lost(&durable, &effects), 0, "{ledger}");
    assert_eq!(lost(&meanwhile, &effects), 0, "{ledger}");
    let told: Vec<u64> = ledger["losses"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|loss| loss["lost"].as_u64())
        .collect();
    let truly = lost(&fast, &effects);
    println!(
        "{} durable: none lost; {} fast: {truly} lost, the ledger says {told:?}; {} ran more than once",
        durable.len() + meanwhile.len(),
        fast.len(),
        twice(&effects)
    );
    // Those that ran while Redis died are counted as lost: whether they came to their end, it cannot know.
    assert!(told.iter().sum::<u64>() >= truly as u64, "{ledger}");
}
