//! Outgoing HTTP connections: one actor per connection, and the handle through which services send.
//!
//! An actor owns its connection's settings, permits, breaker and counters and publishes them; a request reads what was
//! published and never passes a mailbox: bulkhead, then circuit breaker, then the client, which repeats what is safe and
//! keeps the deadline. The client itself is in `busker-connector-http`. Start with [`Outgoing`], then
//! [`OutgoingFamily`].

mod circuit;
mod connection;
mod connection_actor;
mod family;
mod outgoing;
mod stats;

pub use family::{OutgoingDesired, OutgoingFamily};
pub use outgoing::{Latest, Outgoing};
pub use stats::ConnectionStats;
