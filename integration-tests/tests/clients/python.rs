//! The client of the Python package, outside the node.

use std::process::Command;

use busker_integration_tests::{own_file, succeeded};
use serde_json::{Value, json};

use crate::market;

#[tokio::test]
async fn the_python_client_calls_invokes_watches_and_raises_what_the_api_says() {
    let environment = market().await;
    let mut command = Command::new("/usr/bin/python3");
    command
        .arg(own_file("tests/clients/python_client.py"))
        .arg(environment.api(""))
        .env("PYTHONPATH", own_file("../runtime/python/package"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("BUSKER_TOKEN", environment.token());
    let output = tokio::task::spawn_blocking(move || command.output()).await;
    let found: Value = serde_json::from_str(&succeeded(&output.unwrap().unwrap())).unwrap();

    let names: Vec<String> = (0..12).map(|number| format!("made-{number:02}")).collect();
    assert_eq!(found["listed"], json!(names), "{found}");
    let mut watched: Vec<&str> = found["watched"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    watched.sort_unstable();
    assert_eq!(watched, names, "{found}");
    assert_eq!(found["edited"], 1234);
    assert_eq!(found["off"], false);
    assert_eq!(
        found["answer"]["quote_response"]["symbol"], "GOOG",
        "{found}"
    );
    assert_eq!(found["later"], "done");

    for (what, kind, status) in [
        ("stale", "Conflict", 409),
        ("gone", "NotFound", 404),
        ("refused", "Invalid", 400),
        ("fault", "Invalid", 400),
        ("not yet", "Timeout", 0),
        ("nobody", "Unauthenticated", 401),
        ("nothing there", "Unavailable", 0),
    ] {
        let error = &found[what];
        assert_eq!(error["type"], kind, "{what}: {found}");
        assert_eq!(error["status"], status, "{what}: {found}");
        let has_cid = error["cid"]
            .as_str()
            .is_some_and(|cid| cid.starts_with('K'));
        assert_eq!(has_cid, status > 0, "{what}: {found}");
    }
    let refused = found["refused"]["message"].as_str().unwrap();
    assert!(refused.contains("there is no symbol NOPE"), "{found}");
    assert!(!found["fault"]["violations"].as_array().unwrap().is_empty());
    assert!(
        !found["shown"]
            .as_str()
            .unwrap()
            .contains(environment.token())
    );
}
