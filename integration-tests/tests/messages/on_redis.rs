//! The same over Redis, and what happens when Redis goes away.

use std::time::Duration;

use busker_bus::testing::RedisServer;
use busker_integration_tests::until;
use futures::StreamExt;
use serde_json::json;

use crate::bus::{Bus, RECORD, SOON};

async fn start(server: &RedisServer) -> Bus {
    Bus::start_with(&format!("[bus]\nurl = \"{}\"", server.url())).await
}

#[tokio::test]
async fn what_was_accepted_survives_a_killed_node() {
    const COUNT: usize = 300;
    let server = RedisServer::start().await.unwrap();
    let mut bus = start(&server).await;
    let info = bus.environment.ok("busker.node.get-info", json!({})).await;
    assert_eq!(info["bus"], "redis");
    let accepted: Vec<String> = futures::stream::iter(0..COUNT)
        .map(|number| bus.later(RECORD, json!({ "n": number }), json!({"delay_ms": 3_000})))
        .buffer_unordered(32)
        .collect()
        .await;
    bus.environment.kill();
    bus.start_again();
    let row = until("all are done", SOON, || async {
        let row = bus.ledger(RECORD, "durable").await;
        (row["pending"] == 0).then_some(row)
    })
    .await;
    assert_eq!(
        (&row["accepted"], &row["done"]),
        (&json!(COUNT), &json!(COUNT))
    );
    let effects = bus.effects();
    assert!(accepted.iter().all(|cid| effects.contains_key(cid)));
    let status = bus.status(&accepted[0]).await;
    assert_eq!(
        (&status["state"], &status["attempts"]),
        (&json!("done"), &json!(1))
    );
}

#[tokio::test]
async fn without_redis_a_caller_is_refused_and_an_empty_one_is_a_stated_loss() {
    let mut server = RedisServer::start().await.unwrap();
    let bus = start(&server).await;
    let lost = bus
        .later(RECORD, json!({}), json!({"delay_ms": 600_000}))
        .await;
    // So that the keeper has seen it: it looks at the ledger as this does.
    assert_eq!(bus.ledger(RECORD, "durable").await["pending"], 1);
    server.kill().unwrap();
    let refusal = bus
        .environment
        .call(
            "busker.service.invoke",
            json!({"name": RECORD, "async": true}),
        )
        .await
        .unwrap_err();
    assert_eq!(refusal.status, 503, "{refusal:?}");
    // Synchronous calls do not need it.
    bus.environment.ok(RECORD, json!({})).await;
    server.run().await.unwrap();
    let cid = until("an invocation is accepted again", SOON, || async {
        let input = json!({"name": RECORD, "async": true});
        let answer = bus.environment.call("busker.service.invoke", input).await;
        Some(answer.ok()?["cid"].as_str()?.to_owned())
    })
    .await;
    bus.until(&cid, "done").await;
    let ledger = until("the loss is stated", Duration::from_secs(30), || async {
        let ledger = bus
            .environment
            .ok("busker.message.get-ledger", json!({}))
            .await;
        let stated = ledger["losses"]
            .as_array()
            .is_some_and(|all| !all.is_empty());
        stated.then_some(ledger)
    })
    .await;
    assert_eq!(ledger["balances"], true, "{ledger}");
    assert_eq!(ledger["losses"][0]["pending_before"], 1, "{ledger}");
    let gone = json!({ "cid": lost });
    let unknown = bus
        .environment
        .call("busker.message.get-status", gone)
        .await;
    assert_eq!(unknown.unwrap_err().status, 404);
    until("the event", Duration::from_secs(30), || async {
        let events = bus.environment.ok("busker.event.list", json!({})).await;
        events.to_string().contains("bus-loss").then_some(())
    })
    .await;
}
