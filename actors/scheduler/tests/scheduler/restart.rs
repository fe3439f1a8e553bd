//! What a new start finds of the one before, over SQLite.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use busker_model::Cid;
use busker_model::job::{FireKey, FireOrigin, JobStanding, Verdict};
use busker_odb::jobs::{Batch, FireWrite};
use busker_odb::roles::SCHEDULER;
use busker_scheduler::SystemWall;
use serde_json::json;
use tokio::time::sleep;

use crate::bench::{Bench, sqlite};

/// Longest wait for something that happens at once.
const SOON: Duration = Duration::from_secs(10);

async fn until<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let found = tokio::time::timeout(SOON, async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            sleep(Duration::from_millis(10)).await;
        }
    });
    found.await.unwrap()
}

#[tokio::test]
async fn a_fire_that_was_written_down_and_not_handed_over_is_handed_over_under_its_cid() {
    let folder = tempfile::tempdir().unwrap();
    let odb = sqlite(&folder, 1).await;
    let epoch = odb.roles().take(SCHEDULER, "node1").await.unwrap();
    let now_ms = busker_kit::clock::unix_ms();
    let settings = json!({"service": "a.b", "cron": "0 0 1 1 *"});
    let when = busker_scheduler::JobKind::Cron;
    let read = busker_scheduler::JobSettings::read(when, &settings).unwrap();
    let write = FireWrite {
        key: FireKey {
            job: 1,
            due_ms: now_ms - 1_500,
            origin: FireOrigin::Schedule,
        },
        cid: Cid::mint(),
        watched: None,
    };
    let standing = JobStanding {
        planned_ms: write.key.due_ms,
        anchor_ms: now_ms - 10_000,
        runs: 0,
        paused: false,
        schedule: serde_json::to_string(&read.when).unwrap(),
    };
    let batch = Batch {
        epoch,
        now_ms,
        fires: vec![write.clone()],
        standings: HashMap::from([(1, standing)]),
        ..Batch::default()
    };
    odb.jobs().write(batch).await.unwrap();
    let mut bench = Bench::start(Arc::new(SystemWall), Arc::new(odb.clone())).await;
    bench.job(1, "cron", settings).await;
    let row = until(async || {
        let rows = odb.jobs().history(1, 10).await.unwrap();
        rows.into_iter().find(|row| row.verdict == Verdict::Late)
    });
    let row = row.await;
    assert_eq!((row.cid, row.key), (Some(write.cid), write.key));
    let handed = bench.sink.handed();
    assert_eq!((handed.len(), handed[0].cid), (1, write.cid));
    bench.stop().await;
}

#[tokio::test]
async fn a_job_that_is_stopped_finishes_the_fire_it_is_at_and_another_start_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let odb = sqlite(&folder, 1).await;
    let secondly = || json!({"service": "a.b", "cron": "* * * * * *"});
    let mut seen = Vec::new();
    for epoch in 1..=3 {
        let mut bench = Bench::start(Arc::new(SystemWall), Arc::new(odb.clone())).await;
        bench.job(1, "cron", secondly()).await;
        sleep(Duration::from_millis(1_300)).await;
        // A change makes a new actor, in the middle of things.
        bench.job(1, "cron", secondly()).await;
        sleep(Duration::from_millis(1_300)).await;
        assert_eq!(bench.scheduler.epoch(), Some(epoch));
        let sink = Arc::clone(&bench.sink);
        bench.stop().await;
        seen.extend(sink.handed().into_iter().map(|run| run.cid));
    }
    let rows = odb.jobs().history(1, 100).await.unwrap();
    assert!(
        rows.iter().all(|row| matches!(
            row.verdict,
            Verdict::Fired | Verdict::Late | Verdict::Collapsed
        )),
        "{rows:?}"
    );
    let mut written: Vec<_> = rows.iter().filter_map(|row| row.cid).collect();
    written.sort_unstable();
    seen.sort_unstable();
    assert_eq!(seen, written, "each cid was handed over once");
    assert!(seen.len() >= 6, "{}", seen.len());
    assert_eq!(odb.jobs().unfinished().await, Ok(Vec::new()));
}

#[tokio::test]
async fn who_was_deposed_fires_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let odb = sqlite(&folder, 1).await;
    let mut bench = Bench::start(Arc::new(SystemWall), Arc::new(odb.clone())).await;
    bench
        .job(1, "cron", json!({"service": "a.b", "cron": "* * * * * *"}))
        .await;
    until(async || (!bench.sink.handed().is_empty()).then_some(())).await;
    odb.roles().take(SCHEDULER, "node2").await.unwrap();
    until(async || bench.scheduler.epoch().is_none().then_some(())).await;
    let before = bench.sink.handed().len();
    sleep(Duration::from_millis(2_500)).await;
    assert_eq!(bench.sink.handed().len(), before);
    let rows = odb.jobs().history(1, 100).await.unwrap();
    assert!(rows.iter().all(|row| row.epoch == 1));
    bench.stop().await;
}
