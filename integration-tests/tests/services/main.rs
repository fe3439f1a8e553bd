//! What a service in Python sees and does: its request in every format, SimpleIO, hooks, libraries, connections.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod child;
mod formats;
mod hooks;
mod libraries;
mod outgoing;
mod payloads;
mod simple_io;
mod typed;
