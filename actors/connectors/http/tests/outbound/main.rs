//! The client against real sockets: what it sends, what it repeats, and how it fails.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on must fail where it stands"
)]

mod conformance;
mod failing;
mod peer;
mod sending;

use std::time::Duration;

use busker_connector::{Failure, Kind, Outbound};
use busker_connector_http::{Credentials, HttpOutbound};
use busker_kit::clock;
use busker_model::{Cid, Secret};
use busker_service::{HttpAnswer, HttpCall};
use bytes::Bytes;
use serde_json::{Value, json};

/// A connection to an address, with more settings on top.
fn open(address: &str, more: Value) -> HttpOutbound {
    drop(rustls::crypto::ring::default_provider().install_default());
    let mut settings = json!({"address": address});
    settings
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let credentials = Credentials::Basic {
        username: "busker".to_owned(),
        password: Secret::new("hunter2"),
    };
    HttpOutbound::new(
        Kind::read(&settings).unwrap(),
        Some(&credentials),
        "busker/node1",
    )
    .unwrap()
}

fn call(method: &str, body: &'static str) -> HttpCall {
    HttpCall {
        method: method.to_owned(),
        path: String::new(),
        query: Vec::new(),
        headers: Vec::new(),
        body: Bytes::from_static(body.as_bytes()),
        cid: Cid::from_u128(7),
        traceparent: None,
        deadline: clock::now() + Duration::from_secs(5),
    }
}

async fn send(outbound: &HttpOutbound, call: HttpCall) -> Result<HttpAnswer, Failure> {
    let deadline = call.deadline;
    outbound.send(call, deadline).await
}
