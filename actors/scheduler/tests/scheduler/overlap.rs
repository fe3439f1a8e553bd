//! Runs that are followed to their end, over SQLite.

use std::sync::Arc;
use std::time::Duration;

use busker_model::Fault;
use busker_model::job::{FireRecord, Verdict};
use busker_odb::Odb;
use busker_scheduler::{RUN_SERVICE, SystemWall};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::bench::{Bench, sqlite};

/// How long a run takes where it takes long.
const LONG: Duration = Duration::from_millis(1_500);

/// A job that fires each second, with runs that take one and a half, for four and a half.
async fn secondly(overlap: &str, more: Value) -> (Vec<FireRecord>, Bench, Odb, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let odb = sqlite(&folder, 1).await;
    let mut bench = Bench::start(Arc::new(SystemWall), Arc::new(odb.clone())).await;
    *bench.sink.takes.lock() = (LONG, None);
    let mut settings = json!({"service": "a.b", "cron": "* * * * * *", "overlap": overlap});
    for (name, value) in more.as_object().unwrap() {
        settings[name] = value.clone();
    }
    bench.job(1, "cron", settings.clone()).await;
    sleep(Duration::from_millis(4_500)).await;
    bench.set(1, ("cron", settings), false).await;
    sleep(2 * LONG).await;
    let mut rows = odb.jobs().history(1, 100).await.unwrap();
    rows.reverse();
    (rows, bench, odb, folder)
}

fn ran(rows: &[FireRecord]) -> Vec<&FireRecord> {
    let ran = |row: &&FireRecord| matches!(row.verdict, Verdict::Fired | Verdict::Late);
    rows.iter().filter(ran).collect()
}

#[tokio::test]
async fn skip_runs_every_other_fire_and_says_why_not_the_others() {
    let (rows, bench, ..) = secondly("skip", json!({})).await;
    assert!((2..=3).contains(&ran(&rows).len()), "{rows:#?}");
    let skipped: Vec<_> = rows
        .iter()
        .filter(|row| row.verdict == Verdict::Skipped)
        .collect();
    assert!(
        !skipped.is_empty() && skipped.iter().all(|row| row.reason.contains("still runs")),
        "{rows:#?}"
    );
    for run in ran(&rows) {
        assert_eq!(run.outcome.as_deref(), Some("ok"));
        assert!(run.ended_ms.unwrap() - run.key.due_ms >= 1_400);
    }
    assert!(
        bench
            .sink
            .handed()
            .iter()
            .all(|run| run.service == RUN_SERVICE)
    );
}

#[tokio::test]
async fn buffer_one_runs_one_after_the_other() {
    let (rows, bench, ..) = secondly("buffer-one", json!({})).await;
    let ran = ran(&rows);
    assert!(ran.len() >= 3, "{rows:#?}");
    // Never two at a time: each was handed over after the one before had ended.
    for pair in ran.windows(2) {
        let started = pair[1].key.due_ms + pair[1].late_ms;
        assert!(started >= pair[0].ended_ms.unwrap() - 5, "{rows:#?}");
    }
    assert!(ran.iter().any(|row| row.late_ms >= 400), "{rows:#?}");
    assert_eq!(bench.sink.ended.lock().len(), ran.len());
}

#[tokio::test]
async fn cancel_running_ends_the_run_before() {
    let (rows, bench, ..) = secondly("cancel-running", json!({})).await;
    let ran = ran(&rows);
    assert!(ran.len() >= 4, "{rows:#?}");
    let outcomes: Vec<_> = ran
        .iter()
        .map(|row| row.outcome.clone().unwrap_or_default())
        .collect();
    let cancelled = outcomes
        .iter()
        .filter(|text| text.contains("cancelled"))
        .count();
    assert!(cancelled >= ran.len() - 2, "{outcomes:?}");
    assert!(
        bench.sink.ended.lock().len() <= 2,
        "only a run without a successor ends by itself"
    );
}

#[tokio::test]
async fn a_run_is_ended_at_its_bound_and_its_error_service_is_told() {
    let (rows, bench, ..) = secondly(
        "allow",
        json!({"max_run_time_s": 1, "on_error_service": "a.failed"}),
    )
    .await;
    let ran = ran(&rows);
    assert!(ran.len() >= 3, "{rows:#?}");
    for run in &ran {
        let outcome = run.outcome.clone().unwrap_or_default();
        assert!(outcome.contains("max_run_time_s of 1"), "{outcome}");
    }
    let handed = bench.sink.handed();
    let told: Vec<_> = handed
        .iter()
        .filter(|run| run.service == "a.failed")
        .collect();
    assert_eq!(told.len(), ran.len());
    let text: Value = serde_json::from_str(&told[0].payload).unwrap();
    assert_eq!(
        (&text["job"], &text["service"]),
        (&json!("job1"), &json!("a.b"))
    );
    assert_eq!(text["class"], "timeout");
    assert_eq!(text["cid"], json!(ran[0].cid));
}

#[tokio::test]
async fn a_run_that_fails_says_how() {
    let folder = tempfile::tempdir().unwrap();
    let odb = sqlite(&folder, 1).await;
    let mut bench = Bench::start(Arc::new(SystemWall), Arc::new(odb.clone())).await;
    *bench.sink.takes.lock() = (Duration::ZERO, Some(Fault::invalid("no symbol")));
    let settings = json!({"service": "a.b", "cron": "0 0 1 1 *", "overlap": "skip"});
    bench.job(1, "cron", settings).await;
    sleep(Duration::from_millis(500)).await;
    let executed = bench.scheduler.execute(1).await.unwrap();
    assert_eq!(executed.verdict, Verdict::Fired);
    sleep(Duration::from_millis(500)).await;
    let rows = odb.jobs().history(1, 10).await.unwrap();
    assert_eq!(rows[0].cid, executed.cid);
    assert_eq!(rows[0].outcome.as_deref(), Some("invalid: no symbol"));
}
