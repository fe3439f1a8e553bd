//! What the promises in `tests/` are tested with: environments made and run by the real binary, and peers to call out to.
//!
//! Nodes are child processes in folders of their own, on ports of their own; nothing here reaches into one except through
//! its command line, its API and its channels, as a user would. Start with [`Environment`]; [`Peer`] is a stand-in for the
//! systems that services call.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unused_async,
    reason = "a test that cannot go on fails, saying where"
)]

mod cluster;
mod collector;
mod environment;
mod feed;
mod load;
mod own_node;
mod peer;
mod proxy;
pub mod schema;
pub mod soap;
mod venv;
mod wait;
mod wire;

pub use cluster::ClusterEnvironment;
pub use collector::{Collector, Exported};
pub use environment::{Answer, Environment, Ran, Refusal, binary, busker, free_port_base};
pub use feed::Feed;
pub use load::{Hit, Load, percentile};
pub use own_node::run_node;
pub use peer::{Peer, PeerAnswer, PeerRequest};
pub use proxy::{FaultProxy, Network};
pub use venv::{own_file, succeeded, venv};
pub use wait::until;
pub use wire::Wire;
