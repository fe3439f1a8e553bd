//! The singleton role: one node has it, whatever happens to that node.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use busker_integration_tests::{ClusterEnvironment, FaultProxy, Network, until};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(20);
/// A killed holder is replaced within this time; a frozen one within the other.
const KILLED: Duration = Duration::from_secs(2);
const FROZEN: Duration = Duration::from_secs(5);
/// Rounds of each, and of each heavy one.
const ROUNDS: usize = 3;
const MANY_ROUNDS: usize = 20;
/// How long a frozen holder sleeps; the heavy ones sleep the other time.
const SLEEP: Duration = Duration::from_secs(4);
const LONG_SLEEP: Duration = Duration::from_secs(15);
/// Most fires of a job that a node gives at once.
const HISTORY: usize = 1000;
/// How the jobs note that they ran.
const JOBS: &str = include_str!("../scheduler/jobs.py");

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

/// Jobs that fire several times a second, and where they note it.
struct Ticks {
    notes: PathBuf,
}

impl Ticks {
    const JOBS: usize = 5;

    async fn start(cluster: &ClusterEnvironment) -> Self {
        let notes = cluster.dir.join("notes.jsonl");
        let source = JOBS.replace("@PATH@", notes.to_str().unwrap());
        cluster.deploy("jobs.py", &source, "jobs.note").await;
        for job in 0..Self::JOBS {
            let settings = json!({"service": "jobs.note", "seconds": 1, "payload": "tick"});
            let input = json!({"name": format!("tick{job}"), "settings": settings});
            cluster.ok(1, "busker.job.interval.create", input).await;
        }
        Self { notes }
    }

    /// No fire has two cids, every run is of a fire, and runs of one cid are counted.
    async fn judge(&self, cluster: &ClusterEnvironment, node: u16) {
        let text = std::fs::read_to_string(&self.notes).unwrap();
        let notes = text.lines().map(|line| serde_json::from_str(line).unwrap());
        let ran: Vec<String> = notes
            .map(|note: Value| note["cid"].as_str().unwrap().to_owned())
            .collect();
        let mut fires = HashMap::new();
        for job in 0..Self::JOBS {
            for fire in history(cluster, node, &format!("tick{job}")).await.unwrap() {
                let due = (job, fire["due_ms"].as_i64().unwrap());
                let cid = fire["cid"].as_str().map(ToOwned::to_owned);
                assert!(fires.insert(due, cid).is_none(), "two fires: {fire}");
            }
        }
        let cids: Vec<&String> = fires.values().flatten().collect();
        let distinct: HashSet<&String> = cids.iter().copied().collect();
        assert_eq!(cids.len(), distinct.len(), "one cid for two fires");
        let strange = ran.iter().filter(|cid| !distinct.contains(cid)).count();
        // The history that a node gives is bounded: what is older than it is not judged.
        assert!(
            strange == 0 || fires.len() >= HISTORY,
            "{strange} runs of no fire"
        );
        let distinct_runs: HashSet<&String> = ran.iter().collect();
        println!(
            "{} fires, {} of them ran, {} ran again",
            fires.len(),
            distinct_runs.len(),
            ran.len() - distinct_runs.len()
        );
    }
}

fn told(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    println!(
        "takeover after {what}: p50 {:?}, max {:?} of {}",
        times[times.len() / 2],
        times[times.len() - 1],
        times.len()
    );
}

