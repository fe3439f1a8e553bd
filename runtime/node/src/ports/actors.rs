//! Acts on single actors by their path.

use busker_admin::ports::TreeControl;
use busker_kit::{StartError, Supervisor};
use busker_model::report::ActorPath;
use busker_model::{ErrorClass, Fault};
use busker_service::BoxFuture;

/// Reaches every actor through its supervisor.
#[derive(Debug)]
pub(crate) struct Actors {
    root: Supervisor,
}

impl Actors {
    pub(crate) const fn new(root: Supervisor) -> Self {
        Self { root }
    }
}

impl TreeControl for Actors {
    fn restart(&self, path: ActorPath) -> BoxFuture<'static, Result<(), Fault>> {
        Box::pin(restart(self.root.clone(), path))
    }
}

async fn restart(root: Supervisor, path: ActorPath) -> Result<(), Fault> {
    let mut names: Vec<&str> = path.as_str().split('/').skip(1).collect();
    let Some(name) = names.pop() else {
        let message = format!("path: {path} is the node itself; restart it with `busker restart`");
        return Err(Fault::new(ErrorClass::Conflict, message));
    };
    let mut supervisor = root;
    for above in names {
        let below = supervisor.supervisor(above).await;
        supervisor = below.ok_or_else(|| {
            Fault::new(
                ErrorClass::Conflict,
                format!("path: {above:?} above {path} is down or is no supervisor"),
            )
        })?;
    }
    supervisor
        .restart_child(name)
        .await
        .map_err(|error| match error {
            StartError::Failed(..) | StartError::TimedOut(..) | StartError::Taken(_) => Fault::new(
                ErrorClass::Conflict,
                format!("path: {path} could not be started: {error}"),
            ),
            StartError::SupervisorGone => {
                Fault::new(ErrorClass::Unavailable, format!("path: {path}: {error}"))
            }
        })
}
