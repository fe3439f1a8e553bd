//! The nouns of Busker: what an object, an invocation, a fault and a report are.
//!
//! This crate has no actors and no sockets, and depends on nothing of ours; everything that crosses a border between
//! crates, processes or nodes is described here. Start with [`object::Object`] (what is configured),
//! [`invocation::Request`] (what a service is asked), [`error::Fault`] (how anything fails) and
//! [`report::SupervisionReport`] (what a dashboard is told).
//!
//! One rule for types here: no `flatten`, untagged or internally tagged enums over free JSON; a reader should see the
//! shape on the wire in the type.

pub mod bus;
pub mod cid;
pub mod error;
pub mod event;
pub mod invocation;
pub mod job;
pub mod name;
pub mod object;
pub mod redis;
pub mod report;
pub mod secret;
pub mod service;
pub mod sio;
pub mod trace;

pub use cid::Cid;
pub use error::{ErrorClass, Exception, Fault, Side, SourceFrame};
pub use invocation::{
    ChannelKind, DataFormat, Payload, Placement, Principal, Reply, Request, Transport,
};
pub use name::{NameError, ServiceName};
pub use object::{Family, Object, ObjectKey};
pub use report::{ActorState, SupervisionReport};
pub use secret::Secret;
pub use service::{Delivery, Origin, ServiceDefinition, ServiceLimits};
pub use trace::TraceParent;
