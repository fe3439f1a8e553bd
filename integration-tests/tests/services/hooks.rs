//! Hooks: their order for every outcome, read off the log of the node.

use std::time::Duration;

use busker_integration_tests::{Answer, Environment, until};
use serde_json::json;

use crate::formats::{open, post};

const WELL: &[&str] = &[
    "accept",
    "before_handle",
    "validate_input",
    "handle",
    "validate_output",
    "after_handle",
    "finalize_handle",
];
const AS_JOB: &[&str] = &[
    "accept",
    "before_job",
    "before_handle",
    "validate_input",
    "handle",
    "validate_output",
    "after_handle",
    "after_job",
    "finalize_handle",
];

/// What comes of a failure in a method: those that were called.
struct Row {
    fail_in: &'static str,
    called: &'static [&'static str],
    /// Whether the caller is told; otherwise the failure is logged and the answer is right.
    told: bool,
}

fn row(fail_in: &'static str, called: &'static [&'static str], told: bool) -> Row {
    Row {
        fail_in,
        called,
        told,
    }
}

/// Calls the service and waits for its last line in the log; answers with the methods that were called.
async fn called(environment: &Environment, answer: &Answer, last: &str) -> Vec<String> {
    let cid = answer.header("x-zato-cid").to_owned();
    let of_cid = || {
        let log = environment.log();
        let lines = log.lines().filter(|line| line.contains(&cid));
        let names = lines.filter_map(|line| line.split_once("called <")?.1.split_once('>'));
        names.map(|(name, _)| name.to_owned()).collect::<Vec<_>>()
    };
    until(
        &format!("{last} in the log"),
        Duration::from_secs(20),
        || async { of_cid().iter().any(|name| name == last).then_some(()) },
    )
    .await;
    // What should not be called would be logged next.
    tokio::time::sleep(Duration::from_millis(300)).await;
    of_cid()
}

/// Entries of the log at ERROR about a cid, each with its further lines.
fn errors(environment: &Environment, cid: &str) -> Vec<String> {
    let mut entries: Vec<String> = Vec::new();
    for line in environment.log().lines() {
        match entries.last_mut() {
            Some(entry) if line.starts_with("  ") => {
                entry.push('\n');
                entry.push_str(line);
            }
            Some(_) | None => entries.push(line.to_owned()),
        }
    }
    entries.retain(|entry| entry.contains(" - ERROR - ") && entry.contains(cid));
    entries
}

async fn check(environment: &Environment, service: &str, row: &Row) {
    let title = format!("{service} fails in {:?}", row.fail_in);
    let body = json!({"fail_in": row.fail_in}).to_string();
    let answer = post(environment, "json", service, &body).await;
    let last = row.called.last().unwrap();
    assert_eq!(
        called(environment, &answer, last).await,
        row.called,
        "{title}"
    );
    let errors = errors(environment, answer.header("x-zato-cid"));
    if row.told {
        assert_eq!(answer.status, 500, "{title}: {answer:?}");
        assert!(
            answer.json()["detail"].to_string().contains("ValueError"),
            "{title}: {answer:?}"
        );
    } else {
        let right = json!({"last": last});
        assert_eq!(
            (answer.status, answer.json()),
            (200, right),
            "{title}: {answer:?}"
        );
    }
    let expected = usize::from(!row.fail_in.is_empty());
    assert_eq!(errors.len(), expected, "{title}: {errors:#?}");
    for error in errors {
        assert!(
            error.contains("ValueError: failed on purpose"),
            "{title}: {error}"
        );
        assert!(
            error.contains("File \"hooked.py\", line "),
            "{title}: {error}"
        );
    }
}

#[tokio::test]
async fn the_order_of_hooks_for_every_outcome() {
    let environment = Environment::start().await;
    environment
        .deploy("hooked.py", include_str!("hooked.py"))
        .await;
    open(&environment, "hooked", &["json"]).await;
    let table = [
        row("", WELL, false),
        row("accept", &WELL[..1], true),
        row("before_handle", WELL, false),
        row("validate_input", &WELL[..3], true),
        row("handle", &WELL[..4], true),
        row("validate_output", &WELL[..5], true),
        row("after_handle", WELL, false),
        row("finalize_handle", WELL, false),
    ];
    for row in &table {
        check(&environment, "hooked", row).await;
    }
}

#[tokio::test]
async fn the_order_of_hooks_when_the_scheduler_invokes() {
    let environment = Environment::start().await;
    environment
        .deploy("hooked.py", include_str!("hooked.py"))
        .await;
    open(&environment, "hooked.as-job", &["json"]).await;
    let table = [
        row("", AS_JOB, false),
        row("before_job", AS_JOB, false),
        row("handle", &AS_JOB[..5], true),
        row("validate_output", &AS_JOB[..6], true),
        row("after_job", AS_JOB, false),
        row("finalize_handle", AS_JOB, false),
    ];
    for row in &table {
        check(&environment, "hooked.as-job", row).await;
    }
}

#[tokio::test]
async fn a_request_that_is_not_accepted_gets_400_and_nothing_else_runs() {
    let environment = Environment::start().await;
    environment
        .deploy("hooked.py", include_str!("hooked.py"))
        .await;
    open(&environment, "hooked", &["json"]).await;
    let answer = post(&environment, "json", "hooked", r#"{"refuse": true}"#).await;
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (400, ""),
        "{answer:?}"
    );
    assert_eq!(called(&environment, &answer, "accept").await, ["accept"]);
    assert!(errors(&environment, answer.header("x-zato-cid")).is_empty());
}
