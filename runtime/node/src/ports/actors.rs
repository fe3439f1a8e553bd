//! Acts on single actors by their path.

use busker_admin::ports::TreeControl;
use busker_kit::{StartError, Supervisor};
use busker_membership::Peers;
use busker_membership::gateway::Question;
use busker_model::report::ActorPath;
use busker_model::{ErrorClass, Fault};
use busker_service::BoxFuture;

use crate::node::Node;

/// Reaches every actor through its supervisor, and those of other nodes through their gateway.
#[derive(Debug)]
pub(crate) struct Actors {
    root: Supervisor,
    name: String,
    peers: Option<Peers>,
}

impl Actors {
    pub(crate) fn new(node: &Node) -> Self {
        Self {
            root: node.ground.root.clone(),
            name: node.ground.config.node.name.clone(),
            peers: node.peers.clone(),
        }
    }

    /// The gateways of the others, when the actor is one of theirs, and which of them has it.
    fn elsewhere(&self, path: &ActorPath) -> Option<(Peers, String)> {
        let owner = path.as_str().split('/').next().unwrap_or_default();
        let peers = self.peers.as_ref().filter(|_| owner != self.name)?;
        Some((peers.clone(), owner.to_owned()))
    }
}

impl TreeControl for Actors {
    fn restart(&self, path: ActorPath) -> BoxFuture<'static, Result<(), Fault>> {
        match self.elsewhere(&path) {
            Some(there) => Box::pin(ask(there, Question::Restart(path))),
            None => Box::pin(restart_here(self.root.clone(), path)),
        }
    }

    fn stop(&self, path: ActorPath) -> BoxFuture<'static, Result<(), Fault>> {
        match self.elsewhere(&path) {
            Some(there) => Box::pin(ask(there, Question::Stop(path))),
            None => Box::pin(stop_here(self.root.clone(), path)),
        }
    }
}

async fn ask((peers, owner): (Peers, String), question: Question) -> Result<(), Fault> {
    peers.ask(&owner, &question).await.map(drop)
}

/// Stops an actor of this node and starts it again.
pub(crate) async fn restart_here(root: Supervisor, path: ActorPath) -> Result<(), Fault> {
    let (supervisor, name) = find(root, &path).await?;
    let restarted = supervisor.restart_child(&name).await;
    restarted.map_err(|error| match error {
        StartError::Failed(..) | StartError::TimedOut(..) | StartError::Taken(_) => {
            conflict(format!("path: {path} could not be started: {error}"))
        }
        StartError::SupervisorGone => {
            Fault::new(ErrorClass::Unavailable, format!("path: {path}: {error}"))
        }
    })
}

/// Stops an actor of this node; what it is configured for comes back with the next change or start.
pub(crate) async fn stop_here(root: Supervisor, path: ActorPath) -> Result<(), Fault> {
    let (supervisor, name) = find(root, &path).await?;
    if supervisor.stop_child(&name).await {
        return Ok(());
    }
    Err(Fault::not_found(format!("path: there is no actor {path}")))
}

/// The supervisor of an actor, and the actor's name under it.
async fn find(root: Supervisor, path: &ActorPath) -> Result<(Supervisor, String), Fault> {
    let mut names: Vec<&str> = path.as_str().split('/').skip(1).collect();
    let Some(name) = names.pop() else {
        return Err(conflict(format!(
            "path: {path} is the node itself; restart it with `busker restart`"
        )));
    };
    let mut supervisor = root;
    for above in names {
        let below = supervisor.supervisor(above).await;
        supervisor = below.ok_or_else(|| {
            conflict(format!(
                "path: {above:?} above {path} is down or is no supervisor"
            ))
        })?;
    }
    Ok((supervisor, name.to_owned()))
}

fn conflict(message: String) -> Fault {
    Fault::new(ErrorClass::Conflict, message)
}
