//! How late fires start, printed as a distribution: `cargo nextest run -p busker-scheduler --run-ignored all late`.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use busker_kit::clock::unix_ms;
use busker_model::job::Verdict;
use busker_scheduler::{SystemWall, Tz, written};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::bench::{Bench, sqlite};

#[expect(
    clippy::print_stdout,
    reason = "the distribution is what these tests are run for"
)]
fn print(what: &str, lateness: &mut [i64]) -> (i64, i64) {
    lateness.sort_unstable();
    let at = |percent: usize| lateness[(lateness.len() - 1) * percent / 100];
    println!(
        "{what}: {} fires, late by p50 {} ms, p90 {} ms, p99 {} ms, max {} ms",
        lateness.len(),
        at(50),
        at(90),
        at(99),
        at(100)
    );
    (at(99), at(100))
}

fn date(at_ms: i64) -> Value {
    json!(written(Tz::UTC, at_ms))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "heavy: cargo xtask test --all"]
async fn a_thousand_jobs_due_each_second() {
    let folder = tempfile::tempdir().unwrap();
    let odb = sqlite(&folder, 1_000).await;
    let mut bench = Bench::start(Arc::new(SystemWall), Arc::new(odb.clone())).await;
    let start_ms = unix_ms() + 5_000;
    let jobs = (1..=1_000).map(|job| {
        let first = date(start_ms + job);
        (
            job,
            "interval",
            json!({"service": "a.b", "seconds": 1, "start_date": first, "repeats": 10}),
        )
    });
    bench.jobs(jobs.collect()).await;
    sleep(Duration::from_secs(18)).await;
    let handed = bench.sink.handed();
    assert_eq!(handed.len(), 10_000);
    let cids: HashSet<_> = handed.iter().map(|run| run.cid).collect();
    assert_eq!(cids.len(), 10_000);
    let mut late = Vec::new();
    for job in 1..=1_000 {
        let rows = odb.jobs().history(job, 100).await.unwrap();
        assert_eq!(rows.len(), 10);
        assert!(
            rows.iter().all(|row| row.verdict == Verdict::Fired),
            "{rows:?}"
        );
        late.extend(rows.iter().map(|row| row.late_ms));
    }
    let (p99, _) = print("1,000 jobs each second, phases spread", &mut late);
    assert!(
        p99 < 250,
        "a bound for a machine that does other things too: {p99} ms"
    );
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "heavy: cargo xtask test --all"]
async fn ten_thousand_jobs_due_at_the_same_moment() {
    let folder = tempfile::tempdir().unwrap();
    let odb = sqlite(&folder, 10_000).await;
    let mut bench = Bench::start(Arc::new(SystemWall), Arc::new(odb.clone())).await;
    let due_ms = unix_ms() / 1_000 * 1_000 + 12_000;
    let settings = json!({"service": "a.b", "start_date": date(due_ms)});
    let jobs = (1..=10_000).map(|job| (job, "one-time", settings.clone()));
    bench.jobs(jobs.collect()).await;
    assert!(due_ms > unix_ms(), "10,000 jobs are up before they are due");
    let wait = u64::try_from(due_ms - unix_ms()).unwrap() + 6_000;
    sleep(Duration::from_millis(wait)).await;
    let handed = bench.sink.handed();
    assert_eq!(handed.len(), 10_000);
    let cids: HashSet<_> = handed.iter().map(|run| run.cid).collect();
    assert_eq!(cids.len(), 10_000);
    let mut late: Vec<i64> = handed.iter().map(|run| run.at_ms - due_ms).collect();
    let (_, most) = print("10,000 jobs at the same moment", &mut late);
    assert!(
        most < 5_000,
        "a bound for a machine that does other things too: {most} ms"
    );
    assert_eq!(odb.jobs().unfinished().await, Ok(Vec::new()));
    bench.stop().await;
}
