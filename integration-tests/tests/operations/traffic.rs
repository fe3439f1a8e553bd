//! Traffic taken off a node and put back, objects switched off, and a channel that waits for its service.

use std::time::Duration;

use busker_integration_tests::{Answer, Environment, until};
use serde_json::json;

const SOON: Duration = Duration::from_secs(20);
const GREETER: &str = "
from zato.server.service import Service

class Greeter(Service):
    name = 'greeter'
    def handle(self):
        self.response.payload = 'hello'
";

async fn ready(environment: &Environment) -> (u16, String) {
    let answer = environment
        .send(environment.http.get(environment.api("/readyz")))
        .await;
    (
        answer.status,
        answer.json()["state"].as_str().unwrap().to_owned(),
    )
}

/// What a channel says that is closed for now.
fn closed(answer: &Answer, says: &str) {
    assert_eq!(answer.status, 503, "{answer:?}");
    assert!(
        answer.header("retry-after").parse::<u32>().is_ok(),
        "{answer:?}"
    );
    let problem = answer.json();
    assert!(
        problem["detail"].as_str().unwrap().contains(says),
        "{answer:?}"
    );
    assert_eq!(problem["cid"], answer.header("x-busker-cid"), "{answer:?}");
}

async fn echo(environment: &Environment) {
    environment
        .add_channel("echo", json!({"url_path": "/echo", "service": "echo"}))
        .await;
}

#[tokio::test]
async fn a_drained_node_takes_no_traffic_but_configuration_and_deploys() {
    let environment = Environment::start().await;
    echo(&environment).await;
    let node = json!({"node": "node1"});
    let other = environment
        .call("busker.node.drain", json!({"node": "node2"}))
        .await
        .unwrap_err();
    assert_eq!(other.status, 404, "{other:?}");
    assert_eq!(ready(&environment).await, (200, "ready".to_owned()));
    environment.ok("busker.node.drain", node.clone()).await;
    assert_eq!(ready(&environment).await, (503, "standby".to_owned()));
    let refused = environment.post("/echo", "{}").await;
    closed(&refused, "off traffic");
    assert_eq!(refused.json()["code"], "standby");
    assert_eq!(environment.info()["state"], "standby");
    environment.ok("busker.node.drain", node.clone()).await;

    environment.deploy("greeter.py", GREETER).await;
    environment
        .add_channel("greet", json!({"url_path": "/greet", "service": "greeter"}))
        .await;
    let said = environment.must(&["service", "invoke"], &["greeter"]);
    assert_eq!(said, "hello");
    closed(&environment.post("/greet", "{}").await, "off traffic");

    environment.ok("busker.node.resume", node).await;
    assert_eq!(ready(&environment).await, (200, "ready".to_owned()));
    assert_eq!(environment.post("/echo", "{}").await.status, 200);
    assert_eq!(environment.post("/greet", "{}").await.body, "hello");
    let events = environment
        .ok("busker.event.list", json!({"limit": 1000}))
        .await;
    let told = events["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["kind"] == "node-traffic" || event["name"] == "node-traffic")
        .count();
    assert!(told >= 2, "{events}");
}

#[tokio::test]
async fn an_inactive_channel_is_closed_until_it_is_active() {
    let environment = Environment::start().await;
    echo(&environment).await;
    environment
        .ok(
            "busker.channel.http.edit",
            json!({"name": "echo", "active": false}),
        )
        .await;
    let refused = environment.post("/echo", "{}").await;
    closed(&refused, "channel \"echo\" is inactive");
    let actor = environment
        .actor("node1/channels/plain_http:echo")
        .await
        .unwrap();
    assert_eq!(
        (&actor["state"], &actor["note"]),
        (&"degraded".into(), &"inactive".into())
    );
    environment
        .ok(
            "busker.channel.http.edit",
            json!({"name": "echo", "active": true}),
        )
        .await;
    let answer = environment.post("/echo", "{}").await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn an_inactive_service_is_closed_until_it_is_active() {
    let environment = Environment::start().await;
    echo(&environment).await;
    let settings = json!({"name": "echo", "active": false, "settings": {}});
    environment
        .ok("busker.service.settings.create", settings)
        .await;
    let refused = environment.post("/echo", "{}").await;
    closed(&refused, "service \"echo\" is inactive");
    let shown = environment
        .ok("busker.service.get", json!({"name": "echo"}))
        .await;
    assert_eq!(shown["active"], false, "{shown}");
    environment
        .ok(
            "busker.service.settings.edit",
            json!({"name": "echo", "active": true}),
        )
        .await;
    let answer = environment.post("/echo", "{}").await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn an_inactive_security_definition_closes_its_channels_and_never_opens_them() {
    let environment = Environment::start().await;
    environment.add_basic_auth("crm", "crm", "s3cret").await;
    environment
        .add_channel(
            "echo",
            json!({"url_path": "/echo", "service": "echo", "security": "crm"}),
        )
        .await;
    let ask = || async {
        let request = environment
            .http
            .post(environment.channel("/echo"))
            .body("{}");
        environment
            .send(request.basic_auth("crm", Some("s3cret")))
            .await
    };
    assert_eq!(ask().await.status, 200);
    environment
        .ok(
            "busker.security.basic-auth.edit",
            json!({"name": "crm", "active": false}),
        )
        .await;
    let refused = until("the channel to close", SOON, || async {
        let answer = ask().await;
        (answer.status != 200).then_some(answer)
    })
    .await;
    closed(&refused, "inactive");
    closed(&environment.post("/echo", "{}").await, "inactive");
    environment
        .ok(
            "busker.security.basic-auth.edit",
            json!({"name": "crm", "active": true}),
        )
        .await;
    until("the channel to open", SOON, || async {
        (ask().await.status == 200).then_some(())
    })
    .await;
    assert_eq!(environment.post("/echo", "{}").await.status, 401);

    let change = json!({"name": "crm", "password1": "an0ther", "password2": "an0ther"});
    environment
        .ok("busker.security.basic-auth.change-password", change)
        .await;
    until("the old password to be refused", SOON, || async {
        (ask().await.status == 401).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_channel_waits_for_its_service_and_heals_by_itself() {
    let environment = Environment::start().await;
    environment
        .add_channel("greet", json!({"url_path": "/greet", "service": "greeter"}))
        .await;
    let actor = || async {
        environment
            .actor("node1/channels/plain_http:greet")
            .await
            .unwrap()
    };
    let waits = until("the channel to wait", SOON, || async {
        let shown = actor().await;
        (shown["state"] == "degraded").then_some(shown)
    })
    .await;
    assert_eq!(waits["note"], "waiting-for-service", "{waits}");
    let refused = environment.post("/greet", "{}").await;
    closed(&refused, "\"greeter\" is not deployed");
    assert_eq!(refused.json()["code"], "waiting-for-service");

    environment.deploy("greeter.py", GREETER).await;
    assert_eq!(environment.post("/greet", "{}").await.body, "hello");
    until("the channel to run", SOON, || async {
        (actor().await["state"] == "running").then_some(())
    })
    .await;

    environment
        .ok("busker.service.delete", json!({"name": "greeter"}))
        .await;
    closed(
        &environment.post("/greet", "{}").await,
        "\"greeter\" is not deployed",
    );
    until("the channel to miss its service", SOON, || async {
        (actor().await["note"] == "missing-service").then_some(())
    })
    .await;
}
