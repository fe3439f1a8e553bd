//! Guessing passwords of the public API.

use std::time::Duration;

use busker_integration_tests::{Answer, Environment};
use serde_json::json;

async fn login(environment: &Environment, name: &str, password: &str) -> Answer {
    let url = environment.api("/api/v1/services/busker.service.list");
    let request = environment.http.post(url).basic_auth(name, Some(password));
    environment.send(request.body("{}")).await
}

#[tokio::test]
async fn who_guesses_is_locked_out_for_a_while_and_everybody_sees_it() {
    let environment = Environment::start().await;
    for name in ["ann", "bob"] {
        let user = json!({"name": name, "password": format!("right-of-{name}"), "role": "viewer"});
        environment.ok("busker.user.create", user).await;
    }
    for _ in 0..20 {
        let nobody = environment
            .http
            .post(environment.api("/api/v1/services/busker.service.list"));
        assert_eq!(environment.send(nobody.body("{}")).await.status, 401);
    }
    assert_eq!(login(&environment, "ann", "right-of-ann").await.status, 200);
    // The fourth wait is 8 s: long enough to be seen on a slow machine.
    let mut waits = Vec::new();
    for _ in 0..60 {
        let answer = login(&environment, "ann", "a-guess-of-mine").await;
        match answer.status {
            401 => {}
            429 => {
                assert_eq!(answer.json()["code"], "locked-out");
                waits.push(answer.header("retry-after").parse::<u64>().unwrap());
                if waits.last() > Some(&4) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            other => panic!("{other}: {answer:?}"),
        }
    }
    assert!(waits.iter().any(|wait| *wait > 4), "{waits:?}");
    let right = login(&environment, "ann", "right-of-ann").await;
    assert_eq!(right.status, 429, "{right:?}");
    assert_eq!(login(&environment, "bob", "right-of-bob").await.status, 200);
    let events = environment
        .ok("busker.event.list", json!({"limit": 1000}))
        .await
        .to_string();
    assert!(events.contains("login-locked-out"), "{events}");
    let audit = environment
        .ok("busker.audit.list", json!({"limit": 500}))
        .await;
    let rows = audit["entries"].as_array().unwrap();
    let locked = rows
        .iter()
        .find(|row| row["result"] == "locked-out")
        .unwrap();
    assert_eq!(
        (&locked["service"], &locked["who"]),
        (&json!("busker.login"), &json!("ann"))
    );
    assert!(!format!("{events}{audit}{}", environment.log()).contains("a-guess-of-mine"));
}
