//! Every promise of the operational database, kept on SQLite and on a real PostgreSQL.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::expect_used,
    reason = "a test fails by panicking; clippy only knows functions marked #[test] as tests"
)]

mod batches;
mod changes;
mod dictionaries;
mod fixture;
mod jobs;
mod joins;
mod migrations;
mod nonces;
mod objects;
mod outbox;
mod packages;
mod people;
mod references;
mod roles;
mod samples;
mod secrets;
mod server;
mod wsdls;
