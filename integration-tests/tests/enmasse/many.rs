//! Thousands of objects at once, in one revision.

use std::time::Duration;

use busker_integration_tests::{Environment, until};
use busker_kit::clock;
use serde_json::json;

use super::{file, must, revision};

const OBJECTS: usize = 5_000;
/// Time until the last of them serves.
const SERVE_WITHIN: Duration = Duration::from_secs(60);

/// The most memory the node ever had, in MiB.
fn peak(environment: &Environment) -> u64 {
    let pid = environment.pid().unwrap();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        / 1024
}

#[tokio::test]
async fn thousands_of_objects_are_imported_at_one_revision() {
    let environment = Environment::start().await;
    let mut text = String::from("version: 1\nchannel.http:\n");
    for number in 0..OBJECTS {
        text.push_str(&format!(
            "  - name: channel-{number}\n    settings:\n      url_path: /many/{number}\n      service: echo\n      timeout_ms: 5000\n"
        ));
    }
    let path = file(&environment, "many.yaml", &text);
    let before = revision(&environment).await;
    let idle = peak(&environment);
    let began = clock::now();
    let said = must(&environment, &["import", "--input", &path]);
    let took = began.elapsed();
    assert!(said.ends_with(&format!("{OBJECTS} created; revision {}\n", before + 1)));
    assert_eq!(revision(&environment).await, before + 1);
    let last = format!("/many/{}", OBJECTS - 1);
    until("the last channel to serve", SERVE_WITHIN, || async {
        (environment.post(&last, "{}").await.status == 200).then_some(())
    })
    .await;
    let served = began.elapsed();
    let after = peak(&environment);
    let began = clock::now();
    let said = must(&environment, &["import", "--input", &path]);
    let again = began.elapsed();
    assert!(
        said.starts_with(&format!("nothing to change, {OBJECTS} unchanged")),
        "{said}"
    );
    let changed = text.replace("timeout_ms: 5000", "timeout_ms: 6000");
    let path = file(&environment, "changed.yaml", &changed);
    let began = clock::now();
    must(&environment, &["import", "--input", &path]);
    let edited = began.elapsed();
    assert_eq!(revision(&environment).await, before + 2);
    let exported = must(&environment, &["export"]);
    assert!(exported.contains("name: channel-4999\n"));
    println!(
        "{OBJECTS} objects ({} KiB): imported in {took:.2?}, all serving after {served:.2?}; again without a change {again:.2?}; \
         all edited {edited:.2?}; memory of the node at most {idle} MiB before, {after} MiB after the import, {} MiB in the end",
        text.len() / 1024,
        peak(&environment),
    );
    let listed = environment
        .ok("busker.revision.list", json!({"limit": 1}))
        .await;
    assert_eq!(listed["revisions"][0]["edited"], OBJECTS);
}
