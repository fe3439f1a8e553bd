//! Jobs on one node: each kind runs a Python service with its payload as it is, and every fire says what became of it.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails"
)]

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::time::Duration;

use busker_integration_tests::{Environment, until};
use serde_json::{Value, json};

const SOURCE: &str = include_str!("scheduler/jobs.py");
const NOTE: &str = "jobs.note";
/// Longest wait for a run that is due within seconds.
const SOON: Duration = Duration::from_secs(30);
/// A payload that a parser would change.
const PAYLOAD: &str = r#"{"symbol": "GOOG",  "n": 1.50, "ü": "\u00fc"}"#;

struct Jobs {
    environment: Environment,
    notes: PathBuf,
}

impl Jobs {
    async fn start() -> Self {
        let environment = Environment::start().await;
        let notes = environment.dir.join("notes.jsonl");
        let source = SOURCE.replace("@PATH@", notes.to_str().unwrap());
        environment.deploy("jobs.py", &source).await;
        Self { environment, notes }
    }

    async fn create(&self, kind: &str, name: &str, settings: Value) {
        let input = json!({"name": name, "settings": settings});
        let service = format!("busker.job.{kind}.create");
        self.environment.ok(&service, input).await;
    }

    /// Runs so far whose payload is this.
    fn notes(&self, payload: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.notes).unwrap_or_default();
        let all = text.lines().map(|line| serde_json::from_str(line).unwrap());
        all.filter(|note: &Value| note["raw"] == payload).collect()
    }

    async fn ran(&self, payload: &str, times: usize) -> Vec<Value> {
        until(&format!("{times} runs of {payload}"), SOON, || async {
            Some(self.notes(payload)).filter(|notes| notes.len() >= times)
        })
        .await
    }

    async fn history(&self, name: &str) -> Vec<Value> {
        let input = json!({"name": name, "limit": 1000});
        let answer = self.environment.ok("busker.job.history", input).await;
        answer["fires"].as_array().unwrap().clone()
    }

    /// The history once it has a row like this.
    async fn row(&self, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        until(&format!("a row of {name}"), SOON, || async {
            self.history(name).await.into_iter().find(|row| wanted(row))
        })
        .await
    }
}

/// A date so many milliseconds from now.
fn in_ms(ms: u64) -> String {
    let at = std::time::SystemTime::now() + Duration::from_millis(ms);
    let since = at.duration_since(std::time::UNIX_EPOCH).unwrap();
    let days = i64::try_from(since.as_secs() / 86_400).unwrap();
    let (year, month, day) = date(days);
    let second = since.as_secs() % 86_400;
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z",
        since.subsec_millis()
    )
}

/// Year, month and day of a day since 1970 (Howard Hinnant's `civil_from_days`).
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let part = (5 * day_of_year + 2) / 153;
    let month = if part < 10 { part + 3 } else { part - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * part + 2) / 5 + 1)
}

/// No fire has two cids, and no cid two fires.
fn each_fire_once(rows: &[Value]) {
    let mut seen: HashMap<(i64, String), Value> = HashMap::new();
    let mut cids = HashSet::new();
    for row in rows {
        let key = (row["due_ms"].as_i64().unwrap(), row["origin"].to_string());
        assert!(seen.insert(key, row["cid"].clone()).is_none(), "{row}");
        if let Some(cid) = row["cid"].as_str() {
            assert!(cids.insert(cid.to_owned()), "{row}");
        }
    }
}

