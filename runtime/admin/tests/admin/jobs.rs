//! Jobs at work, over their admin services.

use busker_model::ErrorClass;
use busker_model::invocation::Role;
use serde_json::{Value, json};

use crate::bench::{Bench, refusal};

async fn nightly(bench: &Bench) -> Value {
    let settings = json!({"service": "a.b", "cron": "30 2 * * *", "time_zone": "Europe/Warsaw"});
    let input = json!({"name": "nightly", "settings": settings});
    bench.call("busker.job.cron.create", input).await.unwrap()
}

/// What is wrong with settings, as the API says it.
async fn faults(bench: &Bench, kind: &str, settings: Value) -> String {
    let input = json!({"name": "wrong", "settings": settings});
    let refused = bench
        .call(&format!("busker.job.{kind}.create"), input)
        .await;
    let fault = refused.unwrap_err();
    assert_eq!(fault.class, ErrorClass::Invalid);
    format!("{fault:?}")
}

#[tokio::test]
async fn a_name_stands_for_one_job_whatever_its_kind() {
    let bench = Bench::new().await;
    nightly(&bench).await;
    let other = json!({"name": "nightly", "settings": {"service": "a.b", "seconds": 5}});
    let refused = refusal(bench.call("busker.job.interval.create", other).await);
    assert_eq!(refused.0, ErrorClass::Conflict, "{}", refused.1);
    let named = json!({"name": "nightly"});
    let missing = refusal(bench.call("busker.job.interval.get", named).await);
    assert_eq!(missing.0, ErrorClass::NotFound, "{}", missing.1);
}

#[tokio::test]
async fn what_is_wrong_with_a_schedule_is_said_with_its_field() {
    let bench = Bench::new().await;
    let cron = faults(
        &bench,
        "cron",
        json!({"service": "a.b", "cron": "61 * * * *"}),
    )
    .await;
    assert!(
        cron.contains("settings.cron") && cron.contains("minute field"),
        "{cron}"
    );
    let interval = faults(&bench, "interval", json!({"service": "a.b", "seconds": -1})).await;
    assert!(
        interval.contains("settings.seconds") && interval.contains("negative"),
        "{interval}"
    );
    let zone = json!({"service": "a.b", "cron": "* * * * *", "time_zone": "Mars/Base"});
    let zone = faults(&bench, "cron", zone).await;
    assert!(
        zone.contains("settings.time_zone") && zone.contains("IANA"),
        "{zone}"
    );
}

#[tokio::test]
async fn pausing_and_resuming_are_edits_that_everybody_sees() {
    let bench = Bench::new().await;
    let created = nightly(&bench).await;
    let named = json!({"name": "nightly"});
    let paused = bench.call("busker.job.pause", named.clone()).await.unwrap();
    assert_eq!(
        (&paused["active"], &paused["settings"]),
        (&json!(false), &created["settings"])
    );
    assert!(paused["revision"].as_i64() > created["revision"].as_i64());
    let resumed = bench
        .as_role(Role::Operator, "busker.job.resume", named.clone())
        .await
        .unwrap();
    assert_eq!(resumed["active"], true);
    let viewer = refusal(bench.as_role(Role::Viewer, "busker.job.pause", named).await);
    assert_eq!(viewer.0, ErrorClass::Forbidden);
    let missing = refusal(
        bench
            .call("busker.job.pause", json!({"name": "other"}))
            .await,
    );
    assert_eq!(missing.0, ErrorClass::NotFound, "{}", missing.1);
}

#[tokio::test]
async fn the_next_fires_show_what_summer_time_does_to_them() {
    let bench = Bench::new().await;
    nightly(&bench).await;
    // 2026-03-28T12:00:00Z
    let input = json!({"name": "nightly", "count": 2, "after_ms": 1_774_699_200_000_i64});
    let next = bench.call("busker.job.next-fires", input).await.unwrap();
    assert_eq!(next["time_zone"], "Europe/Warsaw");
    let fires = next["fires"].as_array().unwrap();
    assert_eq!(fires.len(), 2);
    assert_eq!(
        (&fires[0]["due"], &fires[0]["mark"]),
        (&json!("2026-03-29T03:00:00+02:00"), &json!("gap"))
    );
    assert!(
        fires[0]["note"]
            .as_str()
            .unwrap()
            .contains("does not exist")
    );
    assert_eq!(
        (&fires[1]["due"], &fires[1]["mark"]),
        (&json!("2026-03-30T02:30:00+02:00"), &Value::Null)
    );
}

#[tokio::test]
async fn a_draft_is_previewed_and_its_faults_are_named() {
    let bench = Bench::new().await;
    let draft =
        json!({"schedule": {"kind": "interval", "minutes": 1, "service": "a.b"}, "count": 20});
    let next = bench.call("busker.job.next-fires", draft).await.unwrap();
    assert_eq!(next["fires"].as_array().unwrap().len(), 20);
    let wrong = [
        (
            json!({"schedule": {"kind": "cron", "cron": "* * *"}}),
            "schedule.cron",
        ),
        (json!({"schedule": {"kind": "weekly"}}), "schedule.kind"),
        (
            json!({"schedule": {"kind": "cron", "cron": "* * * * *", "colour": "red"}}),
            "colour",
        ),
        (json!({}), "schedule"),
        (
            json!({"name": "a", "schedule": {"kind": "cron"}}),
            "schedule",
        ),
    ];
    for (input, expected) in wrong {
        let fault = bench
            .call("busker.job.next-fires", input.clone())
            .await
            .unwrap_err();
        assert_eq!(fault.class, ErrorClass::Invalid, "{input}");
        assert!(
            format!("{fault:?}").contains(expected),
            "{input}: {fault:?}"
        );
    }
}

#[tokio::test]
async fn a_run_is_asked_of_the_node_and_its_history_starts_empty() {
    let mut bench = Bench::new().await;
    let created = nightly(&bench).await;
    let named = json!({"name": "nightly"});
    let ran = bench
        .call("busker.job.execute", named.clone())
        .await
        .unwrap();
    assert_eq!(
        (&ran["verdict"], &ran["due_ms"]),
        (&json!("fired"), &json!(1))
    );
    let asked = format!("execute {}", created["number"]);
    assert_eq!(bench.asked(), Some(asked));
    let history = bench.call("busker.job.history", named).await.unwrap();
    assert_eq!(
        (&history["fires"], &history["active"]),
        (&json!([]), &json!(true))
    );
}
