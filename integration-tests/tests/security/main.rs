//! Who is let in: security definitions on channels and connections, over the wire and across nodes.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod client_certificates;
mod headers;
mod limits;
mod logins;
mod outgoing;
mod tokens;
mod wss;
mod wss_cluster;
mod zeep;

use busker_integration_tests::Environment;
use serde_json::{Value, json};

/// Makes a security definition of a kind.
async fn define(environment: &Environment, kind: &str, name: &str, settings: Value) {
    let object = json!({"name": name, "active": true, "settings": settings});
    let service = format!("busker.security.{kind}.create");
    environment.ok(&service, object).await;
}

/// A channel to the echo service, secured by a definition of its own name.
async fn secured_echo(environment: &Environment, name: &str) {
    let path = format!("/{name}");
    let settings = json!({"url_path": path, "service": "echo", "security": name});
    environment.add_channel(name, settings).await;
}
