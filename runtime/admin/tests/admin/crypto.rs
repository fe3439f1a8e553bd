//! Another key takes over from the one that sealed.

use busker_model::ErrorClass;
use busker_odb::Vault;
use busker_odb::nodes::NodeRecord;
use serde_json::{Value, json};

use crate::bench::{Bench, refusal};

async fn report(bench: &Bench, node: &str, keys: &[String]) {
    let record = NodeRecord {
        name: node.to_owned(),
        incarnation: "1".to_owned(),
        address: String::new(),
        admin_address: String::new(),
        state: "running".to_owned(),
        revision: 1,
        seen_ms: 1,
        info: json!({ "vault_keys": keys }),
    };
    bench.odb.nodes().heartbeat(&record).await.unwrap();
}

async fn with_secrets(count: usize) -> Bench {
    let bench = Bench::new().await;
    for number in 0..count {
        let settings = json!({"username": format!("u{number}"), "password": "hunter2"});
        let input = json!({"name": format!("login{number}"), "settings": settings});
        let created = bench.call("busker.security.basic-auth.create", input);
        created.await.unwrap();
    }
    bench
}

async fn status(bench: &Bench) -> Value {
    bench.call("busker.crypto.status", json!({})).await.unwrap()
}

#[tokio::test]
async fn all_is_sealed_again_and_the_status_says_when_a_key_is_free() {
    let bench = with_secrets(3).await;
    report(&bench, "node1", &[]).await;
    let old = status(&bench).await["key"].as_str().unwrap().to_owned();
    let new = Vault::add_key(&bench.key_file()).unwrap();
    let before = status(&bench).await;
    assert_eq!(before["key"], json!(old));
    assert_eq!(before["nodes"][0]["keys"], json!([old, new]));
    let done = bench.call("busker.crypto.rotate", json!({"name": new}));
    let done = done.await.unwrap();
    assert_eq!(
        done,
        json!({"key": new, "objects": 3, "closed": [], "next": null})
    );
    let after = status(&bench).await;
    let key = |id: &str| {
        let keys = after["keys"].as_array().unwrap();
        keys.iter().find(|key| key["id"] == id).unwrap().clone()
    };
    assert_eq!(key(&old), json!({"id": old, "seals": false, "secrets": 0}));
    assert_eq!(key(&new), json!({"id": new, "seals": true, "secrets": 3}));
    let again = bench.call("busker.crypto.rotate", json!({"name": new}));
    assert_eq!(again.await.unwrap()["objects"], 0);
    let audit = bench.call("busker.audit.list", json!({})).await.unwrap();
    assert_eq!(audit["entries"][0]["object"], json!(new));
    let keys = std::fs::read_to_string(bench.key_file()).unwrap();
    for line in keys.lines() {
        let secret = line.split(' ').nth(1).unwrap();
        assert!(
            !format!("{after}{audit}").contains(secret),
            "a key is shown"
        );
    }
}

#[tokio::test]
async fn a_key_that_a_node_lacks_does_not_take_over() {
    let bench = with_secrets(1).await;
    let old = status(&bench).await["key"].clone();
    report(&bench, "node1", &[]).await;
    report(&bench, "node2", &[]).await;
    let (class, message) = refusal(
        bench
            .call("busker.crypto.rotate", json!({"name": "0f3c9a1e"}))
            .await,
    );
    assert_eq!(class, ErrorClass::NotFound, "{message}");
    let new = Vault::add_key(&bench.key_file()).unwrap();
    let refused = bench
        .call("busker.crypto.rotate", json!({"name": new}))
        .await;
    let (class, message) = refusal(refused);
    assert_eq!(class, ErrorClass::Conflict, "{message}");
    assert!(
        message.contains("node2") && !message.contains("node1,"),
        "{message}"
    );
    assert_eq!(status(&bench).await["key"], old);
    report(&bench, "node2", std::slice::from_ref(&new)).await;
    let done = bench
        .call("busker.crypto.rotate", json!({"name": new}))
        .await;
    assert_eq!(done.unwrap()["objects"], 1);
}
