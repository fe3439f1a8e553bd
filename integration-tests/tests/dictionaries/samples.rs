//! Sampled and slow invocations: exactly those, masked, and sent again.

use std::collections::BTreeSet;
use std::time::Duration;

use busker_integration_tests::{Environment, until};
use futures::StreamExt;
use serde_json::{Value, json};

const SOURCE: &str = include_str!("seen.py");
const SERVICE: &str = "seen.login";
/// Requests, how many at once, and of how many one is kept.
const REQUESTS: usize = 203;
const AT_ONCE: usize = 16;
const EVERY: usize = 10;
/// Of so many requests one naps, for longer than the threshold.
const NAPS: usize = 40;
const NAP_S: f64 = 3.5;
const THRESHOLD_MS: u64 = 3_000;
/// Longest wait for the writer.
const SOON: Duration = Duration::from_secs(20);

async fn seen() -> Environment {
    let environment = Environment::start().await;
    environment.deploy("seen.py", SOURCE).await;
    let settings = json!({"url_path": "/login", "service": SERVICE});
    environment.add_channel("login", settings).await;
    let settings = json!({"slow_threshold_ms": THRESHOLD_MS});
    environment
        .ok(
            "busker.service.settings.create",
            json!({"name": SERVICE, "settings": settings}),
        )
        .await;
    environment
}

async fn every(environment: &Environment, every: usize) {
    let set = json!({"name": SERVICE, "every": every});
    environment.ok("busker.sample.configure", set).await;
}

/// Logs in; answers the cid.
async fn login(environment: &Environment, number: usize) -> String {
    let nap = if number % NAPS == 7 { NAP_S } else { 0.0 };
    let body =
        json!({"user": format!("u{number}"), "password": format!("hunter2-{number}"), "nap": nap});
    let answer = environment.post("/login", body.to_string()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["session_token"], "hunter2-answer");
    answer.header("x-zato-cid").to_owned()
}

async fn load(environment: &Environment) -> Vec<String> {
    futures::stream::iter(0..REQUESTS)
        .map(|number| login(environment, number))
        .buffered(AT_ONCE)
        .collect()
        .await
}

async fn list(environment: &Environment, family: &str) -> Value {
    let input = json!({"name": SERVICE, "limit": 1000});
    environment
        .ok(&format!("busker.{family}.list"), input)
        .await
}

fn cids(list: &Value) -> BTreeSet<String> {
    let rows = list["invocations"].as_array().unwrap().iter();
    rows.map(|row| row["cid"].as_str().unwrap().to_owned())
        .collect()
}

/// Waits until so many are kept; there are no more a little later.
async fn kept(environment: &Environment, family: &str, count: usize) -> Value {
    until(&format!("{count} of {family}"), SOON, || async {
        let found = list(environment, family).await;
        (found["total"] == count).then_some(())
    })
    .await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let found = list(environment, family).await;
    assert_eq!(found["total"], count);
    found
}

#[tokio::test]
async fn one_in_ten_is_sampled_and_what_is_over_the_threshold_is_slow_all_of_it_masked() {
    let environment = seen().await;
    every(&environment, EVERY).await;
    let asked = load(&environment).await;
    let sampled = kept(&environment, "sample", REQUESTS / EVERY).await;
    assert_eq!(sampled["every"], EVERY);
    assert!(cids(&sampled).iter().all(|cid| asked.contains(cid)));
    let napped = (0..REQUESTS).filter(|number| number % NAPS == 7);
    let napped: BTreeSet<String> = napped.map(|number| asked[number].clone()).collect();
    let slow = kept(&environment, "slow-request", napped.len()).await;
    assert_eq!(cids(&slow), napped);
    for row in slow["invocations"].as_array().unwrap() {
        let took = row["took_ms"].as_f64().unwrap();
        assert!(took > THRESHOLD_MS as f64, "{row}");
        assert!(
            row["version"].as_str().unwrap().contains("seen.py"),
            "{row}"
        );
    }
    for (family, rows) in [("sample", &sampled), ("slow-request", &slow)] {
        for cid in cids(rows) {
            let one = json!({"name": SERVICE, "cid": cid});
            let whole = environment.ok(&format!("busker.{family}.get"), one).await;
            let request = whole["request"]["text"].as_str().unwrap();
            assert!(request.contains(r#""password":"***""#), "{whole}");
            let response = whole["response"]["text"].as_str().unwrap();
            assert!(
                response.contains("session_token") && response.contains("\"***\""),
                "{whole}"
            );
            assert_eq!(whole["request"]["masked"], 1);
        }
    }
    nothing_is_found_of("hunter2", &environment);
}

/// Looks at every file of the node's database and at its log.
fn nothing_is_found_of(secret: &str, environment: &Environment) {
    let data = environment.node().join("data");
    let mut looked = 0;
    for file in std::fs::read_dir(data).unwrap().flatten() {
        if file.file_name().to_string_lossy().starts_with("odb.db") {
            let bytes = std::fs::read(file.path()).unwrap();
            let found = bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes());
            assert!(!found, "{:?}", file.path());
            looked += 1;
        }
    }
    assert!(looked > 0);
    assert!(!environment.log().contains(secret));
}

#[tokio::test]
async fn a_sample_is_sent_again_and_none_is_kept_when_it_is_off() {
    let environment = seen().await;
    every(&environment, 1).await;
    let cid = login(&environment, 1).await;
    kept(&environment, "sample", 1).await;
    every(&environment, 0).await;
    let again = environment
        .ok("busker.sample.replay", json!({"cid": cid}))
        .await;
    assert_eq!(
        (&again["status"], &again["masked"]),
        (&json!(200), &json!(1))
    );
    let body: Value = serde_json::from_str(again["body"].as_str().unwrap()).unwrap();
    assert_eq!(
        (&body["user"], &body["masked"]),
        (&json!("u1"), &json!(true))
    );
    login(&environment, 2).await;
    kept(&environment, "sample", 1).await;
    let wrong = json!({"cid": cid, "package": 999});
    let refusal = environment.call("busker.sample.replay", wrong).await;
    assert_eq!(refusal.unwrap_err().status, 409);
    let named = json!({"name": SERVICE});
    let gone = environment.ok("busker.sample.delete", named).await;
    assert_eq!(gone["deleted"], 1);
}
