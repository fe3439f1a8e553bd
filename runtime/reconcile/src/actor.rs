//! The reconcile actor. Owns: the families it fills and the revision they show. Hears: the end of its pump. Says: changes
//! to families.
//! Dies when: its pump does; an ODB that is away is a state. Restart: permanent, with the node's infrastructure; a fresh
//! one starts from revision 0 and finds its families as they are.

use std::sync::Arc;
use std::time::Duration;

use busker_channels::{Known, Mount, TokenSource};
use busker_kit::ractor::{Actor, ActorProcessingErr, ActorRef};
use busker_kit::{ChildSpec, Pump, PumpEnded, Seat, Supervisor};
use busker_model::ActorState;
use busker_odb::Odb;
use busker_outgoing::Outgoing;
use busker_scheduler::Scheduler;
use busker_services::{Directory, ServiceFamily};
use busker_telemetry::Events;
use tokio::sync::watch;

use crate::passes::Passes;

/// Longest time between two passes.
pub const PASS_EVERY: Duration = Duration::from_secs(30);

/// What reconcile reads and fills.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The operational database.
    pub odb: Odb,
    /// Supervisor of the family of channels.
    pub channels: Supervisor,
    /// Mount table of channels.
    pub mount: Mount,
    /// Supervisor of the family of outgoing connections.
    pub connections: Supervisor,
    /// Table of outgoing connections.
    pub outgoing: Outgoing,
    /// The family of services; reconcile brings what operators set.
    pub services: ServiceFamily,
    /// Supervisor of the family of jobs.
    pub jobs: Supervisor,
    /// What jobs run with.
    pub scheduler: Scheduler,
    /// Security definitions for those who know one by its name.
    pub known: Known,
    /// Services, to tell which channels wait for one.
    pub directory: Directory,
    /// Where changes are told.
    pub events: Events,
    /// Buckets of rate limits.
    pub tokens: Arc<dyn TokenSource>,
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

impl Actor for ReconcileActor {
    type Msg = PumpEnded;
    type State = Pump;
    type Arguments = ReconcileArgs;

    async fn pre_start(
        &self,
        me: ActorRef<PumpEnded>,
        args: ReconcileArgs,
    ) -> Result<Pump, ActorProcessingErr> {
        Ok(Pump::vital("reconcile", me, run(args)))
    }

    async fn handle(
        &self,
        _me: ActorRef<PumpEnded>,
        ended: PumpEnded,
        _pump: &mut Pump,
    ) -> Result<(), ActorProcessingErr> {
        ended.crash()
    }
}

#[expect(clippy::infinite_loop, reason = "its pump ends it, with its actor")]
async fn run(args: ReconcileArgs) {
    let mut hints = args.parts.odb.subscribe();
    let mut services = args.parts.directory.subscribe();
    let seat = args.seat;
    let mut passes = Passes::new(args.parts);
    loop {
        // Marked before the pass: what comes while it runs makes another one.
        hints.mark_unchanged();
        match passes.pass().await {
            Ok(()) => seat.state(ActorState::Running, None),
            Err(fault) => {
                tracing::error!("reconcile: {fault:?}");
                seat.state(ActorState::Degraded, Some("odb-unavailable"));
            }
        }
        let waited = tokio::time::timeout(PASS_EVERY, async {
            tokio::select! {
                hint = hints.changed() => hint,
                named = services.changed() => named,
            }
        });
        match waited.await {
            // At once: who makes a channel waits for the pass that shows it, and what comes meanwhile is the next pass.
            Ok(Ok(())) => {}
            // The node is stopping: its tree ends this actor soon.
            Ok(Err(_)) => tokio::time::sleep(PASS_EVERY).await,
            Err(_) => passes.revive().await,
        }
    }
}
