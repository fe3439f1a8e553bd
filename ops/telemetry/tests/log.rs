//! The log as an operator reads it. One test: a process has one subscriber.

use busker_telemetry::{TelemetryConfig, TelemetryError, init};

#[test]
fn lines_are_in_the_file_at_once_and_the_level_changes_at_runtime() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.log");
    let config = TelemetryConfig {
        log_file: Some(path.clone()),
        log_level: "info".to_owned(),
        ..TelemetryConfig::default()
    };
    let guard = init(config.clone()).unwrap();
    let span = tracing::info_span!("request", channel = "crm");
    span.in_scope(|| tracing::info!(cid = "K1", service = "crm.get", "answered"));
    tracing::debug!("not yet");
    tracing::info!(target: "ractor", "chatter");
    let text = std::fs::read_to_string(&path).unwrap();
    let line = text.strip_suffix('\n').unwrap();
    let (at, rest) = line.split_at("2026-11-24 05:10:01,115".len());
    assert!(at.starts_with("20") && at.contains(','), "{line}");
    assert_eq!(
        rest,
        " - INFO - answered cid=K1 service=crm.get channel=\"crm\""
    );

    guard.level().set("debug").unwrap();
    tracing::debug!("now");
    assert!(guard.level().set("loud").is_err());
    tracing::debug!("still");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(" - DEBUG - now\n") && text.contains(" - DEBUG - still\n"));
    assert!(matches!(init(config), Err(TelemetryError::Twice)));
}
