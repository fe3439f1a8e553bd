//! Rate limits of channels and of credentials.

use busker_integration_tests::{Answer, Environment};
use serde_json::json;

use crate::define;

async fn get(environment: &Environment, path: &str, key: Option<&str>) -> Answer {
    let request = environment.http.post(environment.channel(path)).body("{}");
    let request = match key {
        Some(key) => request.header("X-API-Key", key),
        None => request,
    };
    environment.send(request).await
}

#[tokio::test]
async fn one_more_than_the_limit_is_told_when_to_come_again() {
    let environment = Environment::start().await;
    let limit = json!({"requests": 3, "per": "minute"});
    let settings = json!({"url_path": "/a", "service": "echo", "rate_limit": limit});
    environment.add_channel("a", settings).await;
    for _ in 0..3 {
        assert_eq!(get(&environment, "/a", None).await.status, 200);
    }
    let limited = get(&environment, "/a", None).await;
    assert_eq!(limited.status, 429, "{limited:?}");
    let wait: u32 = limited.header("retry-after").parse().unwrap();
    assert!((15..=20).contains(&wait), "{limited:?}");
    assert_eq!(limited.json()["code"], "rate-limited");
    // An edit of something else is no new allowance; one of the limit is.
    let edit = |settings| json!({"name": "a", "settings": settings});
    let service = "busker.channel.http.edit";
    environment
        .ok(service, edit(json!({"timeout_ms": 5_000})))
        .await;
    assert_eq!(get(&environment, "/a", None).await.status, 429);
    environment
        .ok(service, edit(json!({"rate_limit": null})))
        .await;
    assert_eq!(get(&environment, "/a", None).await.status, 200);
}

#[tokio::test]
async fn a_limit_of_credentials_counts_over_all_channels_and_only_who_is_let_in() {
    let environment = Environment::start().await;
    let limit = json!({"requests": 2, "per": "hour"});
    define(
        &environment,
        "api-key",
        "partner",
        json!({"key": "k3y", "rate_limit": limit}),
    )
    .await;
    define(&environment, "api-key", "other", json!({"key": "k3y2"})).await;
    for (path, security) in [("/a", "partner"), ("/b", "partner"), ("/c", "other")] {
        let settings = json!({"url_path": path, "service": "echo", "security": security});
        environment.add_channel(path, settings).await;
    }
    for _ in 0..10 {
        assert_eq!(get(&environment, "/a", Some("wrong")).await.status, 401);
    }
    assert_eq!(get(&environment, "/a", Some("k3y")).await.status, 200);
    assert_eq!(get(&environment, "/b", Some("k3y")).await.status, 200);
    for path in ["/a", "/b"] {
        assert_eq!(get(&environment, path, Some("k3y")).await.status, 429);
    }
    assert_eq!(get(&environment, "/a", Some("wrong")).await.status, 401);
    assert_eq!(get(&environment, "/c", Some("k3y2")).await.status, 200);
}
