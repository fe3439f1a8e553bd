//! zeep, a SOAP client that checks answers against the WSDL.

use std::process::Command;

use busker_integration_tests::{own_file, succeeded, venv};
use serde_json::{Value, json};

use crate::market;

/// Runs the client against a channel with Basic Auth.
async fn calls(port: &str) -> Value {
    let environment = market().await;
    environment
        .add_basic_auth("market", "trader", "s3cret")
        .await;
    let settings = json!({
        "url_path": "/market", "service": "market.quote", "transport": "soap", "security": "market",
        "soap_action": "urn:market:quote"
    });
    environment.add_channel("market", settings).await;
    let folder = tempfile::tempdir().unwrap();
    let wsdl = folder.path().join("market.wsdl");
    let address = environment.channel("/market");
    let text = include_str!("market.wsdl").replace("ADDRESS", &address);
    std::fs::write(&wsdl, text).unwrap();
    let script = own_file("tests/clients/zeep_client.py");
    let arguments = [port, "trader", "s3cret"].map(str::to_owned);
    let run = move || {
        let mut command = Command::new(venv("zeep", &["zeep"]).join("python3"));
        command.arg(script).arg(wsdl).args(arguments).output()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap().unwrap();
    serde_json::from_str(&succeeded(&output)).unwrap()
}

async fn check(port: &str, client: &str, server: &str, details: bool) {
    let found = calls(port).await;
    let item = json!({"symbol": "GOOG & Söhne", "total": 42, "is_open": true, "note": "none"});
    let answer = &found["answer"];
    assert_eq!(answer["item"], item, "{found}");
    assert_eq!(answer["zato_env"]["result"], "ZATO_OK", "{found}");
    assert!(answer["zato_env"]["cid"].as_str().unwrap().starts_with('K'));
    assert_eq!(found["note"], "<b>", "{found}");

    let (bad, crash) = (&found["bad"], &found["crash"]);
    assert_eq!(
        (&bad["code"], &bad["message"]),
        (&json!(client), &json!("there is no symbol NOPE"))
    );
    assert_eq!(crash["code"], server, "{found}");
    assert!(!crash.to_string().contains("a secret of ours"), "{found}");
    if details {
        assert_eq!(bad["detail"]["class"], "invalid", "{found}");
        assert!(
            crash["detail"]["cid"].as_str().unwrap().starts_with('K'),
            "{found}"
        );
    }
    assert!(!found["wrong"].is_null(), "{found}");
}

#[tokio::test]
async fn zeep_calls_a_soap_11_channel_and_understands_answers_and_faults() {
    check("soap11", "soap:Client", "soap:Server", true).await;
}

#[tokio::test]
async fn zeep_calls_a_soap_12_channel_and_understands_answers_and_faults() {
    check("soap12", "soap:Sender", "soap:Receiver", true).await;
}
