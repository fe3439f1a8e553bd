//! Members and roles over a real Redis and a real database, several nodes in one process: they share no actor names.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking; clippy only knows functions marked #[test] as tests"
)]

mod bench;
mod gateway;
mod members;
mod roles;
