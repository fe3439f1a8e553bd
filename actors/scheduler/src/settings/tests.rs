use serde_json::json;

use super::*;

fn faults(kind: JobKind, settings: &Value) -> Vec<String> {
    let found = JobSettings::read(kind, settings).unwrap_err();
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn settings_are_written_out_in_full_and_read_back() {
    let given = json!({"service": "a.b", "cron": "30 2 * * *", "time_zone": "Europe/Warsaw"});
    let read = JobSettings::read(JobKind::Cron, &given).unwrap();
    let written = read.write().unwrap();
    assert_eq!(written["overlap"], "allow");
    assert_eq!(written["catch_up"], "collapse");
    assert_eq!(written["catch_up_window_s"], 604_800);
    assert_eq!(JobSettings::read(JobKind::Cron, &written), Ok(read));
}

fn refused(kind: JobKind, cases: &[(Value, &str)]) {
    for (more, expected) in cases {
        let mut settings = json!({"service": "a.b"});
        for (name, value) in more.as_object().unwrap() {
            settings[name] = value.clone();
        }
        let found = faults(kind, &settings);
        let named = found.iter().any(|fault| fault.contains(expected));
        assert!(named, "{settings}: {found:?}");
    }
}

#[test]
fn faults_of_cron_jobs_are_named_with_their_field() {
    let cron = |more: Value| {
        let mut settings = json!({"cron": "* * * * *"});
        settings
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        settings
    };
    let cases = [
        (json!({"cron": "* 25 * * *"}), "settings.cron: hour field"),
        (json!({}), "cron"),
        (
            cron(json!({"time_zone": "Warsaw"})),
            "settings.time_zone: \"Warsaw\"",
        ),
        (
            cron(json!({"start_date": "2026-01-02", "end_date": "2026-01-01"})),
            "settings.end_date",
        ),
        (cron(json!({"jitter_ms": 3_600_001})), "settings.jitter_ms"),
        (cron(json!({"max_runs": 0})), "settings.max_runs"),
        (
            cron(json!({"max_run_time_s": 0})),
            "settings.max_run_time_s",
        ),
    ];
    refused(JobKind::Cron, &cases);
}

#[test]
fn faults_of_other_jobs_are_named_with_their_field() {
    let interval = [
        (json!({"seconds": -5}), "settings.seconds: -5 is negative"),
        (json!({"seconds": "5"}), "settings.seconds: invalid type"),
        (json!({}), "settings.seconds: an interval needs"),
        (json!({"weeks": i64::MAX}), "settings.weeks"),
        (json!({"seconds": 1, "repeats": 0}), "settings.repeats"),
        (json!({"seconds": 1, "service": "a b/"}), "settings.service"),
        (
            json!({"seconds": 1, "cron": "@daily"}),
            "settings.cron: cron is not a setting of interval jobs",
        ),
        (
            json!({"seconds": 1, "overlap": "maybe"}),
            "settings.overlap",
        ),
    ];
    refused(JobKind::Interval, &interval);
    let one_time = [
        (
            json!({"start_date": "soon"}),
            "settings.start_date: is not a date",
        ),
        (
            json!({"start_date": "2026-01-01", "payload": {"a": 1}}),
            "settings.payload: must be text",
        ),
    ];
    refused(JobKind::OneTime, &one_time);
    assert!(faults(JobKind::Interval, &json!({"seconds": 1}))[0].contains("service"));
}

#[test]
fn several_faults_are_listed_at_once() {
    let settings = json!({"service": "", "cron": "* 25 * * *", "time_zone": "X"});
    assert_eq!(faults(JobKind::Cron, &settings).len(), 3);
}

#[test]
fn the_bounds_in_the_schema_are_the_bounds_that_hold() {
    let schema = JobSettings::schema(JobKind::Cron);
    assert_eq!(schema["properties"]["jitter_ms"]["maximum"], JITTER_MAX_MS);
    assert_eq!(
        schema["properties"]["catch_up_window_s"]["maximum"],
        CATCH_UP_WINDOW_MAX_S
    );
    assert_eq!(
        schema["properties"]["max_run_time_s"]["maximum"],
        MAX_RUN_TIME_MOST_S
    );
    assert_eq!(schema["required"], json!(["service", "cron"]));
}

#[test]
fn runs_are_watched_where_their_end_matters() {
    let read = |more: &str, value: Value| {
        let mut settings = json!({"service": "a.b", "seconds": 1});
        settings[more] = value;
        JobSettings::read(JobKind::Interval, &settings).unwrap().run
    };
    assert!(!read("payload", json!("x")).watched());
    assert!(read("overlap", json!("skip")).watched());
    assert!(read("on_error_service", json!("a.error")).watched());
    assert_eq!(read("max_run_time_s", json!(7)).max_run_ms(), 7_000);
}
