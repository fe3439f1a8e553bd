//! Membership: who is in the cluster, who holds its singleton role, and how its nodes talk to each other.
//!
//! Every node says over Redis pub/sub that it is there, five times a second ([`beacon`]); the [`roster`] makes of it who is
//! there. A [`lease`] in Redis with an epoch of the database decides who holds a role. Sessions of
//! `ractor_cluster` over our own [`transport`] carry operations and hints between the [`gateway`]s of nodes. Nothing here carries invocations: those
//! are the bus.
//!
//! Start with [`roster`] and [`lease`], the rules of which are pure.

pub mod beacon;
mod book;
pub mod buckets;
mod cluster;
pub mod gateway;
pub mod lease;
pub mod limits;
mod member;
pub mod members;
mod peers;
mod redis;
pub mod role;
pub mod roster;
mod secret;
mod server;
mod sessions;
mod stream;
pub mod transport;

pub use cluster::{Cluster, Transport};
pub use member::MemberId;
pub use members::{Members, MembersParts, View};
pub use peers::Peers;
pub use redis::RedisAddress;
pub use role::{Role, RoleParts};
pub use secret::{ClusterKeys, SECRET_MIN};
pub use transport::{PubSubTransport, TcpTransport, TlsPaths};
