//! The face that clients of Zato know: its names and fields, what goes over the wire, who may come by it, and a script in the
//! style of Zato's own clients.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod doors;
mod exchanges;
mod invoker;
mod names;
mod table;
mod wire;

use std::collections::HashMap;

use busker_integration_tests::{Answer, Environment};

/// Passwords of the definitions that quickstart made, by user.
fn passwords(environment: &Environment) -> HashMap<String, String> {
    let text = std::fs::read_to_string(environment.dir.join("zato.passwords")).unwrap();
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines
        .map(|(user, password)| (user.to_owned(), password.to_owned()))
        .collect()
}

/// A request to an endpoint, by the user in front of it.
async fn ask(environment: &Environment, user: &str, path: &str, body: impl ToString) -> Answer {
    let request = environment
        .http
        .post(environment.channel(path))
        .basic_auth(user, passwords(environment).get(user))
        .body(body.to_string());
    environment.send(request).await
}
