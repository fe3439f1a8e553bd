//! Nodes, the cluster, services and asynchronous invocations by command.

use std::time::Duration;

use busker_integration_tests::{Environment, until};
use serde_json::Value;

const SOURCE: &str = "
from busker import Conflict
from zato.server.service import Service

class Greeter(Service):
    name = 'greeter'
    def handle(self):
        self.response.payload = 'hello'

class Broken(Service):
    name = 'broken'
    def handle(self):
        raise Conflict('no')
";

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[tokio::test]
async fn a_node_is_drained_and_comes_back() {
    let environment = Environment::start().await;
    let list = environment.must(&["node"], &["list"]);
    assert!(list.starts_with("NAME") && list.contains("node1"), "{list}");
    environment.must(&["node"], &["drain", "--name", "node1"]);
    let ready = environment
        .http
        .get(environment.api("/readyz"))
        .send()
        .await
        .unwrap();
    assert_eq!(ready.status(), 503);
    environment.must(&["node"], &["resume", "--name", "node1"]);
    let ready = environment
        .http
        .get(environment.api("/readyz"))
        .send()
        .await
        .unwrap();
    assert_eq!(ready.status(), 200);
    let itself = environment.run(&["node"], &["delete", "--name", "node1"]);
    assert_eq!(itself.code, 7, "{itself:?}");
    let nobody = environment.run(&["node"], &["drain", "--name", "node9"]);
    assert_eq!(nobody.code, 6, "{nobody:?}");
    let edit = [
        "edit",
        "--name",
        "production",
        "--guarded",
        "true",
        "--format",
        "json",
    ];
    environment.must(&["cluster"], &edit);
    let cluster = json(&environment.must(&["cluster"], &["get", "--format", "json"]));
    assert_eq!(
        (&cluster["name"], &cluster["guarded"]),
        (&"production".into(), &true.into())
    );
    environment.must(&["cluster"], &["role-history"]);
}

#[tokio::test]
async fn a_service_is_shown_with_its_source_and_edited() {
    let environment = Environment::start().await;
    let file = environment.dir.join("greeter.py");
    std::fs::write(&file, SOURCE).unwrap();
    let deployed = environment.must(
        &["service", "deploy"],
        &[file.to_str().unwrap(), "--format", "json"],
    );
    assert_eq!(json(&deployed)["state"], "active", "{deployed}");
    let source = environment.must(&["service", "source"], &["greeter"]);
    assert_eq!(source, SOURCE);
    let inside = environment.run(&["service", "source"], &["samples.echo"]);
    assert_eq!(inside.code, 6, "{inside:?}");
    let edit =
        |rest: &[&str]| environment.run(&["service", "edit"], &[&["greeter"], rest].concat());
    assert_eq!(
        edit(&["--timeout-ms", "500"]).code,
        0,
        "made when there are none"
    );
    assert_eq!(edit(&["--active", "false"]).code, 0);
    until("the service to be off", Duration::from_secs(20), || async {
        (environment.run(&["service", "invoke"], &["greeter"]).code != 0).then_some(())
    })
    .await;
    assert_eq!(edit(&["--active", "true", "--timeout-ms", "0"]).code, 0);
    until("the service to be on", Duration::from_secs(20), || async {
        (environment.run(&["service", "invoke"], &["greeter"]).code == 0).then_some(())
    })
    .await;
    assert_eq!(edit(&[]).code, 2, "nothing to change");
    let slip = environment.run(&["service", "edit"], &["greter", "--timeout-ms", "5"]);
    assert_eq!(slip.code, 6, "{slip:?}");
    let got = environment.must(&["service", "get"], &["greeter"]);
    assert!(
        got.starts_with("FIELD") && got.contains("greeter.py"),
        "{got}"
    );
}

#[tokio::test]
async fn a_dead_letter_is_listed_edited_replayed_and_discarded() {
    let environment = Environment::start().await;
    environment.deploy("greeter.py", SOURCE).await;
    let cid = environment.must(&["service", "invoke"], &["greeter", "--async"]);
    let cid = cid.trim().to_owned();
    until("it to be done", Duration::from_secs(20), || async {
        let status = json(&environment.must(&["message"], &["status", &cid, "--format", "json"]));
        (status["state"] == "done").then_some(())
    })
    .await;
    let ledger = environment.must(&["message"], &["ledger"]);
    assert!(
        ledger.contains("greeter") && ledger.contains("true"),
        "{ledger}"
    );
    let dead = environment.must(&["service", "invoke"], &["broken", "--async"]);
    let dead = dead.trim().to_owned();
    let list = async || {
        let list = environment.must(&["message"], &["list", "--service", "broken"]);
        list.contains(&dead).then_some(())
    };
    until("a dead letter", Duration::from_secs(60), list).await;
    environment.must(&["message"], &["edit", &dead, "--payload", "{\"a\": 1}"]);
    let letter = json(&environment.must(&["message"], &["get", &dead, "--format", "json"]));
    assert_eq!(letter["payload"]["a"], 1, "{letter}");
    environment.must(&["message"], &["replay", &dead]);
    until("it to be dead again", Duration::from_secs(60), list).await;
    environment.must(&["message"], &["discard", &dead]);
    let gone = environment.run(&["message"], &["get", &dead]);
    assert_eq!(gone.code, 6, "{gone:?}");
}
