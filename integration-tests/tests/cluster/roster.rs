//! Who is there, as every node tells it.

use std::time::{Duration, Instant};

use busker_integration_tests::{ClusterEnvironment, until};
use futures::StreamExt;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::messages::with_services;

const SOON: Duration = Duration::from_secs(20);
/// A frozen or dead peer is out of the roster within this time.
const GONE: Duration = Duration::from_secs(2);

fn is_alive(roster: &[Value], name: &str) -> bool {
    roster
        .iter()
        .any(|row| row["name"] == name && row["alive"] == true)
}

async fn told(cluster: &ClusterEnvironment, node: u16, name: &str) -> usize {
    let answer = cluster
        .ok(node, "busker.event.list", json!({"limit": 1000}))
        .await;
    let events = answer["events"].as_array().unwrap();
    events.iter().filter(|event| event["name"] == name).count()
}

#[tokio::test]
async fn a_frozen_peer_leaves_the_roster_within_two_seconds_and_is_back_when_it_wakes() {
    let cluster = ClusterEnvironment::start(3, "").await;
    cluster.signal(3, Signal::SIGSTOP);
    let start = Instant::now();
    for node in [1, 2] {
        until("the frozen node to be gone", SOON, || async {
            let roster = cluster.roster(node).await;
            (!roster.is_empty() && !is_alive(&roster, "node3")).then_some(())
        })
        .await;
    }
    let took = start.elapsed();
    println!("a frozen peer left the rosters after {took:?}");
    assert!(took <= GONE, "{took:?}");
    let roster = cluster.roster(1).await;
    let frozen = roster.iter().find(|row| row["name"] == "node3").unwrap();
    assert_eq!(frozen["state"], "gone");
    assert_eq!(told(&cluster, 1, "node-gone").await, 1);
    let asked = cluster
        .call(1, "busker.tree.get", json!({"node": "node3"}))
        .await;
    assert_eq!(asked.unwrap_err().status, 404);
    cluster.signal(3, Signal::SIGCONT);
    cluster.whole().await;
}

/// Resident memory of a node, in KiB.
fn memory(cluster: &ClusterEnvironment, node: u16) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", cluster.pid(node))).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.unwrap()
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .unwrap()
}

