//! What connections show of themselves, held against channels of the same node and a peer.

use busker_integration_tests::{Environment, Peer, PeerAnswer};
use serde_json::json;

use crate::{define, zeep};

const CALLS: &str = "
from zato.server.service import Service

class Calls(Service):
    name = 'calls'
    def handle(self):
        asked = self.request.payload
        conn = getattr(self.outgoing, asked.kind).get(asked.name).conn
        if asked.kind == 'soap':
            answer = conn.send(self.cid, asked.body)
        else:
            answer = conn.get(self.cid, headers={'X-Partner': 'mine'})
        self.response.payload = {'status': answer.status_code, 'text': answer.text}
";

async fn start() -> Environment {
    let environment = Environment::start().await;
    environment.deploy("calls.py", CALLS).await;
    let settings = json!({"url_path": "/calls", "service": "calls"});
    environment.add_channel("calls", settings).await;
    environment
}

/// Status and text that a service got of a connection.
async fn calls(environment: &Environment, kind: &str, name: &str, body: &str) -> (u64, String) {
    let asked = json!({"kind": kind, "name": name, "body": body});
    let answer = environment.post("/calls", asked.to_string()).await;
    let read = answer.json();
    let text = read["text"]
        .as_str()
        .unwrap_or_else(|| panic!("{answer:?}"));
    (read["status"].as_u64().unwrap(), text.to_owned())
}

#[tokio::test]
async fn an_api_key_is_sent_in_its_header_whatever_the_service_gives() {
    let peer = Peer::start(|request| PeerAnswer::ok("text/plain", request.header("x-partner")));
    let environment = start().await;
    define(
        &environment,
        "api-key",
        "partner",
        json!({"header": "X-Partner", "key": "k3y"}),
    )
    .await;
    let settings = json!({"address": peer.address, "security": "partner"});
    environment.add_outgoing("partner", settings).await;
    let got = calls(&environment, "plain_http", "partner", "").await;
    assert_eq!(got, (200, "k3y".to_owned()));
}

#[tokio::test]
async fn a_username_token_is_new_in_each_envelope_and_our_own_channels_take_it() {
    let environment = start().await;
    environment
        .deploy("market.py", include_str!("../clients/market.py"))
        .await;
    for (mode, path) in [("text", "/text"), ("digest", "/digest")] {
        let mut settings = zeep::settings(mode);
        settings["reject_empty_nonce_creat"] = json!(true);
        define(&environment, "wss", mode, settings).await;
        let mut channel = zeep::channel();
        channel["url_path"] = json!(path);
        channel["security"] = json!(mode);
        environment.add_channel(mode, channel).await;
        let settings = json!({
            "address": environment.channel(path), "transport": "soap", "security": mode,
            "soap_action": "urn:market:quote",
        });
        environment.add_outgoing(mode, settings).await;
        let body = "<quote xmlns='urn:market'><symbol>GOOG</symbol><quantity>14</quantity></quote>";
        let whole = format!(
            "<e:Envelope xmlns:e='http://schemas.xmlsoap.org/soap/envelope/'><e:Header><x/></e:Header><e:Body>{body}</e:Body></e:Envelope>"
        );
        for body in [body, body, whole.as_str()] {
            let (status, text) = calls(&environment, "soap", mode, body).await;
            assert_eq!(status, 200, "{text}");
            assert!(text.contains("<total>42</total>"), "{text}");
        }
    }
}
