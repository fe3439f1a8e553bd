//! Operating a node: what the command line shows and changes, traffic taken off and put back, objects switched off, TLS,
//! roles, metrics, the API's own description, and secrets that stay secret.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on fails"
)]

mod api;
mod commands;
mod info;
mod secrets;
mod tls;
mod traces;
mod traffic;
