//! What nodes ask each other, over both transports: one suite.

use std::time::Duration;

use busker_integration_tests::{ClusterEnvironment, until};
use nix::sys::signal::Signal;
use serde_json::json;

const SOON: Duration = Duration::from_secs(20);

/// The promises of sessions, whatever they run over.
async fn sessions_keep_their_promises(cluster: &ClusterEnvironment) {
    any_node_shows_the_tree_of_any_other(cluster).await;
    a_node_is_drained_and_an_actor_restarted_through_another(cluster).await;
    a_session_with_a_killed_node_ends_and_comes_back_with_it(cluster).await;
}

async fn any_node_shows_the_tree_of_any_other(cluster: &ClusterEnvironment) {
    for asked in 1..=3 {
        for shown in (1..=3).filter(|shown| *shown != asked) {
            let input = json!({"node": format!("node{shown}"), "limit": 1000});
            let tree = cluster.ok(asked, "busker.tree.get", input).await;
            let path = format!("node{shown}/cluster/sessions/gateway");
            let actors = tree["actors"].as_array().unwrap();
            assert!(
                actors.iter().any(|actor| actor["path"] == path.as_str()),
                "{tree}"
            );
        }
    }
    for node in ["node2", "node3"] {
        let mut micros = Vec::new();
        for _ in 0..200 {
            let ping = cluster
                .ok(1, "busker.node.ping", json!({"node": node}))
                .await;
            assert_eq!(ping["ok"], true, "{ping}");
            micros.push(ping["micros"].as_u64().unwrap());
        }
        micros.sort_unstable();
        println!(
            "ping of {node}: median {} us, p99 {} us",
            micros[100], micros[198]
        );
    }
    let unknown = cluster
        .call(1, "busker.tree.get", json!({"node": "node9"}))
        .await
        .unwrap_err();
    assert_eq!(unknown.status, 404);
    assert!(
        unknown.problem.to_string().contains("roster"),
        "{unknown:?}"
    );
}

async fn a_node_is_drained_and_an_actor_restarted_through_another(cluster: &ClusterEnvironment) {
    let node = json!({"node": "node2"});
    cluster.ok(1, "busker.node.drain", node.clone()).await;
    let standby = |roster: &[serde_json::Value]| {
        roster
            .iter()
            .any(|row| row["name"] == "node2" && row["state"] == "standby")
    };
    until("node2 to be on standby everywhere", SOON, || async {
        standby(&cluster.roster(3).await).then_some(())
    })
    .await;
    cluster.ok(3, "busker.node.resume", node).await;
    cluster.whole().await;
    let path = json!({"path": "node2/config/pulse"});
    cluster.ok(1, "busker.tree.restart-actor", path).await;
    let refused = cluster
        .call(
            1,
            "busker.tree.restart-actor",
            json!({"path": "node2/config/nobody"}),
        )
        .await;
    assert_eq!(refused.unwrap_err().status, 409);
}

async fn a_session_with_a_killed_node_ends_and_comes_back_with_it(cluster: &ClusterEnvironment) {
    cluster.signal(3, Signal::SIGKILL);
    until("the killed node to be unreachable", SOON, || async {
        cluster
            .call(1, "busker.tree.get", json!({"node": "node3"}))
            .await
            .err()
    })
    .await;
    cluster.start_again();
    cluster.whole().await;
    cluster
        .ok(1, "busker.tree.get", json!({"node": "node3", "limit": 1}))
        .await;
}

#[tokio::test]
async fn sessions_over_tcp_keep_their_promises_and_nothing_else_listens() {
    let cluster = ClusterEnvironment::start(3, "").await;
    sessions_keep_their_promises(&cluster).await;
    let listens = cluster.listens(1);
    assert_eq!(
        listens.len(),
        3,
        "channels, API and sessions, on loopback: {listens:?}"
    );
    assert!(
        listens
            .iter()
            .all(|address| address.starts_with("127.0.0.1:")),
        "{listens:?}"
    );
}

#[tokio::test]
async fn sessions_over_redis_keep_the_same_promises_and_come_back_after_it() {
    let mut cluster = ClusterEnvironment::start(3, "transport = \"redis\"").await;
    sessions_keep_their_promises(&cluster).await;
    let listens = cluster.listens(1);
    assert_eq!(listens.len(), 2, "channels and API: {listens:?}");
    cluster.redis.kill().unwrap();
    until("the sessions to end", SOON, || async {
        let asked = cluster
            .call(1, "busker.tree.get", json!({"node": "node2"}))
            .await;
        asked.err().filter(|refusal| refusal.status == 503)
    })
    .await;
    cluster.redis.run().await.unwrap();
    cluster.whole().await;
    cluster
        .ok(1, "busker.tree.get", json!({"node": "node2", "limit": 1}))
        .await;
}
