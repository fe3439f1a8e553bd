//! Connections as services and operators see them, against real sockets.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on must fail where it stands"
)]

mod bench;
mod life;
mod peer;
mod traffic;
