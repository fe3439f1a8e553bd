//! Asynchronous invocations of a cluster: any node accepts them, any node runs them, and none is lost with a node.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use busker_integration_tests::{ClusterEnvironment, Peer, PeerAnswer, until};
use futures::StreamExt;
use nix::sys::signal::Signal;
use serde_json::json;

const SOURCE: &str = include_str!("../messages/later.py");
const RECORD: &str = "later.record";
/// Invocations that are offered, spread over the nodes.
const OFFERED: usize = 3_000;
/// Callers at once.
const CALLERS: usize = 12;
const SOON: Duration = Duration::from_secs(60);

/// A cluster whose nodes all have the services, and the sink in which those leave their effects.
async fn with_services() -> (ClusterEnvironment, Peer) {
    let cluster = ClusterEnvironment::start(3, "").await;
    let sink = Peer::start(|_| PeerAnswer::ok("text/plain", ""));
    let settings = json!({"address": sink.address, "url_path": "/", "pool_size": 100});
    let object = json!({"name": "sink", "active": true, "settings": settings});
    cluster.ok(1, "busker.outgoing.http.create", object).await;
    let file = json!({"name": "later.py", "payload_base64": STANDARD.encode(SOURCE)});
    cluster.ok(1, "busker.service.deploy", file).await;
    for node in 1..=3 {
        until(&format!("{RECORD} on node{node}"), SOON, || async {
            let asked = cluster.call(node, "busker.service.get", json!({"name": RECORD}));
            asked.await.ok()
        })
        .await;
    }
    (cluster, sink)
}

/// Offers all of them, whoever is alive; the cids of those that were accepted.
async fn offer(cluster: &ClusterEnvironment) -> HashSet<String> {
    futures::stream::iter(0..OFFERED)
        .map(|number| async move {
            let node = u16::try_from(number % 3).unwrap() + 1;
            let input = json!({"name": RECORD, "payload": {"n": number}, "async": true});
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_any_node_accepted_runs_somewhere_while_nodes_are_killed() {
    let (cluster, sink) = with_services().await;
    let over = AtomicBool::new(false);
    let killing = async {
        let mut killed = 0;
        for node in [2, 3, 1].into_iter().cycle() {
            tokio::time::sleep(Duration::from_millis(1_500)).await;
            if over.load(Relaxed) && killed >= 2 {
                return killed;
            }
            cluster.signal(node, Signal::SIGKILL);
            killed += 1;
            tokio::task::block_in_place(|| cluster.start_again());
        }
        killed
    };
    let offering = async {
        let accepted = offer(&cluster).await;
        over.store(true, Relaxed);
        accepted
    };
    let (accepted, killed) = tokio::join!(offering, killing);
    assert!(accepted.len() > OFFERED / 3, "{}", accepted.len());
    let ledger = until("nothing to be pending", SOON * 2, || async {
        let ledger = cluster
            .call(1, "busker.message.get-ledger", json!({}))
            .await
            .ok()?;
        let rows = ledger["rows"].as_array()?;
        rows.iter().all(|row| row["pending"] == 0).then_some(ledger)
    })
    .await;
    assert_eq!(ledger["balances"], true, "{ledger}");
    let mut effects: HashMap<String, usize> = HashMap::new();
    for request in sink.seen() {
        *effects
            .entry(request.header("x-zato-cid").to_owned())
            .or_default() += 1;
    }
    let lost: Vec<_> = accepted
        .iter()
        .filter(|cid| !effects.contains_key(*cid))
        .collect();
    assert!(lost.is_empty(), "{lost:?} of {}: {ledger}", accepted.len());
    let twice = effects.values().filter(|&&times| times > 1).count();
    println!(
        "{} accepted while {killed} nodes were killed, {twice} ran more than once",
        accepted.len()
    );
}
