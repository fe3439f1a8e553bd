//! The reconcile actor. Owns: the families it fills and the revision they show. Hears: hints. Says: changes to families.
//! Dies when: never by itself; an ODB that is away is a state. Restart: permanent, with the node's infrastructure; a
//! fresh one starts from revision 0 and finds its families as they are.

use std::time::Duration;

use busker_channels::Mount;
use busker_kit::ractor::{Actor, ActorProcessingErr, ActorRef, Message};
use busker_kit::{ChildSpec, Pump, Seat, Supervisor};
use busker_model::ActorState;
use busker_odb::Odb;
use busker_services::Directory;
use tokio::sync::watch;

use crate::passes::Passes;

/// Longest time between two passes.
pub const PASS_EVERY: Duration = Duration::from_secs(30);
/// Hints within this time make one pass.
const COALESCE: Duration = Duration::from_millis(50);

/// What reconcile reads and fills.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The operational database.
    pub odb: Odb,
    /// Supervisor of the family of channels.
    pub channels: Supervisor,
    /// Mount table of channels.
    pub mount: Mount,
    /// Services, to tell which channels wait for one.
    pub directory: Directory,
    /// Told the revision after each pass.
    pub revision: watch::Sender<i64>,
}

/// The child spec of the reconcile actor.
#[must_use]
pub fn spec(parts: &Parts) -> ChildSpec {
    let parts = parts.clone();
    ChildSpec::actor("reconcile", "reconcile", move |seat| {
        (
            ReconcileActor,
            ReconcileArgs {
                seat,
                parts: parts.clone(),
            },
        )
    })
}

#[derive(Debug)]
pub(crate) struct ReconcileActor;

#[derive(Debug)]
pub(crate) struct ReconcileArgs {
    seat: Seat,
    parts: Parts,
}

/// It hears nothing by mailbox: hints come through a watch, which keeps only the newest.
#[derive(Debug)]
pub(crate) enum ReconcileMessage {}

impl Message for ReconcileMessage {}

impl Actor for ReconcileActor {
    type Msg = ReconcileMessage;
    type State = Pump;
    type Arguments = ReconcileArgs;

    async fn pre_start(
        &self,
        _me: ActorRef<ReconcileMessage>,
        args: ReconcileArgs,
    ) -> Result<Pump, ActorProcessingErr> {
        Ok(Pump::spawn("reconcile", run(args)))
    }
}

async fn run(args: ReconcileArgs) {
    let mut hints = args.parts.odb.subscribe();
    let seat = args.seat;
    let mut passes = Passes::new(args.parts);
    loop {
        match passes.pass().await {
            Ok(()) => seat.state(ActorState::Running, None),
            Err(fault) => {
                tracing::error!("reconcile: {fault:?}");
                seat.state(ActorState::Degraded, Some("odb-unavailable"));
            }
        }
        let hinted = tokio::time::timeout(PASS_EVERY, hints.changed()).await;
        if matches!(hinted, Ok(Ok(()))) {
            tokio::time::sleep(COALESCE).await;
            hints.mark_unchanged();
        } else if matches!(hinted, Ok(Err(_))) {
            // The database handle is gone: the node is stopping.
            return;
        }
    }
}
