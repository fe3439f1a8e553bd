//! What the admin services ask of the node, answered by its parts.

mod actors;
mod caller;
mod control;
mod deployer;
mod dictionaries;
mod jobs;
mod latest;
mod messages;
mod nonces;
mod redis;
mod tokens;
mod view;
mod worker;

pub(crate) use actors::{Actors, restart_here, stop_here};
pub(crate) use caller::Caller;
pub(crate) use control::{Control, Controls};
pub(crate) use deployer::PackageDeployer;
pub(crate) use dictionaries::OdbDictionaries;
pub(crate) use jobs::{Attached, Jobs};
pub(crate) use latest::LatestRevision;
pub(crate) use messages::BusMessages;
pub(crate) use nonces::Nonces;
pub(crate) use redis::NodeRedis;
pub(crate) use tokens::ClusterTokens;
pub(crate) use view::View;
pub(crate) use worker::{BusWorker, version_of};
