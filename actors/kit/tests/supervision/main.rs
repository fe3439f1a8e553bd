//! What a supervisor promises, tried through the public API with the clock paused.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod bench;
mod promises;
mod properties;
