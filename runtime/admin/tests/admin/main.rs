//! The admin services on a real database, with a node that only remembers what it was asked.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what a test cannot go on without ends it"
)]

mod bench;
mod contract;
mod crypto;
mod dictionaries;
mod enmasse;
mod hand_written;
mod jobs;
mod messages;
mod objects;
mod people;
mod revisions;
mod secrets;
