//! Jobs as they live: in simulated time over a store in memory, and in real time over SQLite.

#![expect(
    clippy::unwrap_used,
    reason = "what a test cannot go on without ends it"
)]

mod bench;
mod clock;
mod lateness;
mod memory;
mod overlap;
mod restart;