#[tokio::test]
async fn each_kind_runs_its_service_with_the_payload_as_it_is() {
    let jobs = Jobs::start().await;
    let run = |payload: &str| json!({"service": NOTE, "payload": payload});
    let with = |mut settings: Value, more: Value| {
        settings
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        settings
    };
    jobs.create(
        "one-time",
        "once",
        with(run(PAYLOAD), json!({"start_date": in_ms(1_500)})),
    )
    .await;
    jobs.create(
        "interval",
        "often",
        with(
            run("plain text"),
            json!({"seconds": 1, "repeats": 2, "max_run_time_s": 60}),
        ),
    )
    .await;
    jobs.create(
        "cron",
        "cron",
        with(run("<xml/>"), json!({"cron": "* * * * * *"})),
    )
    .await;
    // One that sets a longest run is followed to its end, which is another way to its service.
    for (payload, times, name, kind) in [
        (PAYLOAD, 1, "once", "one_time"),
        ("plain text", 2, "often", "interval_based"),
        ("<xml/>", 2, "cron", "cron_style"),
    ] {
        let notes = jobs.ran(payload, times).await;
        let told = (&notes[0]["job_type"], &notes[0]["hook"]);
        assert_eq!(told, (&json!(kind), &json!(kind)), "{notes:?}");
        let row = jobs
            .row(name, |row| {
                row["cid"] == notes[0]["cid"] && row["verdict"] != "recorded"
            })
            .await;
        assert!(
            ["fired", "late"].contains(&row["verdict"].as_str().unwrap()),
            "{row}"
        );
        assert!(row["late_ms"].as_i64().unwrap() >= 0, "{row}");
        assert_eq!(
            (&row["origin"], &row["epoch"]),
            (&json!("schedule"), &json!(1))
        );
        assert_eq!(notes[0]["channel"], "scheduler");
    }
    let once = jobs.history("once").await;
    assert_eq!(once.len(), 1, "{once:?}");
    each_fire_once(&jobs.history("cron").await);
    let next = jobs
        .environment
        .ok("busker.job.next-fires", json!({"name": "often"}))
        .await;
    assert_eq!(next["fires"], json!([]), "its repeats are over");
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(jobs.notes("plain text").len(), 2);
}

#[tokio::test]
async fn a_paused_job_waits_and_says_so_and_runs_when_somebody_asks() {
    let jobs = Jobs::start().await;
    jobs.create(
        "cron",
        "tick",
        json!({"service": NOTE, "payload": "tick", "cron": "* * * * * *"}),
    )
    .await;
    jobs.ran("tick", 1).await;
    let named = json!({"name": "tick"});
    let paused = jobs.environment.ok("busker.job.pause", named.clone()).await;
    assert_eq!(paused["active"], false);
    until("the job to be paused", SOON, || async {
        let actor = jobs.environment.actor("node1/scheduler/cron:tick").await?;
        (actor["note"] == "paused").then_some(())
    })
    .await;
    let before = jobs.history("tick").await.len();
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(
        jobs.history("tick").await.len(),
        before,
        "nothing fires while it is paused"
    );
    let executed = jobs
        .environment
        .ok("busker.job.execute", named.clone())
        .await;
    assert_eq!(executed["verdict"], "fired", "{executed}");
    let row = jobs.row("tick", |row| row["cid"] == executed["cid"]).await;
    assert_eq!(row["origin"], "manual", "{row}");
    until("the run that was asked for", SOON, || async {
        let notes = jobs.notes("tick");
        notes
            .iter()
            .any(|note| note["cid"] == executed["cid"])
            .then_some(())
    })
    .await;
    jobs.environment.ok("busker.job.resume", named).await;
    let row = jobs
        .row("tick", |row| row["reason"] == "the job was paused")
        .await;
    assert_eq!(row["verdict"], "skipped");
    assert!(row["fires"].as_i64().unwrap() >= 2, "{row}");
    let resumed = row["until_ms"].as_i64().unwrap();
    jobs.row("tick", |row| {
        row["verdict"] == "fired" && row["due_ms"].as_i64().unwrap() > resumed
    })
    .await;
    each_fire_once(&jobs.history("tick").await);
}

#[tokio::test]
async fn what_a_killed_node_missed_is_one_run_and_no_fire_has_two_cids() {
    let jobs = Jobs::start().await;
    jobs.create(
        "cron",
        "tick",
        json!({"service": NOTE, "payload": "tick", "cron": "* * * * * *"}),
    )
    .await;
    jobs.create(
        "one-time",
        "meanwhile",
        json!({"service": NOTE, "payload": "once", "start_date": in_ms(5_000)}),
    )
    .await;
    jobs.ran("tick", 2).await;
    jobs.environment.kill();
    // Longer than a fire may be late before it was missed.
    tokio::time::sleep(Duration::from_secs(12)).await;
    jobs.environment.must(&["start"], &[]);
    let collapsed = jobs.row("tick", |row| row["verdict"] == "collapsed").await;
    assert!(collapsed["fires"].as_i64().unwrap() >= 3, "{collapsed}");
    assert!(
        collapsed["reason"]
            .as_str()
            .unwrap()
            .contains("stands for it"),
        "{collapsed}"
    );
    let after = collapsed["until_ms"].as_i64().unwrap();
    jobs.row("tick", |row| {
        row["verdict"] == "fired" && row["due_ms"].as_i64().unwrap() > after && row["epoch"] == 2
    })
    .await;
    jobs.ran("once", 1).await;
    let late = jobs.row("meanwhile", |row| row["verdict"] == "late").await;
    assert!(late["late_ms"].as_i64().unwrap() > 1_000, "{late}");
    let rows = jobs.history("tick").await;
    each_fire_once(&rows);
    // Every run there was is in the history, under the cid the service saw.
    let known: HashSet<&str> = rows.iter().filter_map(|row| row["cid"].as_str()).collect();
    for note in jobs.notes("tick") {
        assert!(known.contains(note["cid"].as_str().unwrap()), "{note}");
    }
    assert_eq!(jobs.history("meanwhile").await.len(), 1);
}

