//! Exceptions: services catch those of others with what belongs to them; callers and operators are told, each what they
//! need, once.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod caught;
mod classes;
mod crossing;
mod depth;
mod log;
mod uncaught;

use busker_integration_tests::Environment;
use serde_json::{Value, json};

/// The services.
const SOURCE: &str = include_str!("errors.py");

/// A node with the services and a JSON channel `/<name>` for each that is named.
async fn with_channels(services: &[&str]) -> Environment {
    let environment = Environment::start().await;
    add_channels(&environment, services).await;
    environment
}

/// The same for a node that runs.
async fn add_channels(environment: &Environment, services: &[&str]) {
    environment.deploy("errors.py", SOURCE).await;
    for service in services {
        let settings = json!({"url_path": format!("/{service}"), "service": service});
        environment.add_channel(service, settings).await;
    }
}

/// Posts JSON to the channel of a service.
async fn post(
    environment: &Environment,
    service: &str,
    body: Value,
) -> busker_integration_tests::Answer {
    environment
        .post(&format!("/{service}"), body.to_string())
        .await
}

/// Line of the source on which a text stands, from 1.
fn line_of(text: &str) -> usize {
    let found = SOURCE.lines().position(|line| line.contains(text));
    found.unwrap_or_else(|| panic!("{text:?} is not in errors.py")) + 1
}
