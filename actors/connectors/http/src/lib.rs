//! HTTP as a kind of connector: the settings of its channels and outgoing connections, and the client that sends.
//!
//! Checking is pure: it opens nothing and lists every fault at once, each with its field and what is accepted. There are
//! no actors here: those that run channels are in `busker-channels`, those that own outgoing connections, with their
//! permits and breakers, in `busker-outgoing`. Start with [`ChannelSettings`] and [`OutgoingSettings`], then
//! [`HttpOutbound`].

mod answer;
pub mod breaker;
mod client;
mod credentials;
mod headers;
mod outbound;
mod outgoing_settings;
mod retry;
mod settings;
mod soap;
mod ssrf;
mod target;
mod token;
mod username_token;

pub use breaker::{Admission, Breaker, BreakerSettings};
pub use credentials::Credentials;
pub use outbound::HttpOutbound;
pub use outgoing_settings::{OutgoingSettings, SoapVersion};
pub use settings::{ChannelSettings, MAX_TIMEOUT_MS, ParamsPriority};
