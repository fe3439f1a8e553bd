//! Clients that none of us wrote, against channels.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod admin;
mod curl;
mod dispatch;
mod python;
mod soap;
mod trace;
mod wsdl;
mod zeep;

use busker_integration_tests::Environment;

/// A node with the services of `market.py`.
async fn market() -> Environment {
    let environment = Environment::start().await;
    environment
        .deploy("market.py", include_str!("market.py"))
        .await;
    environment
}
