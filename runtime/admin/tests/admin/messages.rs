//! Asynchronous invocations over the API.

use busker_model::ErrorClass;
use busker_model::invocation::Role;
use serde_json::json;

use crate::bench::{Bench, DEAD, refusal};

#[tokio::test]
async fn an_asynchronous_invocation_answers_the_cid_it_got() {
    let mut bench = Bench::new().await;
    let input = json!({"name": "stockmarket.get-market-cap", "payload": {"symbol": "GOOG"}, "async": true,
        "delay_ms": 1500, "deadline_ms": 60_000, "delivery": "fast", "key": "GOOG"});
    let answer = bench.call("busker.service.invoke", input).await.unwrap();
    assert_eq!(answer, json!({"cid": format!("K{:039}", 9)}));
    assert_eq!(
        bench.asked().unwrap(),
        r#"later stockmarket.get-market-cap {"symbol":"GOOG"} 1500 GOOG true Some(Fast)"#
    );
    let now = json!({"name": "stockmarket.get-market-cap", "delay_ms": 1, "key": "a"});
    let (class, message) = refusal(bench.call("busker.service.invoke", now).await);
    assert_eq!(class, ErrorClass::Invalid);
    assert!(
        message.contains("delay_ms:") && message.contains("key:"),
        "{message}"
    );
}

#[tokio::test]
async fn a_status_shows_the_failure_without_its_traceback() {
    let bench = Bench::new().await;
    let input = json!({"cid": DEAD});
    let status = bench.as_role(Role::Viewer, "busker.message.get-status", input);
    let status = status.await.unwrap();
    assert_eq!(status["state"], "dead");
    assert_eq!(status["result"], json!([1]));
    assert_eq!(status["failure"]["message"], "it failed");
    assert_eq!(status["failure"]["detail"], json!(null));
    let unknown = json!({"cid": format!("K{:039}", 1)});
    let (class, message) = refusal(bench.call("busker.message.get-status", unknown).await);
    assert_eq!(class, ErrorClass::NotFound);
    assert!(message.starts_with("cid:"), "{message}");
    let wrong = bench
        .call("busker.message.get-status", json!({"cid": "7"}))
        .await;
    assert!(refusal(wrong).1.contains("cid: a cid is the letter K"));
}

#[tokio::test]
async fn a_ledger_says_whether_it_balances() {
    let bench = Bench::new().await;
    let ledger = bench
        .call("busker.message.get-ledger", json!({}))
        .await
        .unwrap();
    assert_eq!(ledger["balances"], false);
    assert_eq!(ledger["rows"][0]["accepted"], 3);
    assert_eq!(ledger["rows"][0]["balances"], false);
}

#[tokio::test]
async fn dead_letters_are_listed_read_edited_replayed_and_discarded() {
    let mut bench = Bench::new().await;
    let page = bench
        .call("busker.message.list-dead", json!({"offset": 2}))
        .await
        .unwrap();
    assert_eq!(bench.asked().unwrap(), "list None 2 50");
    assert_eq!(page["messages"][0]["version"], "Stock, generation 2");
    let letter = bench
        .call("busker.message.get-dead", json!({"cid": DEAD}))
        .await
        .unwrap();
    assert_eq!(letter["payload"], json!({"symbol": "GOOG"}));
    assert_eq!(letter["failure"]["detail"], "Traceback");
    let edit = json!({"cid": DEAD, "payload": {"symbol": "AAPL"}});
    bench.call("busker.message.edit-dead", edit).await.unwrap();
    assert_eq!(
        bench.asked().unwrap(),
        format!("edit {{\"symbol\":\"AAPL\"}} {DEAD}")
    );
    for verb in ["replay", "discard"] {
        let service = format!("busker.message.{verb}");
        bench.call(&service, json!({"cid": DEAD})).await.unwrap();
        assert_eq!(bench.asked().unwrap(), format!("{verb} {DEAD}"));
        let none = json!({"cid": format!("K{:039}", 1)});
        let (class, _) = refusal(bench.call(&service, none).await);
        assert_eq!(class, ErrorClass::NotFound);
        bench.asked().unwrap();
    }
}
