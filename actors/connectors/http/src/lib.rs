//! HTTP as a kind of connector: the settings of its channels, typed and checked.
//!
//! Checking is pure: it opens nothing and lists every fault at once, each with its field and what is accepted. The
//! actors that run channels are in `busker-channels`. Outgoing connections of this kind have not landed yet.
//! Start with [`ChannelSettings`].

mod settings;

pub use settings::{ChannelSettings, DEFAULT_MAX_BODY_BYTES, MAX_TIMEOUT_MS, ParamsPriority};
