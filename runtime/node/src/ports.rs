//! What the admin services ask of the node, answered by its parts.

mod actors;
mod caller;
mod control;
mod deployer;
mod jobs;
mod view;

pub(crate) use actors::Actors;
pub(crate) use caller::Caller;
pub(crate) use control::Control;
pub(crate) use deployer::PackageDeployer;
pub(crate) use jobs::{Attached, Jobs};
pub(crate) use view::View;
