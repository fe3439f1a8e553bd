//! Asynchronous invocations: what a caller has a cid for runs, whatever happens to the node in between.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on fails; what it counted is of interest"
)]

mod bus;
mod on_redis;

use std::collections::HashSet;
use std::time::Duration;

use busker_integration_tests::{PeerAnswer, until};
use futures::StreamExt;
use serde_json::{Value, json};

use crate::bus::{Bus, RECORD, SOON};

#[tokio::test]
async fn api_command_line_and_python_hand_over_and_the_result_is_asked_by_cid() {
    let bus = Bus::start().await;
    let over_api = bus.later(RECORD, json!({"from": "api"}), json!({})).await;
    let status = bus.until(&over_api, "done").await;
    assert_eq!(status["result"]["got"], r#"{"from":"api"}"#, "{status}");
    assert_eq!(status["attempts"], 1);
    let printed = bus.environment.must(
        &["service", "invoke"],
        &[RECORD, "--payload", r#"{"from": "cli"}"#, "--async"],
    );
    let status = bus.until(printed.trim(), "done").await;
    // Byte for byte: the space is still there.
    assert_eq!(status["result"]["got"], r#"{"from": "cli"}"#, "{status}");
    let handed = bus.environment.ok("later.hand-over", json!({})).await;
    let from_python = handed["cid"].as_str().unwrap();
    assert_ne!(handed["cid"], handed["own"]);
    bus.until(from_python, "done").await;
    let effects = bus.effects();
    for cid in [over_api.as_str(), printed.trim(), from_python] {
        assert_eq!(effects.get(cid), Some(&1), "{effects:?}");
    }
    let row = bus.ledger(RECORD, "durable").await;
    assert_eq!((&row["accepted"], &row["done"]), (&json!(3), &json!(3)));
}

#[tokio::test]
async fn what_was_accepted_survives_a_killed_node() {
    // More than the service has permits, so that some run and some wait.
    const COUNT: usize = 1_200;
    let mut bus = Bus::start().await;
    // Slow at first, so that nearly all of them wait when the node dies.
    bus.sink
        .answer_with(|_| PeerAnswer::ok("text/plain", "").after(Duration::from_secs(5)));
    let accepted: HashSet<String> = futures::stream::iter(0..COUNT)
        .map(|number| bus.later(RECORD, json!({ "n": number }), json!({})))
        .buffer_unordered(32)
        .collect()
        .await;
    assert_eq!(accepted.len(), COUNT);
    let before = bus.ledger(RECORD, "durable").await;
    assert_eq!(before["accepted"], COUNT);
    bus.environment.kill();
    bus.sink.answer_with(|_| PeerAnswer::ok("text/plain", ""));
    bus.start_again();
    let after = until("all are done", SOON * 2, || async {
        let row = bus.ledger(RECORD, "durable").await;
        (row["pending"] == 0).then_some(row)
    })
    .await;
    assert_eq!(
        (&after["accepted"], &after["done"]),
        (&json!(COUNT), &json!(COUNT)),
        "{after}"
    );
    let effects = bus.effects();
    let missing: Vec<_> = accepted
        .iter()
        .filter(|cid| !effects.contains_key(*cid))
        .collect();
    assert!(missing.is_empty(), "{} without effect", missing.len());
    let calls: usize = effects.values().sum();
    println!(
        "{} pending when the node was killed; {COUNT} accepted, {calls} effects: {} twice",
        before["pending"],
        calls - COUNT
    );
}

#[tokio::test]
async fn a_dead_letter_is_edited_and_replayed() {
    let bus = Bus::start().await;
    let cid = bus.later("later.picky", json!({}), json!({})).await;
    let status = bus.until(&cid, "dead").await;
    assert_eq!(status["attempts"], 4, "{status}");
    let letter = bus
        .environment
        .ok("busker.message.get-dead", json!({ "cid": cid }))
        .await;
    let failure = letter["failure"].to_string();
    assert!(
        failure.contains("say please") && failure.contains("later.py"),
        "{letter}"
    );
    assert!(
        letter["version"].as_str().unwrap().contains("later.py"),
        "{letter}"
    );
    let page = bus
        .environment
        .ok(
            "busker.message.list-dead",
            json!({"service": "later.picky"}),
        )
        .await;
    assert_eq!(
        (&page["total"], &page["messages"][0]["cid"]),
        (&json!(1), &json!(cid))
    );
    let edit = json!({"cid": cid, "payload": {"please": true}});
    bus.environment.ok("busker.message.edit-dead", edit).await;
    bus.environment
        .ok("busker.message.replay", json!({ "cid": cid }))
        .await;
    bus.until(&cid, "done").await;
    assert_eq!(bus.effects().get(&cid), Some(&1));
    let gone = bus.later("later.picky", json!({}), json!({})).await;
    bus.until(&gone, "dead").await;
    bus.environment
        .ok("busker.message.discard", json!({ "cid": gone }))
        .await;
    assert_eq!(bus.status(&gone).await["state"], "discarded");
    let row = bus.ledger("later.picky", "durable").await;
    let counts = ["accepted", "done", "dead", "discarded"].map(|name| row[name].clone());
    assert_eq!(counts, [2, 1, 0, 1].map(Value::from), "{row}");
}

#[tokio::test]
async fn a_delayed_one_waits_and_a_late_one_is_not_started() {
    let bus = Bus::start().await;
    let delayed = bus
        .later(
            RECORD,
            json!({}),
            json!({"delay_ms": 2_000, "delivery": "fast"}),
        )
        .await;
    let late = bus
        .later(
            RECORD,
            json!({}),
            json!({"delay_ms": 500, "deadline_ms": 100}),
        )
        .await;
    let status = bus.status(&delayed).await;
    assert_eq!(
        (&status["state"], &status["delivery"]),
        (&json!("delayed"), &json!("fast"))
    );
    let due = status["at_ms"].as_i64().unwrap();
    assert_eq!(due - status["accepted_ms"].as_i64().unwrap(), 2_000);
    assert_eq!(bus.until(&late, "expired").await["attempts"], 0);
    let done = bus.until(&delayed, "done").await["at_ms"].as_i64().unwrap();
    assert!(done >= due, "{} ms early", due - done);
    let effects = bus.effects();
    assert_eq!(
        (effects.get(&delayed), effects.get(&late)),
        (Some(&1), None)
    );
    assert_eq!(bus.ledger(RECORD, "durable").await["expired"], 1);
    assert_eq!(bus.ledger(RECORD, "fast").await["done"], 1);
}

#[tokio::test]
async fn what_waits_over_a_clean_stop_runs_after_the_start() {
    let mut bus = Bus::start().await;
    let cid = bus
        .later(RECORD, json!({}), json!({"delay_ms": 1_500}))
        .await;
    bus.environment.must(&["stop"], &[]);
    bus.start_again();
    let status = bus.until(&cid, "done").await;
    assert_eq!(status["attempts"], 1);
    assert_eq!(bus.effects().get(&cid), Some(&1));
}

#[tokio::test]
async fn bad_input_names_its_field() {
    let bus = Bus::start().await;
    let environment = &bus.environment;
    for (input, field) in [
        (json!({"name": RECORD, "delay_ms": 1}), "delay_ms"),
        (json!({"name": RECORD, "async": true, "key": ""}), "key"),
        (
            json!({"name": RECORD, "async": true, "delivery": "slow"}),
            "delivery",
        ),
        (
            json!({"name": RECORD, "async": true, "delay_ms": -1}),
            "delay_ms",
        ),
    ] {
        let refusal = environment
            .call("busker.service.invoke", input.clone())
            .await
            .unwrap_err();
        assert_eq!(refusal.status, 400, "{input}: {refusal:?}");
        assert!(refusal.problem.to_string().contains(field), "{refusal:?}");
    }
    let unknown = json!({"name": "no.such", "async": true});
    let refusal = environment.call("busker.service.invoke", unknown).await;
    assert_eq!(refusal.unwrap_err().status, 404);
    let cid = json!({"cid": format!("K{:039}", 1)});
    for service in ["get-status", "get-dead", "replay", "discard"] {
        let service = format!("busker.message.{service}");
        let refusal = environment.call(&service, cid.clone()).await.unwrap_err();
        assert_eq!(refusal.status, 404, "{service}: {refusal:?}");
    }
}
