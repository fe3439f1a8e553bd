//! Keeps the tree of a node equal to what the ODB says.
//!
//! Events are hints only: a pass reads what changed since the revision it knows, and the same pass runs at boot, on a
//! hint and every 30 s. It writes nothing to the ODB. Start with [`spec`], then `passes`; each family of actors it fills
//! has a file of its own.

mod actor;
mod channels;
mod jobs;
mod jwks;
mod outgoing;
mod passes;
mod security;
mod services;

pub use actor::{PASS_EVERY, Parts, spec};
