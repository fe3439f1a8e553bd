//! Python's own libraries work inside services as they do anywhere.

use std::time::Duration;

use busker_integration_tests::{Environment, until};
use serde_json::json;

use crate::child::Server;
use crate::formats::{open, post};

const SOURCE: &str = include_str!("libraries.py");

#[tokio::test]
async fn a_service_sends_mail_with_smtplib() {
    let mails = tempfile::tempdir().unwrap();
    let server = Server::start(&["smtp", mails.path().to_str().unwrap()]);
    let environment = Environment::start().await;
    environment.deploy("libraries.py", SOURCE).await;
    open(&environment, "libraries.mail", &["json"]).await;
    let body =
        json!({"port": server.port.to_string(), "subject": "Fällig", "text": "line 1\n.\nline 3"});
    let answer = post(&environment, "json", "libraries.mail", &body.to_string()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(
        answer.json()["response"]["refused"].to_string(),
        "0",
        "{answer:?}"
    );
    let mail = until("the mail", Duration::from_secs(20), || async {
        std::fs::read_to_string(mails.path().join("0.eml")).ok()
    })
    .await;
    assert!(mail.contains("To: desk@example.com"), "{mail}");
    let cid = format!("X-CID: {}", answer.header("x-zato-cid"));
    assert!(mail.contains(&cid), "{mail}");
    // A lone dot is doubled on the wire.
    assert!(mail.contains("line 1\r\n..\r\nline 3"), "{mail}");
}

#[tokio::test]
async fn a_service_calls_a_server_with_xmlrpc() {
    let server = Server::start(&["xmlrpc"]);
    let environment = Environment::start().await;
    environment.deploy("libraries.py", SOURCE).await;
    open(&environment, "libraries.rpc", &["json"]).await;
    let call = |a: serde_json::Value| {
        let body = json!({"port": server.port, "a": a, "b": 3}).to_string();
        let environment = &environment;
        async move { post(environment, "json", "libraries.rpc", &body).await }
    };
    let right = call(json!(4)).await;
    assert_eq!(
        (right.status, &right.json()["sum"]),
        (200, &json!(7)),
        "{right:?}"
    );
    let methods = right.json()["methods"].to_string();
    assert!(methods.contains("\"add\""), "{methods}");
    let wrong = call(json!("text")).await;
    assert!(
        wrong.json()["fault"].to_string().contains("TypeError"),
        "{wrong:?}"
    );
    // Several at once: a library that waits for its own socket holds up nobody else.
    let calls = (0..20).map(|number| call(json!(number)));
    for (number, answer) in futures::future::join_all(calls).await.iter().enumerate() {
        assert_eq!(answer.json()["sum"], json!(number + 3), "{answer:?}");
    }
}
