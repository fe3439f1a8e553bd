//! A script in the style of Zato's client classes, sync and async.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use busker_integration_tests::{Environment, until};
use serde_json::{Value, json};

/// Longest wait for an asynchronous invocation to have run.
const SOON: Duration = Duration::from_secs(20);

/// Runs the script against a node; its passwords go in where nobody else reads them.
fn script(environment: &Environment) -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/zato/zato_client.py");
    let mut child = Command::new("/usr/bin/python3")
        .arg(file)
        .arg(environment.channel(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let passwords = std::fs::read(environment.dir.join("zato.passwords")).unwrap();
    child.stdin.take().unwrap().write_all(&passwords).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_in_the_style_of_zatos_invoke_services_now_and_later() {
    let environment = Environment::start().await;
    environment
        .deploy("zato_services.py", include_str!("zato_services.py"))
        .await;
    let found = script(&environment);
    let fine = |name: &str| {
        let answer = &found[name];
        assert_eq!(
            (&answer["ok"], &answer["status"]),
            (&json!(true), &json!(200)),
            "{name}: {answer}"
        );
        answer["data"].clone()
    };
    assert_eq!(fine("ping")["zato_ping_response"], json!({"pong": "zato"}));
    assert_eq!(fine("create")["name"], "a");
    fine("empty");
    assert_eq!(found["empty"]["has_data"], false);
    let soap = fine("soap");
    assert_eq!(
        (&soap["name"], &soap["is_internal"]),
        (&json!("zato.ping"), &json!("true"))
    );
    assert_eq!(fine("by_name"), json!({"pong": "zato"}));
    let list = fine("list");
    assert_eq!(list[0]["name"], "zato-services.double", "{list}");
    assert_eq!(list[0]["impl_name"], "zato_services.Double", "{list}");
    assert_eq!(fine("by_id"), json!({"response": {"twice_size": 42}}));
    assert!(fine("xml").as_str().unwrap().contains("<pong>zato</pong>"));

    let cid = fine("async");
    until("the asynchronous invocation", SOON, || async {
        let status = environment
            .ok("busker.message.get-status", json!({"cid": cid}))
            .await;
        (status["state"] == "done").then_some(())
    })
    .await;

    let failed = |name: &str, status: u16, words: &str| {
        let answer = &found[name];
        assert_eq!(
            (&answer["ok"], &answer["status"]),
            (&json!(false), &json!(status)),
            "{name}: {answer}"
        );
        let details = answer["details"].as_str().unwrap();
        assert!(details.contains(words), "{name}: {details}");
    };
    failed("again", 409, "a");
    failed("bad", 400, "Required parameter [cluster_id] missing");
    failed(
        "fault",
        500,
        "faultstring [Required parameter [name] missing",
    );
    failed("crash", 500, "");
    let told = found["crash"].to_string();
    assert!(
        !told.contains("a secret of ours") && !told.contains("Traceback"),
        "{told}"
    );
}
