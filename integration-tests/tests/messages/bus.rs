//! A node, and a sink in which its services leave their effects.

use std::collections::HashMap;
use std::time::Duration;

use busker_integration_tests::{Environment, Peer, PeerAnswer, until};
use serde_json::{Value, json};

const SOURCE: &str = include_str!("later.py");
pub(crate) const RECORD: &str = "later.record";
/// Longest wait for what takes a moment; these machines are noisy.
pub(crate) const SOON: Duration = Duration::from_secs(60);

pub(crate) struct Bus {
    pub(crate) environment: Environment,
    pub(crate) sink: Peer,
}

impl Bus {
    /// A node with the services and a sink that counts what they did.
    pub(crate) async fn start() -> Self {
        Self::start_with("").await
    }

    /// The same, with lines added to `busker.toml`.
    pub(crate) async fn start_with(lines: &str) -> Self {
        let environment = Environment::start_with(lines).await;
        let sink = Peer::start(|_| PeerAnswer::ok("text/plain", ""));
        let settings = json!({"address": sink.address, "url_path": "/", "pool_size": 100});
        environment.add_outgoing("sink", settings).await;
        environment.deploy("later.py", SOURCE).await;
        Self { environment, sink }
    }

    /// Starts the node that has ended; connections to the one before are of no use.
    pub(crate) fn start_again(&mut self) {
        self.environment.must(&["start"], &[]);
        let client = reqwest::Client::builder().no_proxy().timeout(SOON);
        self.environment.http = client.build().unwrap();
    }

    /// Hands an invocation over and answers its cid.
    pub(crate) async fn later(&self, service: &str, payload: Value, more: Value) -> String {
        let mut input = json!({"name": service, "payload": payload, "async": true});
        for (name, value) in more.as_object().unwrap() {
            input[name] = value.clone();
        }
        let answer = self.environment.ok("busker.service.invoke", input).await;
        answer["cid"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn status(&self, cid: &str) -> Value {
        self.environment
            .ok("busker.message.get-status", json!({ "cid": cid }))
            .await
    }

    /// Waits until an invocation is somewhere.
    pub(crate) async fn until(&self, cid: &str, state: &str) -> Value {
        until(&format!("{cid} {state}"), SOON, || async {
            let status = self.status(cid).await;
            (status["state"] == state).then_some(status)
        })
        .await
    }

    /// The row of a service and class; the whole ledger must balance.
    pub(crate) async fn ledger(&self, service: &str, delivery: &str) -> Value {
        let ledger = self
            .environment
            .ok("busker.message.get-ledger", json!({}))
            .await;
        assert_eq!(ledger["balances"], true, "{ledger}");
        let rows = ledger["rows"].as_array().unwrap();
        let found = rows
            .iter()
            .find(|row| row["service"] == service && row["delivery"] == delivery);
        found.cloned().unwrap_or_default()
    }

    /// How often the sink heard of each cid.
    pub(crate) fn effects(&self) -> HashMap<String, usize> {
        self.sink.asked_by_cid()
    }
}
