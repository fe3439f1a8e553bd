//! Errors that cross between Rust and Python, in a node that has Rust services which invoke others.

use busker_integration_tests::Environment;
use serde_json::json;

use crate::log::{no_trouble, only_trouble};
use crate::{add_channels, line_of, post};

async fn node() -> Environment {
    let mut environment = Environment::create();
    environment
        .start_by(env!("CARGO_BIN_EXE_crossing_node"))
        .await;
    let services = [
        "crossing.catches",
        "crossing.passes",
        "crossing.fails",
        "errors.catches-far",
    ];
    add_channels(&environment, &services).await;
    environment
}

#[tokio::test]
async fn an_error_of_a_python_service_reaches_a_rust_service_with_its_frames() {
    let environment = node().await;
    let answer = post(
        &environment,
        "crossing.catches",
        json!({"service": "errors.chained"}),
    )
    .await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let seen = answer.json();
    assert_eq!(
        (&seen["failed"], &seen["class"]),
        (&json!(true), &json!("internal")),
        "{seen}"
    );
    let exception = &seen["exception"];
    assert_eq!(exception["type"], "LookupError", "{seen}");
    assert_eq!(exception["message"], "no share for you");
    assert_eq!(exception["service"], "errors.chained");
    let raised = json!([{
        "file": "errors.py", "line": line_of("raise LookupError"), "function": "Chained.handle",
        "source": "raise LookupError(\"no share for you\") from error"
    }]);
    assert_eq!(exception["frames"], raised, "{seen}");
    let cause = &exception["cause"];
    assert_eq!(cause["type"], "ZeroDivisionError", "{seen}");
    assert_eq!(cause["frames"][1]["function"], "divide", "{seen}");
    no_trouble(&environment, answer.header("x-zato-cid")).await;

    let body = json!({"service": "errors.raises", "payload": {"what": "Conflict"}});
    let seen = post(&environment, "crossing.catches", body).await.json();
    assert_eq!(
        (&seen["class"], &seen["message"]),
        (&json!("conflict"), &json!("odd")),
        "{seen}"
    );
}

#[tokio::test]
async fn one_that_a_rust_service_passes_on_keeps_its_traceback_and_is_logged_once() {
    let environment = node().await;
    let answer = post(
        &environment,
        "crossing.passes",
        json!({"service": "errors.divides"}),
    )
    .await;
    assert_eq!(answer.status, 500, "{answer:?}");
    assert!(
        !answer.body.contains("Traceback") && !answer.body.contains("errors.py"),
        "{answer:?}"
    );
    let trouble = only_trouble(&environment, answer.header("x-zato-cid")).await;
    let line = line_of("return share[\"of\"] / b");
    assert!(
        trouble.contains(&format!("File \"errors.py\", line {line}, in divide")),
        "{trouble}"
    );
    assert!(
        trouble.contains("ZeroDivisionError: division by zero"),
        "{trouble}"
    );

    // Python, through Rust, from Python.
    let body = json!({"service": "crossing.passes", "payload": {"service": "errors.divides"}});
    let seen = post(&environment, "errors.catches-far", body).await.json();
    assert_eq!(seen["remote_type"], "ZeroDivisionError", "{seen}");
    assert_eq!(
        (&seen["file"], &seen["line"]),
        (&json!("errors.py"), &json!(line)),
        "{seen}"
    );
}

#[tokio::test]
async fn an_unforeseen_error_of_a_rust_service_tells_the_operator_more_than_the_caller() {
    let environment = node().await;
    let answer = post(&environment, "crossing.fails", json!({})).await;
    assert_eq!(answer.status, 500, "{answer:?}");
    assert_eq!(answer.json()["detail"], "the books do not balance");
    assert!(!answer.body.contains("account 7"), "{answer:?}");
    let trouble = only_trouble(&environment, answer.header("x-zato-cid")).await;
    for part in [
        "account 7 is off by 3",
        "Traceback",
        "crossing_node.rs",
        "crossing_node::Fails",
    ] {
        assert!(trouble.contains(part), "{part} in {trouble}");
    }
    let seen = post(
        &environment,
        "errors.catches-far",
        json!({"service": "crossing.fails"}),
    )
    .await;
    let seen = seen.json();
    assert_eq!(seen["type"], "busker.errors.ServiceError", "{seen}");
    assert_eq!(seen["message"], "the books do not balance", "{seen}");
    let text = seen["text"].as_str().unwrap();
    assert!(text.contains("crossing_node.rs\", line "), "{text}");
    assert!(!text.contains("account 7"), "{text}");
}
