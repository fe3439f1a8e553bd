//! Services that invoke each other for ever are stopped, wherever they run.

use std::time::Duration;

use busker_integration_tests::{Answer, Environment, until};
use serde_json::json;

use crate::log::only_trouble;
use crate::{post, with_channels};

/// Most services in one chain of synchronous invocations.
const LEVELS: usize = 32;

async fn levels(environment: &Environment, answer: &Answer) -> usize {
    let cid = answer.header("x-zato-cid");
    let count = || {
        let log = environment.log();
        let lines = log.lines().filter(|line| line.contains(cid));
        lines
            .filter(|line| line.contains("a level of the chain"))
            .count()
    };
    until("the levels in the log", Duration::from_secs(20), || async {
        (count() >= LEVELS).then_some(())
    })
    .await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    count()
}

#[tokio::test]
async fn a_chain_ends_at_the_same_depth_in_one_process_and_across_processes() {
    let environment = with_channels(&["errors.near-a"]).await;
    for chain in [
        &["errors.near-b", "errors.near-a"][..],
        &["errors.far-a", "errors.near-a"],
        &[
            "errors.near-b",
            "errors.far-a",
            "errors.far-b",
            "errors.near-a",
        ],
    ] {
        let answer = post(&environment, "errors.near-a", json!({"chain": chain})).await;
        assert_eq!(answer.status, 500, "{chain:?}: {answer:?}");
        assert_eq!(levels(&environment, &answer).await, LEVELS, "{chain:?}");
        let trouble = only_trouble(&environment, answer.header("x-zato-cid")).await;
        assert!(trouble.contains("32"), "{chain:?}: {trouble}");
    }
    // Nobody was hurt.
    let calm = post(
        &environment,
        "errors.near-a",
        json!({"chain": ["errors.near-b", "echo"]}),
    )
    .await;
    assert_eq!(calm.status, 200, "{calm:?}");
}

#[tokio::test]
async fn a_service_cannot_invoke_itself() {
    let environment = with_channels(&["errors.selfish"]).await;
    let answer = post(&environment, "errors.selfish", json!({})).await;
    assert_eq!(answer.status, 500, "{answer:?}");
    let trouble = only_trouble(&environment, answer.header("x-zato-cid")).await;
    assert!(
        trouble.contains("A service cannot invoke itself"),
        "{trouble}"
    );
}
