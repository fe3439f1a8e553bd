//! Tokens of WS-Security, as zeep sends them.

use busker_integration_tests::Environment;
use serde_json::json;

use crate::{define, zeep};

async fn check(port: &str, mode: &str) {
    let environment = Environment::start().await;
    environment
        .deploy("market.py", include_str!("../clients/market.py"))
        .await;
    define(&environment, "wss", "bank", zeep::settings(mode)).await;
    environment.add_channel("market", zeep::channel()).await;
    let address = environment.channel("/market");
    let found = zeep::calls(&address, port, mode).await;
    assert_eq!(found["right"]["total"], 42, "{found}");
    assert_eq!(found["again"]["total"], 42, "{found}");
    for refused in ["wrong", "none"] {
        let fault = found[refused]["fault"].as_str().unwrap();
        assert!(fault.contains("redentials"), "{found}");
    }
    let none = environment.post("/market", "<Envelope/>").await;
    assert!(none.status >= 400, "{none:?}");
    let sent = found["right"]["sent"].as_str().unwrap().to_owned();
    assert!(!environment.log().contains("s3cret"));
    if mode == "digest" {
        assert!(!sent.contains("s3cret"), "{sent}");
        let request = environment.http.post(&address);
        let request = request.header("SOAPAction", "urn:market:quote").body(sent);
        let replayed = environment.send(request).await;
        assert_eq!(
            (replayed.status, replayed.header("www-authenticate")),
            (401, "zato-wss")
        );
        assert!(replayed.body.contains("used before"), "{replayed:?}");
    }
}

#[tokio::test]
async fn zeep_is_let_in_with_a_password_in_clear_text() {
    check("soap11", "text").await;
}

#[tokio::test]
async fn zeep_is_let_in_with_a_password_digest() {
    check("soap12", "digest").await;
}

#[tokio::test]
async fn a_definition_that_cannot_be_used_is_refused_where_it_is_named() {
    let environment = Environment::start().await;
    define(&environment, "wss", "bank", zeep::settings("digest")).await;
    define(
        &environment,
        "tech-account",
        "CRM",
        json!({"password": "s3cret"}),
    )
    .await;
    for (kind, settings) in [
        (
            "channel.http",
            json!({"url_path": "/a", "service": "echo", "security": "bank"}),
        ),
        (
            "outgoing.http",
            json!({"address": "http://127.0.0.1:9", "security": "bank"}),
        ),
        (
            "outgoing.http",
            json!({"address": "http://127.0.0.1:9", "security": "CRM"}),
        ),
        (
            "outgoing.http",
            json!({"address": "http://127.0.0.1:9", "transport": "soap", "security": "CRM"}),
        ),
    ] {
        let input = json!({"name": "a", "settings": settings});
        let refused = environment
            .call(&format!("busker.{kind}.create"), input)
            .await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.status, 400, "{refused:?}");
        let detail = refused.problem["detail"].as_str().unwrap();
        assert!(
            detail.starts_with("settings.security: names a definition"),
            "{detail}"
        );
    }
}
