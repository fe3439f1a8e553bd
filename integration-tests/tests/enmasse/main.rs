//! Configuration as code: what was exported imports to the same, files are taken whole or not at all, and a revision is a
//! place to go back to.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod files;
mod many;
mod revisions;
mod round_trip;

use std::path::PathBuf;
use std::process::Command;

use busker_integration_tests::{Environment, binary};
use serde_json::json;

/// Password of the definition of [`furnish`].
const PASSWORD: &str = "hunter2-is-the-secret";

/// What a command printed, and how it ended.
#[derive(Debug)]
struct Said {
    code: i32,
    stdout: String,
    stderr: String,
}

/// `busker enmasse VERB DIR --input FILE ...` with these variables.
fn enmasse(environment: &Environment, words: &[&str], variables: &[(&str, &str)]) -> Said {
    let [verb, rest @ ..] = words else {
        panic!("no verb")
    };
    let output = Command::new(binary())
        .args(["enmasse", verb])
        .arg(&environment.dir)
        .args(rest)
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    Said {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The same, which must succeed; answers standard output.
fn must(environment: &Environment, words: &[&str]) -> String {
    let said = enmasse(environment, words, &[]);
    assert_eq!(
        (said.code, said.stderr.as_str()),
        (0, ""),
        "{words:?}: {said:?}"
    );
    said.stdout
}

/// A file beside the environment.
fn file(environment: &Environment, name: &str, text: &str) -> String {
    let path: PathBuf = environment.dir.parent().unwrap().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

async fn revision(environment: &Environment) -> i64 {
    let cluster = environment.ok("busker.cluster.get", json!({})).await;
    cluster["revision"].as_i64().unwrap()
}

/// One object of each family.
async fn furnish(environment: &Environment) {
    environment.add_basic_auth("login", "ann", PASSWORD).await;
    let channel =
        json!({"url_path": "/echo", "service": "echo", "security": "login", "timeout_ms": 5_000});
    environment.add_channel("echo", channel).await;
    let soap =
        json!({"url_path": "/soap", "service": "echo", "transport": "soap", "soap_action": "echo"});
    environment.add_channel("echo", soap).await;
    let bank = json!({"address": "http://127.0.0.1:9", "security": "login"});
    environment.add_outgoing("bank", bank).await;
    let job = json!({"name": "Tägliche Arbeit: \"${x}\"", "active": false, "settings": {
        "service": "echo", "cron": "30 2 * * *", "payload": "a: 1\n  b: ${2}\n", "time_zone": "Europe/Warsaw",
    }});
    environment.ok("busker.job.cron.create", job).await;
    let limits = json!({"name": "echo", "settings": {"max_concurrency": 7}});
    environment
        .ok("busker.service.settings.create", limits)
        .await;
}
