//! A worker's actor. Owns: one worker process and the connection to it, in a pump. Hears: how that process ended.
//! Says: nothing; its connection is in the crew of its generation while it serves.
//! Dies when: the process ends unasked or has to be replaced (crash), or its generation is retired (normal).
//! Restart: transient, by the pool's supervisor, with backoff; the new process gets the same packages.

mod life;

pub(crate) use life::{DEPLOY_TIMEOUT, greet, how_it_ended};

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use busker_kit::ractor::{Actor, ActorProcessingErr, ActorRef, Message};
use busker_kit::{Backoff, ChildSpec, Crash, Pump, Restart, Seat, Shutdown};
use busker_service::{PackageSet, Ports};
use tokio::sync::mpsc;

use crate::crew::Crew;
use crate::meta::{Deployed, Hello};
use crate::quarantine::Quarantine;
use crate::wire::WireError;
use crate::zygote::Zygote;

/// Where the node puts its ports once it has them.
pub type PortsCell = Arc<OnceLock<Arc<Ports>>>;

/// What all workers of one pool and generation share.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) generation: u64,
    pub(crate) pool: String,
    pub(crate) files: PackageSet,
    pub(crate) crew: Arc<Crew>,
    pub(crate) zygote: Arc<Zygote>,
    pub(crate) quarantine: Arc<Quarantine>,
    pub(crate) ports: PortsCell,
    /// Names of the services in the order of their numbers; every worker must come to the same.
    pub(crate) services: OnceLock<Vec<String>>,
    /// What the first worker said of itself.
    pub(crate) hello: OnceLock<Hello>,
    /// Set before its workers are asked to end, so that none is started again.
    pub(crate) retired: AtomicBool,
    /// News for whoever loads the generation; room for one from each seat.
    pub(crate) news: mpsc::Sender<News>,
}

/// How the first deploy at a worker went.
pub(crate) type News = Result<Deployed, NotReady>;

/// Why a worker could not be made ready.
#[derive(Debug)]
pub(crate) enum NotReady {
    NotBorn(busker_model::Fault),
    /// The conversation failed; the text says how the process ended.
    Wire(WireError, String),
    /// Two workers found different services in the same files.
    Differs,
}

impl Plan {
    /// Name of a worker, which is also the name of its actor.
    pub(crate) fn worker_name(&self, seat: usize) -> String {
        format!("gen-{}-worker-{}", self.generation, seat + 1)
    }

    pub(crate) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Acquire)
    }

    /// The one who loads may have had enough.
    fn tell(&self, news: News) {
        if self.news.try_send(news).is_err() {
            tracing::debug!(pool = %self.pool, generation = self.generation, "nobody waits for this worker");
        }
    }
}

/// The worker in one seat, as a child of its pool's supervisor.
///
/// The backoff alone keeps restarts under the budget of 20 in a minute, so that a seat is never given up.
pub(crate) fn worker_spec(plan: &Arc<Plan>, seat_number: usize) -> ChildSpec {
    let backoff = Backoff {
        first: Duration::from_millis(20),
        max: Duration::from_secs(5),
        ..Backoff::default()
    };
    let plan = Arc::clone(plan);
    ChildSpec::actor(
        plan.worker_name(seat_number),
        "python-worker",
        move |seat| {
            (
                WorkerActor,
                WorkerArgs {
                    seat,
                    seat_number,
                    plan: Arc::clone(&plan),
                },
            )
        },
    )
    .backoff(backoff)
    .restart(Restart::Transient)
    .shutdown(Shutdown::Graceful(Duration::from_secs(2)))
}

#[derive(Debug)]
struct WorkerActor;

#[derive(Debug)]
pub(crate) struct WorkerArgs {
    seat: Seat,
    seat_number: usize,
    plan: Arc<Plan>,
}

#[derive(Debug)]
pub(crate) enum WorkerMessage {
    /// The process ended.
    Ended(Ending),
}

impl Message for WorkerMessage {}

/// How a worker's life ended.
#[derive(Debug)]
pub(crate) enum Ending {
    /// As asked, with its generation.
    Retired,
    /// Its packages were refused; whoever loads them has been told.
    Refused,
    /// Unasked, or to be replaced.
    Crashed(Crash),
}

#[derive(Debug)]
struct WorkerState {
    /// Owns the process: it is killed when this is dropped.
    _life: Pump,
}

impl Actor for WorkerActor {
    type Msg = WorkerMessage;
    type State = WorkerState;
    type Arguments = WorkerArgs;

    async fn pre_start(
        &self,
        me: ActorRef<WorkerMessage>,
        args: WorkerArgs,
    ) -> Result<WorkerState, ActorProcessingErr> {
        let life = Pump::spawn("python worker", async move {
            let ending = life::live(&args).await;
            // A stopped actor has no use for the news.
            drop(me.cast(WorkerMessage::Ended(ending)));
        });
        Ok(WorkerState { _life: life })
    }

    async fn handle(
        &self,
        me: ActorRef<WorkerMessage>,
        message: WorkerMessage,
        _state: &mut WorkerState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            WorkerMessage::Ended(ending) => on_ended(ending, &me),
        }
    }
}

fn on_ended(ending: Ending, me: &ActorRef<WorkerMessage>) -> Result<(), ActorProcessingErr> {
    match ending {
        Ending::Retired => me.stop(Some("its generation is retired".to_owned())),
        Ending::Refused => me.stop(Some("its packages were refused".to_owned())),
        Ending::Crashed(crash) => return Err(crash.into()),
    }
    Ok(())
}