async fn killed_holders(rounds: usize) {
    let cluster = ClusterEnvironment::start(3, "").await;
    let ticks = Ticks::start(&cluster).await;
    let mut times = Vec::new();
    for _ in 0..rounds {
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
    told("SIGKILL", times);
    ticks.judge(&cluster, 1).await;
}

async fn frozen_holders(rounds: usize, sleep: Duration) {
    let cluster = ClusterEnvironment::start(3, "").await;
    let ticks = Ticks::start(&cluster).await;
    let mut times = Vec::new();
    for _ in 0..rounds {
        let holder = agreed(&cluster).await;
        cluster.signal(holder, Signal::SIGSTOP);
        let took = takeover(&cluster, holder).await;
        assert!(took <= FROZEN, "{took:?}");
        times.push(took);
        let after = term(&cluster, other(holder)).await;
        tokio::time::sleep(sleep.saturating_sub(took)).await;
        cluster.signal(holder, Signal::SIGCONT);
        cluster.whole().await;
        assert_ne!(agreed(&cluster).await, holder);
        assert_eq!(term(&cluster, holder).await, after);
    }
    told("SIGSTOP", times);
    ticks.judge(&cluster, 1).await;
}

/// Each node has a cable of its own to Redis; that of the holder is pulled out.
async fn holders_cut_from_redis(rounds: usize) {
    let cluster = ClusterEnvironment::create(3).await;
    let redis = cluster.redis.url();
    let authority = redis.trim_start_matches("redis://");
    let authority = authority.split('/').next().unwrap();
    let mut cables = Vec::new();
    for node in 1..=3 {
        let cable = FaultProxy::start(authority.to_owned()).await;
        cluster.edit(node, authority, &cable.address.to_string());
        cables.push(cable);
    }
    cluster.start_again();
    cluster.whole().await;
    let ticks = Ticks::start(&cluster).await;
    let mut times = Vec::new();
    for round in 0..rounds {
        let holder = agreed(&cluster).await;
        let fault = [Network::Silent, Network::HalfOpen, Network::Cut][round % 3];
        let cable = &cables[usize::from(holder) - 1];
        cable.set(fault);
        let took = takeover(&cluster, holder).await;
        assert!(took <= FROZEN, "{fault:?}: {took:?}");
        times.push(took);
        let after = term(&cluster, other(holder)).await;
        tokio::time::sleep(SLEEP).await;
        cable.set(Network::Whole);
        cluster.whole().await;
        assert_ne!(agreed(&cluster).await, holder, "{fault:?}");
        assert_eq!(term(&cluster, holder).await, after, "{fault:?}");
    }
    told("a cut from Redis", times);
    ticks.judge(&cluster, 1).await;
}

#[tokio::test]
async fn the_role_of_a_killed_holder_moves_within_two_seconds() {
    killed_holders(ROUNDS).await;
}

#[ignore = "heavy: cargo xtask test --all"]
#[tokio::test]
async fn heavy_the_role_of_a_killed_holder_moves_within_two_seconds() {
    killed_holders(MANY_ROUNDS).await;
}

#[tokio::test]
async fn a_frozen_holder_is_replaced_and_does_nothing_when_it_wakes() {
    frozen_holders(ROUNDS, SLEEP).await;
}

#[ignore = "heavy: cargo xtask test --all"]
#[tokio::test]
async fn heavy_a_frozen_holder_is_replaced_and_does_nothing_when_it_wakes() {
    frozen_holders(MANY_ROUNDS, LONG_SLEEP).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_holder_cut_from_redis_is_replaced_and_does_nothing_when_it_is_back() {
    holders_cut_from_redis(ROUNDS).await;
}

#[ignore = "heavy: cargo xtask test --all"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heavy_a_holder_cut_from_redis_is_replaced_and_does_nothing_when_it_is_back() {
    holders_cut_from_redis(MANY_ROUNDS).await;
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

/// Fires of a job so far, as a node tells them.
async fn history(cluster: &ClusterEnvironment, node: u16, job: &str) -> Option<Vec<Value>> {
    let input = json!({"name": job, "limit": HISTORY});
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
        history(&cluster, holder, "tick")
            .await
            .filter(|all| all.len() >= 3)
    })
    .await;
    cluster.signal(holder, Signal::SIGKILL);
    takeover(&cluster, holder).await;
    let asked = other(holder);
    let before = history(&cluster, asked, "tick").await.unwrap().len();
    let all = until("fires on the new holder", SOON, || async {
        history(&cluster, asked, "tick")
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

#[tokio::test]
async fn a_channel_that_is_a_singleton_is_served_by_the_holder_alone_and_moves_with_the_role() {
    let cluster = ClusterEnvironment::start(3, "").await;
    let settings = json!({"url_path": "/one", "service": "samples.echo", "placement": "singleton"});
    cluster.create_object("channel.http", "one", settings).await;
    let status = async |node: u16| {
        let request = cluster.http.post(cluster.channel(node, "/one"));
        let answer = request.body(r#"{"text":"hi"}"#).send().await.ok()?;
        Some((answer.status().as_u16(), answer.text().await.ok()?))
    };
    let mut holder = agreed(&cluster).await;
    for _ in 0..2 {
        until("the holder to serve it", SOON, || async {
            (status(holder).await?.0 == 200).then_some(())
        })
        .await;
        let (code, body) = status(other(holder)).await.unwrap();
        assert!(
            code == 503
                && body.contains("served-elsewhere")
                && body.contains(&format!("node{holder}")),
            "{code} {body}"
        );
        cluster.signal(holder, Signal::SIGKILL);
        takeover(&cluster, holder).await;
        cluster.start_again();
        cluster.whole().await;
        holder = agreed(&cluster).await;
    }
}
