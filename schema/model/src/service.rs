//! What the node knows about a service.

use serde::{Deserialize, Serialize};

use crate::invocation::Role;
use crate::name::ServiceName;
use crate::sio::SimpleIo;

/// Where a service's code comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// An admin service of Busker itself.
    Internal,
    /// Rust, built into the node.
    Rust,
    /// A hot-deployed or static Python module.
    Python {
        /// Package id; 0 for a static source.
        package: i64,
        /// Module file, such as `stockmarket.py`.
        file: String,
        /// Worker pool.
        pool: String,
    },
}

/// How asynchronous invocations of a service are kept (design, section 5).
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// Committed before the caller gets its cid.
    #[default]
    Durable,
    /// Kept by the bus alone.
    Fast,
}

/// Limits a service declares for itself; an object of family `service` may override them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceLimits {
    /// Longest run in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Most invocations at once on one node.
    pub max_concurrency: Option<u32>,
}

/// Longest run of a service that sets no timeout, in milliseconds.
pub const DEFAULT_TIMEOUT_MS: u64 = 60_000;
/// Most invocations at once, on one node, of a service that sets no limit.
pub const DEFAULT_MAX_CONCURRENCY: u32 = 1_000;
/// A run longer than this many milliseconds is called slow when the service sets no threshold.
pub const DEFAULT_SLOW_THRESHOLD_MS: u64 = 1_000;

/// A service as its engine publishes it.
#[expect(
    clippy::struct_excessive_bools,
    reason = "four independent facts an engine states, each shown by its name"
)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceDefinition {
    /// Name.
    pub name: ServiceName,
    /// Implementation: `module.Class`, or a Rust type.
    pub impl_name: String,
    /// First paragraph of its documentation.
    pub doc: String,
    /// SimpleIO, if it declares one.
    pub sio: Option<SimpleIo>,
    /// Where its code comes from.
    pub origin: Origin,
    /// Its own limits.
    pub limits: ServiceLimits,
    /// Delivery class of asynchronous invocations.
    pub delivery: Delivery,
    /// Whether an invocation that may have run can be run again.
    pub idempotent: bool,
    /// Whether it decodes JSON itself into its own type, so that the gate leaves JSON alone.
    pub typed: bool,
    /// Whether it blocks or burns CPU and so runs on a pool of its own.
    pub blocking: bool,
    /// Generation of its code on this node; higher is newer.
    pub generation: u64,
    /// Role the public API asks for before it invokes this service.
    pub permission: Role,
}

impl ServiceDefinition {
    /// A definition with defaults for everything but its names and origin.
    #[must_use]
    pub fn new(name: ServiceName, impl_name: impl Into<String>, origin: Origin) -> Self {
        Self {
            name,
            impl_name: impl_name.into(),
            doc: String::new(),
            sio: None,
            origin,
            limits: ServiceLimits::default(),
            delivery: Delivery::default(),
            idempotent: false,
            typed: false,
            blocking: false,
            generation: 0,
            permission: Role::Operator,
        }
    }
}

/// Settings of a service that an operator edits: an object of family `service`, kind `settings`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServiceSettings {
    /// Longest run in milliseconds; overrides the service's own.
    pub timeout_ms: Option<u64>,
    /// Most invocations at once on one node; overrides the service's own.
    pub max_concurrency: Option<u32>,
    /// A longer run, in milliseconds, counts as slow.
    pub slow_threshold_ms: Option<u64>,
    /// Delivery class of asynchronous invocations.
    pub delivery: Option<Delivery>,
    /// On each node one in so many invocations is kept to be looked at; 0 means none.
    pub sample_every: Option<u32>,
}
