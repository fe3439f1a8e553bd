//! Three nodes on a real PostgreSQL and a real Redis: what they share, who has the role, who is there, and how they talk.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a test that cannot go on fails"
)]

mod configuration;
mod joining;
mod messages;
mod role;
mod roster;
mod secured;
mod sessions;
mod trace;
