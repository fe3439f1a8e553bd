//! What a connector is: typed settings that check themselves, and a way out that states how it failed.
//!
//! It has no actors, opens nothing and knows no protocol: the kinds are in `actors/connectors`, the actors that run
//! them in `busker-outgoing`. Ways in that are pulled (queues, files) get a trait here with the first kind that has one.
//! Start with [`Settings`] and [`Kind`], then [`Outbound`] and [`Failure`].

#[cfg(feature = "testing")]
pub mod conformance;
mod failure;
mod kind;
mod outbound;
mod rate;
mod settings;

pub use failure::{Failure, Retry};
pub use kind::{Kind, Prepared, read_part, schema_of};
pub use outbound::Outbound;
pub use rate::{MAX_RATE, Per, RateLimit};
pub use settings::Settings;
