//! The services of a node: one gate actor per (service, generation), and the directory that finds them by name.
//!
//! A gate owns a service's settings, state, permits and counters; it never runs the work in its own mailbox. Traffic
//! reads the snapshot the gate published in the [`Directory`], takes a permit and runs as a tracked task. This crate
//! knows nothing of transports and formats: channels call [`Directory::call`], services call each other through the
//! [`busker_service::Invoker`] port that the directory implements.
//!
//! Start with [`Directory`], then [`instance`]; the node fills a [`ServiceFamily`].

mod complaints;
mod directory;
mod family;
mod hand_over;
pub mod instance;
mod run;
mod sampler;
mod stats;

pub use directory::{Directory, Entry};
pub use family::{Configured, ServiceFamily};
pub use hand_over::request as request_of;
pub use instance::{Desired, spec};
pub use sampler::Sampler;
pub use stats::{ServiceStats, StatsSnapshot};
