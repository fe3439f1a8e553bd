//! Hot deploy on a real database and a real tree, with an engine that only reads what a service would do.

#![expect(
    clippy::unwrap_used,
    reason = "what a test cannot go on without ends it"
)]

mod archives;
mod bench;
mod changes;
mod deploys;
mod engine;
mod pickup;
mod python;
mod trouble;