#[tokio::test]
async fn questions_to_a_frozen_peer_are_bounded_and_none_waits_for_ever() {
    const ASKED: usize = 2_000;
    let cluster = ClusterEnvironment::start(3, "").await;
    let ping = || cluster.ok(1, "busker.node.ping", json!({"node": "node3"}));
    assert_eq!(ping().await["ok"], true);
    let before = memory(&cluster, 1);
    cluster.signal(3, Signal::SIGSTOP);
    let start = Instant::now();
    let asked = futures::stream::iter(0..ASKED).map(|_| async {
        let ping = cluster
            .call(1, "busker.node.ping", json!({"node": "node3"}))
            .await;
        match ping {
            Ok(answer) => answer["class"].as_str().unwrap_or("answered").to_owned(),
            Err(refusal) => refusal.status.to_string(),
        }
    });
    let classes: Vec<String> = asked.buffer_unordered(200).collect().await;
    let took = start.elapsed();
    let grown = memory(&cluster, 1).saturating_sub(before);
    let count = |class: &str| classes.iter().filter(|told| *told == class).count();
    println!(
        "{ASKED} questions in {took:?}: {} busy, {} unavailable, {} unknown; {grown} KiB",
        count("busy"),
        count("unavailable"),
        count("404")
    );
    assert_eq!(count("answered"), 0);
    assert!(count("busy") > 0, "{classes:?}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert!(grown < 64 * 1024, "{grown} KiB");
    cluster.signal(3, Signal::SIGCONT);
    cluster.whole().await;
    assert_eq!(ping().await["ok"], true);
}

#[tokio::test]
async fn without_redis_nobody_is_declared_dead_and_sessions_and_requests_go_on() {
    let mut cluster = ClusterEnvironment::start(3, "").await;
    let settings = json!({"url_path": "/hello", "service": "samples.echo"});
    let input = json!({"name": "hello", "active": true, "settings": settings});
    cluster.ok(1, "busker.channel.http.create", input).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    cluster.redis.kill().unwrap();
    let end = Instant::now() + Duration::from_secs(10);
    while Instant::now() < end {
        for node in 1..=3 {
            let request = cluster.http.post(cluster.channel(node, "/hello"));
            let answer = request.body(r#"{"text":"hi"}"#).send().await.unwrap();
            assert_eq!(answer.status(), 200);
        }
        cluster
            .ok(1, "busker.tree.get", json!({"node": "node2", "limit": 10}))
            .await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(is_alive(&cluster.roster(1).await, "node2"));
    cluster.redis.run().await.unwrap();
    until("the role to be held again", SOON, || async {
        cluster.holder(1).await
    })
    .await;
    for node in 1..=3 {
        assert_eq!(told(&cluster, node, "node-gone").await, 0);
    }
}

#[tokio::test]
async fn a_second_node_of_a_name_does_not_start_and_says_which_field_is_wrong() {
    let cluster = ClusterEnvironment::start(2, "").await;
    let (first, copy) = (cluster.folder(1), cluster.dir.join("copy"));
    let copied = std::process::Command::new("cp")
        .arg("-a")
        .args([&first, &copy])
        .status();
    assert!(copied.unwrap().success());
    std::fs::remove_file(copy.join("data/node.pid")).unwrap();
    let file = copy.join("busker.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    // Ports that are free now: one that is taken would be refused first.
    let moved = |line: &str| match line.starts_with("listen = ") {
        true => {
            let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            format!("listen = \"{}\"", free.local_addr().unwrap())
        }
        false => line.to_owned(),
    };
    let lines: Vec<String> = text.lines().map(moved).collect();
    std::fs::write(&file, lines.join("\n")).unwrap();
    let started = busker_integration_tests::busker(&["start", copy.to_str().unwrap()]);
    assert_ne!(started.code, 0, "{started:?}");
    let log = std::fs::read_to_string(copy.join("logs/node.log")).unwrap_or_default();
    let said = started.stdout + &started.stderr + &log;
    assert!(
        said.contains("node.name") && said.contains("another name"),
        "{said}"
    );
    assert!(is_alive(&cluster.roster(2).await, "node1"));
}

/// Nodes that are busy are not taken for dead ones: requests and invocations without a pause on all three.
#[ignore = "heavy: cargo xtask test --all"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_nobody_is_declared_dead_in_ten_minutes_of_full_load() {
    const TIME: Duration = Duration::from_secs(600);
    const CALLERS: u16 = 48;
    let (cluster, _sink) = with_services().await;
    let history = |limit: u64| {
        let input = json!({ "limit": limit });
        cluster.ok(1, "busker.cluster.get-role-history", input)
    };
    let before = history(10).await;
    let end = Instant::now() + TIME;
    let calls = futures::stream::iter(0..CALLERS).map(|caller| {
        let cluster = &cluster;
        async move {
            let mut calls = 0_u64;
            while Instant::now() < end {
                let input = json!({"name": "samples.echo", "payload": {"text": "hi"}, "async": calls.is_multiple_of(50)});
                let called = cluster.call(caller % 3 + 1, "busker.service.invoke", input);
                called.await.unwrap();
                calls += 1;
            }
            calls
        }
    });
    let calls: Vec<u64> = calls.buffer_unordered(usize::from(CALLERS)).collect().await;
    println!("{} calls in {TIME:?}", calls.iter().sum::<u64>());
    for node in 1..=3 {
        assert_eq!(told(&cluster, node, "node-gone").await, 0, "node{node}");
        println!(
            "node{node}: {} suspicions",
            told(&cluster, node, "node-suspected").await
        );
    }
    assert_eq!(history(10).await["terms"], before["terms"]);
}
