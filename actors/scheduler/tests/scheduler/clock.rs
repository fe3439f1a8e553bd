//! Fires in simulated time: over changes of summer time, jumps of the clock, and a role that comes and goes.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use busker_model::Fault;
use busker_model::job::{FireOrigin, Verdict};
use serde_json::json;

use crate::bench::{Bench, TestWall, pass, utc};
use crate::memory::{Memory, MemoryStore};

const MINUTE: i64 = 60_000;
const HOURS: fn(u64) -> Duration = |hours| Duration::from_secs(hours * 3_600);

async fn bench(start: &str) -> (Bench, Arc<Memory>, Arc<TestWall>) {
    let (memory, wall) = (Arc::new(Memory::default()), TestWall::at(start));
    let store = Arc::new(MemoryStore(Arc::clone(&memory)));
    (Bench::start(wall.clone(), store).await, memory, wall)
}

fn dues(memory: &Memory, job: i64) -> Vec<(i64, Verdict)> {
    let rows = memory.rows(job).into_iter();
    rows.map(|row| (row.key.due_ms, row.verdict)).collect()
}

fn fired(times: &[&str]) -> Vec<(i64, Verdict)> {
    times
        .iter()
        .map(|time| (utc(time), Verdict::Fired))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn daily_jobs_fire_as_the_table_says_over_both_changes_of_the_year() {
    let cases = [
        (
            "2026-03-28T00:00:00Z",
            "Europe/Warsaw",
            [
                "2026-03-28T01:30:00Z",
                "2026-03-29T01:00:00Z",
                "2026-03-30T00:30:00Z",
            ],
        ),
        (
            "2026-10-24T00:00:00Z",
            "Europe/Warsaw",
            [
                "2026-10-24T00:30:00Z",
                "2026-10-25T00:30:00Z",
                "2026-10-26T01:30:00Z",
            ],
        ),
        (
            "2026-03-07T06:00:00Z",
            "America/New_York",
            [
                "2026-03-07T07:30:00Z",
                "2026-03-08T07:00:00Z",
                "2026-03-09T06:30:00Z",
            ],
        ),
        (
            "2026-10-31T06:00:00Z",
            "America/New_York",
            [
                "2026-10-31T06:30:00Z",
                "2026-11-01T07:30:00Z",
                "2026-11-02T07:30:00Z",
            ],
        ),
    ];
    for (start, zone, expected) in cases {
        let (mut bench, memory, _) = bench(start).await;
        let settings = json!({"service": "a.b", "cron": "30 2 * * *", "time_zone": zone});
        bench.job(1, "cron", settings).await;
        pass(HOURS(60)).await;
        assert_eq!(dues(&memory, 1), fired(&expected), "{start} {zone}");
        let handed = bench.sink.handed();
        assert!(
            handed
                .iter()
                .zip(&expected)
                .all(|(handed, due)| handed.at_ms - utc(due) < 100)
        );
        bench.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn every_minute_of_the_autumn_hour_is_fired_once() {
    let (mut bench, memory, _) = bench("2026-10-24T23:30:30Z").await;
    let settings = json!({"service": "a.b", "cron": "* * * * *", "time_zone": "Europe/Warsaw"});
    bench.job(1, "cron", settings).await;
    pass(HOURS(3)).await;
    let first = utc("2026-10-24T23:31:00Z");
    let expected: Vec<_> = (0..180)
        .map(|minute| (first + minute * MINUTE, Verdict::Fired))
        .collect();
    assert_eq!(dues(&memory, 1), expected);
    assert_eq!(bench.sink.handed().len(), 180);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_ahead_makes_one_run_of_what_it_jumped_over() {
    let (mut bench, memory, wall) = bench("2026-01-10T11:30:30Z").await;
    bench
        .job(1, "cron", json!({"service": "a.b", "cron": "* * * * *"}))
        .await;
    bench
        .job(2, "cron", json!({"service": "a.b", "cron": "0 12 * * *"}))
        .await;
    pass(Duration::from_secs(60)).await;
    wall.jump(60 * MINUTE);
    pass(Duration::from_secs(60)).await;
    // 11:31 on time; 11:32 to 12:30 stood for by 12:31, which is missed too but the newest; then 12:32.
    let rows = memory.rows(1);
    let shown: Vec<_> = rows
        .iter()
        .map(|row| (row.key.due_ms, row.fires, row.verdict))
        .collect();
    let expected = [
        (utc("2026-01-10T11:31:00Z"), 1, Verdict::Fired),
        (utc("2026-01-10T11:32:00Z"), 59, Verdict::Collapsed),
        (utc("2026-01-10T12:31:00Z"), 1, Verdict::Late),
        (utc("2026-01-10T12:32:00Z"), 1, Verdict::Fired),
    ];
    assert_eq!(shown, expected);
    assert_eq!(
        dues(&memory, 2),
        [(utc("2026-01-10T12:00:00Z"), Verdict::Late)]
    );
    assert_eq!(bench.sink.handed().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_fires_nothing_twice_and_skips_no_day() {
    let (mut bench, memory, wall) = bench("2026-01-10T11:59:30Z").await;
    bench
        .job(1, "cron", json!({"service": "a.b", "cron": "* * * * *"}))
        .await;
    bench
        .job(2, "cron", json!({"service": "a.b", "cron": "0 12 * * *"}))
        .await;
    pass(Duration::from_secs(60)).await;
    wall.jump(-60 * MINUTE);
    pass(HOURS(25)).await;
    let rows = memory.rows(1);
    let mut before = 0;
    for row in &rows {
        assert!(row.key.due_ms > before);
        before = row.key.due_ms;
        assert_eq!((row.fires, row.verdict), (1, Verdict::Fired));
    }
    assert_eq!(rows[1].key.due_ms, utc("2026-01-10T12:01:00Z"));
    let expected = fired(&["2026-01-10T12:00:00Z", "2026-01-11T12:00:00Z"]);
    assert_eq!(dues(&memory, 2), expected);
    assert_eq!(bench.sink.handed().len(), rows.len() + 2);
}

#[tokio::test(start_paused = true)]
async fn an_interval_keeps_its_phase_and_ends_after_its_repeats() {
    let (mut bench, memory, _) = bench("2026-01-10T12:00:00.250Z").await;
    bench
        .job(
            1,
            "interval",
            json!({"service": "a.b", "seconds": 90, "payload": "x"}),
        )
        .await;
    let dated =
        json!({"service": "a.b", "minutes": 1, "start_date": "2026-01-10T12:00:30Z", "repeats": 3});
    bench.job(2, "interval", dated).await;
    let counted = json!({"service": "a.b", "minutes": 1, "max_runs": 2});
    bench.job(3, "interval", counted).await;
    pass(Duration::from_secs(600)).await;
    // A change of what it runs leaves its phase alone.
    bench
        .job(
            1,
            "interval",
            json!({"service": "a.b", "seconds": 90, "payload": "y"}),
        )
        .await;
    pass(Duration::from_secs(300)).await;
    let phases: Vec<i64> = memory
        .rows(1)
        .iter()
        .map(|row| (row.key.due_ms - memory.rows(1)[0].key.due_ms) % 90_000)
        .collect();
    assert_eq!(phases, [0; 10]);
    let expected = [
        "2026-01-10T12:00:30Z",
        "2026-01-10T12:01:30Z",
        "2026-01-10T12:02:30Z",
    ];
    assert_eq!(dues(&memory, 2), fired(&expected));
    assert_eq!(
        bench.shown(2),
        ("running".to_owned(), "no-more-fires".to_owned())
    );
    assert_eq!(memory.rows(3).len(), 2);
    assert_eq!(bench.shown(3).1, "no-more-fires");
}

#[tokio::test(start_paused = true)]
async fn a_paused_job_skips_and_says_so_and_another_schedule_counts_from_now() {
    let (mut bench, memory, _) = bench("2026-01-10T12:00:30Z").await;
    let minutely = || ("cron", json!({"service": "a.b", "cron": "* * * * *"}));
    bench.set(1, minutely(), true).await;
    pass(Duration::from_secs(60)).await;
    bench.set(1, minutely(), false).await;
    pass(Duration::from_secs(600)).await;
    assert_eq!(bench.shown(1), ("degraded".to_owned(), "paused".to_owned()));
    bench.set(1, minutely(), true).await;
    pass(Duration::from_secs(60)).await;
    let rows = memory.rows(1);
    let shown: Vec<_> = rows
        .iter()
        .map(|row| (row.fires, row.verdict, row.reason.as_str()))
        .collect();
    let expected = [
        (1, Verdict::Fired, ""),
        (10, Verdict::Skipped, "the job was paused"),
        (1, Verdict::Fired, ""),
    ];
    assert_eq!(shown, expected);
    bench
        .job(1, "cron", json!({"service": "a.b", "cron": "0 3 * * *"}))
        .await;
    pass(Duration::from_secs(60)).await;
    assert_eq!(
        memory.rows(1).len(),
        3,
        "three in the morning is not made up for"
    );
}

#[tokio::test(start_paused = true)]
async fn a_one_time_job_runs_once_and_one_of_yesterday_says_why_it_did_not() {
    let (mut bench, memory, _) = bench("2026-01-10T12:00:00Z").await;
    let at = |date: &str| json!({"service": "a.b", "start_date": date, "payload": "{\"a\": 1}"});
    bench.job(1, "one-time", at("2026-01-10T12:00:05Z")).await;
    bench.job(2, "one-time", at("2026-01-09T12:00:00Z")).await;
    bench.job(3, "one-time", at("2026-01-10T12:00:00Z")).await;
    pass(Duration::from_secs(100)).await;
    assert_eq!(dues(&memory, 1), fired(&["2026-01-10T12:00:05Z"]));
    let late = memory.rows(2);
    assert_eq!((late.len(), late[0].verdict), (1, Verdict::Skipped));
    assert!(
        late[0].reason.contains("start_date had passed"),
        "{}",
        late[0].reason
    );
    assert_eq!(dues(&memory, 3), fired(&["2026-01-10T12:00:00Z"]));
    let handed = bench.sink.handed();
    assert_eq!(handed.len(), 2);
    assert!(
        handed
            .iter()
            .all(|run| run.payload == "{\"a\": 1}" && run.service == "a.b")
    );
    assert_eq!(handed[1].job.as_deref(), Some("job1"));
}

#[tokio::test(start_paused = true)]
async fn a_missing_service_is_waited_for_at_boot_and_skipped_later() {
    let (mut bench, memory, _) = bench("2026-01-10T12:00:00Z").await;
    bench.sink.missing.lock().insert("a.b".to_owned());
    bench
        .job(1, "interval", json!({"service": "a.b", "seconds": 10}))
        .await;
    pass(Duration::from_secs(15)).await;
    assert_eq!(
        bench.shown(1),
        ("degraded".to_owned(), "waiting-for-service".to_owned())
    );
    assert_eq!(memory.rows(1).len(), 0);
    bench.sink.missing.lock().clear();
    bench.services.send_modify(|count| *count += 1);
    pass(Duration::from_secs(1)).await;
    assert_eq!(
        dues(&memory, 1),
        [(utc("2026-01-10T12:00:10Z"), Verdict::Late)]
    );
    pass(Duration::from_secs(50)).await;
    bench.sink.missing.lock().insert("a.b".to_owned());
    pass(Duration::from_secs(10)).await;
    let last = memory.rows(1).pop().unwrap();
    assert_eq!(last.verdict, Verdict::Skipped);
    assert!(
        last.reason.contains("\"a.b\" was not deployed"),
        "{}",
        last.reason
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_refused_is_offered_again_and_then_skipped_with_the_reason() {
    let (mut bench, memory, _) = bench("2026-01-10T12:00:00Z").await;
    *bench.sink.refusal.lock() = Some(Fault::busy("the bus is full", 1));
    bench
        .job(1, "interval", json!({"service": "a.b", "minutes": 1}))
        .await;
    pass(Duration::from_secs(70)).await;
    assert_eq!(
        dues(&memory, 1),
        [(utc("2026-01-10T12:01:00Z"), Verdict::Recorded)]
    );
    *bench.sink.refusal.lock() = None;
    pass(Duration::from_secs(5)).await;
    assert_eq!(memory.rows(1)[0].verdict, Verdict::Late);
    *bench.sink.refusal.lock() = Some(Fault::invalid("no such thing"));
    pass(Duration::from_secs(50)).await;
    let last = memory.rows(1).pop().unwrap();
    assert_eq!(
        (last.verdict, last.reason.as_str()),
        (Verdict::Skipped, "not taken: no such thing")
    );
}

#[tokio::test(start_paused = true)]
async fn a_node_without_the_role_fires_nothing_and_catches_up_when_it_has_it() {
    let (mut bench, memory, _) = bench("2026-01-10T12:00:30Z").await;
    bench
        .job(1, "cron", json!({"service": "a.b", "cron": "* * * * *"}))
        .await;
    pass(Duration::from_secs(60)).await;
    assert_eq!(bench.scheduler.epoch(), Some(1));
    bench.held.send_replace(false);
    pass(Duration::from_secs(600)).await;
    assert_eq!((memory.rows(1).len(), bench.scheduler.epoch()), (1, None));
    assert!(
        bench.scheduler.execute(7).await.is_err(),
        "there is no job 7"
    );
    bench.held.send_replace(true);
    pass(Duration::from_secs(60)).await;
    let rows = memory.rows(1);
    let shown: Vec<_> = rows
        .iter()
        .map(|row| (row.fires, row.verdict, row.epoch))
        .collect();
    assert_eq!(
        shown,
        [
            (1, Verdict::Fired, 1),
            (9, Verdict::Collapsed, 2),
            (1, Verdict::Late, 2),
            (1, Verdict::Fired, 2)
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_delays_fires_and_loses_none() {
    let (mut bench, memory, _) = bench("2026-01-10T12:00:30Z").await;
    bench
        .job(1, "cron", json!({"service": "a.b", "cron": "* * * * *"}))
        .await;
    pass(Duration::from_secs(60)).await;
    memory.away.store(true, SeqCst);
    pass(Duration::from_secs(60)).await;
    memory.away.store(false, SeqCst);
    pass(Duration::from_secs(60)).await;
    let verdicts: Vec<_> = dues(&memory, 1)
        .into_iter()
        .map(|(_, verdict)| verdict)
        .collect();
    assert_eq!(verdicts, [Verdict::Fired, Verdict::Late, Verdict::Fired]);
}

#[tokio::test(start_paused = true)]
async fn a_run_is_had_at_once_paused_or_not_and_the_schedule_stays() {
    let (mut bench, memory, _) = bench("2026-01-10T12:00:30Z").await;
    let minutely = || ("cron", json!({"service": "a.b", "cron": "* * * * *"}));
    bench.set(1, minutely(), false).await;
    pass(Duration::from_secs(1)).await;
    let executed = bench.scheduler.execute(1).await.unwrap();
    assert_eq!(executed.verdict, Verdict::Fired);
    let again = bench.scheduler.execute(1).await.unwrap();
    assert_ne!(executed.cid, again.cid);
    pass(Duration::from_secs(1)).await;
    let rows = memory.rows(1);
    assert_eq!(rows.len(), 2);
    assert!(
        rows.iter()
            .all(|row| row.key.origin == FireOrigin::Manual && row.verdict == Verdict::Fired)
    );
    assert_eq!(bench.sink.handed().len(), 2);
    bench.remove(1).await;
    assert!(bench.scheduler.execute(1).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn jitter_moves_the_start_and_not_the_due_time() {
    let (mut bench, memory, _) = bench("2026-01-10T12:00:30Z").await;
    let settings = json!({"service": "a.b", "cron": "* * * * *", "jitter_ms": 20_000});
    bench.job(1, "cron", settings).await;
    pass(Duration::from_secs(3_600)).await;
    let (rows, handed) = (memory.rows(1), bench.sink.handed());
    assert!(
        rows.iter()
            .all(|row| row.verdict == Verdict::Fired && row.key.due_ms % MINUTE == 0)
    );
    let delays: Vec<i64> = rows
        .iter()
        .zip(&handed)
        .map(|(row, run)| run.at_ms - row.key.due_ms)
        .collect();
    assert!(
        delays.iter().all(|delay| (0..20_100).contains(delay)),
        "{delays:?}"
    );
    assert!(delays.iter().any(|delay| *delay > 5_000));
}

#[tokio::test(start_paused = true)]
async fn a_change_right_after_a_fire_does_not_hand_it_over_again() {
    let (mut bench, memory, _) = bench("2026-01-10T12:00:30Z").await;
    let minutely =
        |payload: &str| json!({"service": "a.b", "cron": "* * * * *", "payload": payload});
    bench.job(1, "cron", minutely("before")).await;
    // The fire of 12:01 is handed over, and its verdict waits for others to be written with.
    pass(Duration::from_millis(30_005)).await;
    bench.job(1, "cron", minutely("after")).await;
    pass(Duration::from_secs(1)).await;
    assert_eq!(bench.sink.handed().len(), 1);
    assert_eq!(dues(&memory, 1), fired(&["2026-01-10T12:01:00Z"]));
}
