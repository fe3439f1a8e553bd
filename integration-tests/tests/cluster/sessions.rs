//! What nodes ask each other, over both transports: one suite.

use std::time::{Duration, Instant};

use busker_integration_tests::{ClusterEnvironment, FaultProxy, Network, until};
use nix::sys::signal::Signal;
use serde_json::json;

use crate::messages::add_services;

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
    cluster
        .ok(1, "busker.tree.restart-actor", path.clone())
        .await;
    cluster.ok(1, "busker.tree.stop-actor", path.clone()).await;
    let tree = json!({"node": "node2", "prefix": path["path"]});
    let tree = cluster.ok(1, "busker.tree.get", tree).await;
    assert_eq!(tree["actors"], json!([]), "{tree}");
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

/// While nodes do not reach each other, everything else is as before: requests, asynchronous ones, configuration, the role.
async fn without_sessions_results_are_the_same(time: Duration) {
    let cluster = ClusterEnvironment::create(3).await;
    let mut cables = Vec::new();
    for node in 1..=3 {
        let (host, port) = cluster.session_address(node);
        let cable = FaultProxy::start(format!("{host}:{port}")).await;
        let advertise = format!("advertise = \"{}\"", cable.address);
        cluster.add_lines(node, "[cluster]", &advertise);
        cables.push(cable);
    }
    cluster.start_again();
    cluster.whole().await;
    let sink = add_services(&cluster).await;
    let role = cluster
        .ok(1, "busker.cluster.get-role-history", json!({}))
        .await;
    for cable in &cables {
        cable.set(Network::Silent);
    }
    let mut accepted = Vec::new();
    let end = Instant::now() + time;
    let mut round = 0;
    while Instant::now() < end {
        let node = round % 3 + 1;
        let input = json!({"name": "later.record", "payload": {"n": round}});
        cluster
            .ok(node, "busker.service.invoke", input.clone())
            .await;
        let mut later = input;
        later["async"] = json!(true);
        let answer = cluster.ok(node, "busker.service.invoke", later).await;
        accepted.push(answer["cid"].as_str().unwrap().to_owned());
        if round % 20 == 0 {
            a_channel_is_everywhere(&cluster, node, round).await;
        }
        round += 1;
    }
    let refused = cluster
        .call(1, "busker.tree.get", json!({"node": "node2"}))
        .await;
    assert!([503, 504].contains(&refused.unwrap_err().status));
    for cid in &accepted {
        until("the effect", SOON, || async {
            let seen = sink.seen();
            let is_there = seen.iter().any(|one| one.header("x-zato-cid") == cid);
            is_there.then_some(())
        })
        .await;
    }
    nobody_is_gone(&cluster).await;
    let now = cluster
        .ok(1, "busker.cluster.get-role-history", json!({}))
        .await;
    assert_eq!(now["terms"], role["terms"]);
    println!("{round} rounds in {time:?} without sessions");
    for cable in &cables {
        cable.set(Network::Whole);
    }
    cluster.whole().await;
    cluster
        .ok(1, "busker.tree.get", json!({"node": "node2", "limit": 1}))
        .await;
}

async fn nobody_is_gone(cluster: &ClusterEnvironment) {
    for node in 1..=3 {
        let roster = cluster.roster(node).await;
        assert!(
            roster.iter().all(|row| row["state"] == "running"),
            "{roster:?}"
        );
        let events = cluster
            .ok(node, "busker.event.list", json!({"limit": 1000}))
            .await;
        assert!(!events.to_string().contains("node-gone"), "{events}");
    }
}

/// A channel that is made on one node answers on all.
async fn a_channel_is_everywhere(cluster: &ClusterEnvironment, made: u16, round: u16) {
    let path = format!("/made/{round}");
    let settings = json!({"url_path": path, "service": "samples.echo"});
    let object = json!({"name": path, "active": true, "settings": settings});
    cluster.ok(made, "busker.channel.http.create", object).await;
    for node in 1..=3 {
        until("the channel", SOON, || async {
            let request = cluster.http.post(cluster.channel(node, &path));
            let answer = request.body(r#"{"text":"hi"}"#).send().await.ok()?;
            (answer.status() == 200).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_sessions_cut_results_are_the_same() {
    without_sessions_results_are_the_same(Duration::from_secs(6)).await;
}

#[ignore = "heavy: cargo xtask test --all"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_with_sessions_cut_for_a_minute_results_are_the_same() {
    without_sessions_results_are_the_same(Duration::from_secs(60)).await;
}
