//! The bus: asynchronous invocations, kept from the moment a caller has its cid until they have run.
//!
//! Delivery is at least once, acknowledged after the work; the cid is the idempotency key. One port, [`Store`], has two
//! backends that pass one conformance suite: [`SqliteStore`] for a single node and [`RedisStore`], with the outbox in the ODB,
//! for a cluster. The
//! [`intake`] actor claims what the gates of its node have permits for and runs it; the [`keeper`] brings back what is due
//! or was lost with a node, and holds the ledger against itself. The bus runs no service itself: the node gives it a
//! [`Worker`]. Start with [`Store`], then [`intake`]; [`RedisConsole`] lets an operator speak to the same Redis.

mod attempt;
mod batch;
mod book;
mod bus;
mod error;
pub mod health;
pub mod intake;
pub mod keeper;
pub mod limits;
mod redis;
pub mod retry;
mod sqlite;
mod store;
#[cfg(feature = "testing")]
pub mod testing;

pub use bus::MessageBus;
pub use error::{BusError, Result};
pub use intake::Worker;
pub use redis::{RedisConfig, RedisConsole, RedisFacts, RedisStore};

pub use sqlite::{Clock, SqliteConfig, SqliteStore};
pub use store::{Claimed, DeadFilter, DeadPage, End, Lease, Store, Want};
