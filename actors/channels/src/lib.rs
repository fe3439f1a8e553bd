//! Channels over HTTP: one actor per channel, and the mount table that finds a channel by path without a mailbox.
//!
//! A channel actor owns its settings and counters and publishes a [`Route`]; the HTTP front of the node reads routes and
//! runs the pipeline. Who guards a way in that is no channel finds definitions in [`Known`]. This crate accepts no connection and knows no body format. Start with [`Mount`], then [`channel`].

pub mod channel;
mod known;
mod limiter;
mod mount;
mod stats;
mod tokens;

pub use channel::{Desired, Shut, spec};
pub use known::{Guard, Known};
pub use limiter::{Grant, Limiter, TokenSource};
pub use mount::{Found, Mount, MountError, Route};
pub use stats::{ChannelStats, ChannelStatsSnapshot};
pub use tokens::LocalTokens;