#[tokio::test]
async fn a_run_that_is_followed_says_how_it_ended_and_its_error_service_is_told() {
    let jobs = Jobs::start().await;
    let settings = json!({
        "service": "jobs.slow", "payload": "fail", "cron": "* * * * * *", "overlap": "skip",
        "on_error_service": NOTE,
    });
    jobs.create("cron", "slow", settings).await;
    let failed = jobs.row("slow", |row| row["outcome"].is_string()).await;
    assert!(
        failed["outcome"].as_str().unwrap().starts_with("internal"),
        "{failed}"
    );
    let skipped = jobs.row("slow", |row| row["verdict"] == "skipped").await;
    assert!(
        skipped["reason"].as_str().unwrap().contains("still runs"),
        "{skipped}"
    );
    let text = until("the error service", SOON, || async {
        let text = std::fs::read_to_string(&jobs.notes).ok()?;
        (text.contains("slow") && text.ends_with('\n')).then_some(text)
    })
    .await;
    let note: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let told: Value = serde_json::from_str(note["raw"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&told["job"], &told["service"]),
        (&json!("slow"), &json!("jobs.slow"))
    );
    let known = jobs.history("slow").await;
    assert!(known.iter().any(|row| row["cid"] == told["cid"]), "{told}");
}

#[tokio::test]
async fn a_job_on_a_service_that_is_not_there_waits_and_says_why_it_skipped() {
    let jobs = Jobs::start().await;
    jobs.create(
        "cron",
        "early",
        json!({"service": "late.service", "cron": "* * * * * *"}),
    )
    .await;
    until("the job to wait", SOON, || async {
        let actor = jobs.environment.actor("node1/scheduler/cron:early").await?;
        (actor["note"] == "waiting-for-service").then_some(())
    })
    .await;
    let wait = Duration::from_secs(60);
    let skipped = until("a fire that was skipped", wait, || async {
        let rows = jobs.history("early").await;
        rows.into_iter().find(|row| row["verdict"] == "skipped")
    })
    .await;
    assert!(
        skipped["reason"].as_str().unwrap().contains("late.service"),
        "{skipped}"
    );
}

#[tokio::test]
async fn the_command_line_has_a_word_for_each() {
    let jobs = Jobs::start().await;
    let job = |words: &[&str], rest: &[&str]| {
        let mut all = words.to_vec();
        all.extend(rest);
        jobs.environment.must(&["job"], &all)
    };
    let set = [
        "--set",
        "service=jobs.note",
        "--set",
        "payload={\"a\": 1}",
        "--set",
        "cron=0 3 1 1 *",
    ];
    job(&["create", "--kind", "cron", "--name", "yearly"], &set);
    let list = job(&["list"], &[]);
    assert!(
        list.contains("yearly") && list.contains("0 3 1 1 *"),
        "{list}"
    );
    until("the job to be up", SOON, || async {
        let ran = jobs
            .environment
            .run(&["job"], &["execute", "--name", "yearly"]);
        (ran.code == 0).then_some(())
    })
    .await;
    jobs.ran("{\"a\": 1}", 1).await;
    // The verdict is written after the hand-over, with the next batch.
    let history = until("the verdict", SOON, || async {
        let history = job(&["history", "--name", "yearly"], &[]);
        history.contains("fired").then_some(history)
    })
    .await;
    assert!(history.contains("VERDICT"), "{history}");
    let next = job(&["next-fires", "--name", "yearly", "--count", "2"], &[]);
    assert_eq!(next.lines().count(), 3, "{next}");
    job(&["pause", "--name", "yearly"], &[]);
    let shown = job(&["get", "--name", "yearly"], &[]);
    assert!(shown.contains("\"active\": false"), "{shown}");
    job(&["delete", "--name", "yearly"], &[]);
    assert!(!job(&["list"], &[]).contains("yearly"));
}
