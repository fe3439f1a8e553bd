//! A supervisor. Owns: its children and their restart budgets. Hears: start, stop, restart, replace, questions, and the
//! end of each child. Says: a report of every event to the tree.
//! Dies when: its budget is spent under `OnExcess::Escalate` (crash, after its children are stopped in order), or it is
//! stopped (normal). Restart: as its own spec says.

mod state;
mod stop;

use std::future::{Future, Ready, ready};
use std::time::Duration;

use busker_model::report::{ActorInfo, ActorPath};
use ractor::{
    Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, Message, RpcReplyPort,
    SupervisionEvent,
};
use tokio::sync::oneshot;

use crate::ask::ask;
use crate::child::{ChildSpec, SUPERVISOR, StartError, SupervisorSpec};
use crate::tree::{Seat, Tree};
use state::SupervisorState;

/// Longest wait for a supervisor's answer; covers a batch of 100,000 starts.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest wait for a whole tree to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(60);

/// Children started in one request at most: between two requests the supervisor hears everything else.
const BATCH: usize = 1000;

/// A handle to the supervisor at a path; it goes on to work when that one was restarted. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Supervisor {
    path: ActorPath,
    tree: Tree,
}

/// Resolves when the root ends: `Err` with the reason when it gave up or was lost.
#[derive(Debug)]
pub struct RootEnd(oneshot::Receiver<Result<(), String>>);

impl RootEnd {
    /// Waits for the end.
    ///
    /// # Errors
    /// The reason, when the root's budget was spent, or when it was killed or panicked.
    pub async fn wait(self) -> Result<(), String> {
        let lost = "the root supervisor was killed or panicked";
        self.0.await.unwrap_or_else(|_| Err(lost.to_owned()))
    }
}

impl Supervisor {
    /// Starts the root of a node's tree with its children, in order.
    ///
    /// # Errors
    /// The first child that could not be started; those before it are stopped again.
    #[expect(
        clippy::disallowed_methods,
        reason = "the kit is the one place that spawns"
    )]
    pub async fn start_root(
        tree: &Tree,
        spec: SupervisorSpec,
    ) -> Result<(Self, RootEnd), StartError> {
        let (owner, end) = oneshot::channel();
        let name = spec.name.clone();
        let seat = tree.root().enter(SUPERVISOR);
        let args = SupervisorArgs {
            seat: seat.clone(),
            spec,
            end: Some(owner),
        };
        if let Err(error) = Actor::spawn(None, SupervisorActor, args).await {
            seat.leave();
            return Err(StartError::Failed(name, error.to_string()));
        }
        seat.up();
        let handle = Self {
            path: seat.path().clone(),
            tree: tree.clone(),
        };
        Ok((handle, RootEnd(end)))
    }

    fn cell(&self) -> Option<ActorCell> {
        self.tree.supervisor(&self.path)
    }

    /// Which start of the supervisor is up; a new one knows no dynamic children of the one before.
    pub(crate) fn incarnation(&self) -> Option<ActorId> {
        self.cell().map(|cell| cell.get_id())
    }

    async fn ask<R: Send + 'static>(
        &self,
        message: impl FnOnce(RpcReplyPort<R>) -> SupervisorMessage,
    ) -> Option<R> {
        let actor = ActorRef::from(self.cell()?);
        ask(&actor, ANSWER_TIMEOUT, message).await.ok()
    }

    /// Starts children in order and answers for each.
    pub async fn start_children(&self, mut specs: Vec<ChildSpec>) -> Vec<Result<(), StartError>> {
        let mut outcomes = Vec::with_capacity(specs.len());
        while !specs.is_empty() {
            let later = specs.split_off(specs.len().min(BATCH));
            let count = specs.len();
            let asked = self
                .ask(|reply| SupervisorMessage::Start(specs, reply))
                .await;
            outcomes.extend(asked.unwrap_or_else(|| vec![Err(StartError::SupervisorGone); count]));
            specs = later;
        }
        outcomes
    }

    /// Starts one child.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start_child(&self, spec: ChildSpec) -> Result<(), StartError> {
        self.start_children(vec![spec])
            .await
            .pop()
            .unwrap_or(Err(StartError::SupervisorGone))
    }

    /// Starts a new child in the place of the one of the same name, then lets the old one finish.
    ///
    /// # Errors
    /// [`StartError`]; the old child is left as it was.
    pub async fn replace_child(&self, spec: ChildSpec) -> Result<(), StartError> {
        self.ask(|reply| SupervisorMessage::Replace(spec, reply))
            .await
            .unwrap_or(Err(StartError::SupervisorGone))
    }

    /// Takes children out and lets them finish; answers how many there were.
    pub async fn stop_children(&self, names: Vec<String>) -> usize {
        self.ask(|reply| SupervisorMessage::Stop(names, reply))
            .await
            .unwrap_or(0)
    }

    /// Takes one child out and lets it finish.
    pub async fn stop_child(&self, name: &str) -> bool {
        self.stop_children(vec![name.to_owned()]).await == 1
    }

    /// Stops and starts one child with a fresh budget; a parked or failed one comes up again.
    ///
    /// # Errors
    /// [`StartError`], `Failed` with "unknown" when there is no such child.
    pub async fn restart_child(&self, name: &str) -> Result<(), StartError> {
        let name = name.to_owned();
        self.ask(|reply| SupervisorMessage::Restart(name, reply))
            .await
            .unwrap_or(Err(StartError::SupervisorGone))
    }

    /// Its children as the tree shows them, in start order.
    pub async fn children(&self) -> Vec<ActorInfo> {
        self.ask(SupervisorMessage::Children)
            .await
            .unwrap_or_default()
    }

    /// A child that is itself a supervisor; `None` while it is down.
    pub fn supervisor(&self, name: &str) -> Ready<Option<Self>> {
        let child = Self {
            path: self.path.child(name),
            tree: self.tree.clone(),
        };
        ready(child.cell().map(|_| child))
    }

    /// Stops it and all below, in reverse start order, and waits. For the root: the parent of another one would start it
    /// again, so take that one out with [`Self::stop_child`].
    pub async fn stop(&self) {
        let Some(cell) = self.cell() else { return };
        cell.stop(Some("stopped by its owner".to_owned()));
        if cell.wait(Some(STOP_TIMEOUT)).await.is_err() {
            tracing::error!("a supervisor did not stop within {STOP_TIMEOUT:?}");
        }
    }
}

#[derive(Debug)]
pub(crate) struct SupervisorActor;

#[derive(Debug)]
pub(crate) struct SupervisorArgs {
    pub(crate) seat: Seat,
    pub(crate) spec: SupervisorSpec,
    pub(crate) end: Option<oneshot::Sender<Result<(), String>>>,
}

/// What a supervisor hears.
#[derive(Debug)]
pub(crate) enum SupervisorMessage {
    Start(Vec<ChildSpec>, RpcReplyPort<Vec<Result<(), StartError>>>),
    Replace(ChildSpec, RpcReplyPort<Result<(), StartError>>),
    Stop(Vec<String>, RpcReplyPort<usize>),
    Restart(String, RpcReplyPort<Result<(), StartError>>),
    Children(RpcReplyPort<Vec<ActorInfo>>),
    Own(Own),
}

/// What a supervisor tells itself.
#[derive(Debug)]
pub(crate) enum Own {
    /// The backoff of a child is over; a stale one names an old generation.
    Due { name: String, generation: u64 },
}

impl Message for SupervisorMessage {}

impl Actor for SupervisorActor {
    type Msg = SupervisorMessage;
    type State = SupervisorState;
    type Arguments = SupervisorArgs;

    async fn pre_start(
        &self,
        me: ActorRef<SupervisorMessage>,
        args: SupervisorArgs,
    ) -> Result<SupervisorState, ActorProcessingErr> {
        SupervisorState::start(args, me).await
    }

    async fn handle(
        &self,
        _me: ActorRef<SupervisorMessage>,
        message: SupervisorMessage,
        state: &mut SupervisorState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SupervisorMessage::Start(specs, reply) => answer(reply, state.on_start(specs)).await,
            SupervisorMessage::Replace(spec, reply) => answer(reply, state.on_replace(spec)).await,
            SupervisorMessage::Stop(names, reply) => {
                answer(reply, ready(state.on_stop(&names))).await
            }
            SupervisorMessage::Restart(name, reply) => {
                let outcome = state.on_restart(&name).await?;
                answer(reply, ready(outcome)).await;
            }
            SupervisorMessage::Children(reply) => answer(reply, ready(state.children())).await,
            SupervisorMessage::Own(Own::Due { name, generation }) => {
                return state.on_due(&name, generation).await;
            }
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _me: ActorRef<SupervisorMessage>,
        event: SupervisionEvent,
        state: &mut SupervisorState,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorFailed(cell, error) => {
                state.on_exit(cell.get_id(), Some(error)).await
            }
            SupervisionEvent::ActorTerminated(cell, _, reason) => {
                let killed = reason.filter(|why| why == "killed" || why == "actor_task_cancelled");
                state.on_exit(cell.get_id(), killed.map(Into::into)).await
            }
            SupervisionEvent::ActorStarted(_)
            | SupervisionEvent::ProcessGroupChanged(_)
            | SupervisionEvent::PidLifecycleEvent(_) => Ok(()),
        }
    }

    /// ractor kills the children of an actor that ends, so they are stopped here, while they still can finish.
    async fn post_stop(
        &self,
        _me: ActorRef<SupervisorMessage>,
        state: &mut SupervisorState,
    ) -> Result<(), ActorProcessingErr> {
        state.on_end().await;
        Ok(())
    }
}

/// The asker may have given up; that is no fault of ours.
async fn answer<T: Send + 'static>(reply: RpcReplyPort<T>, work: impl Future<Output = T>) {
    let value = work.await;
    if reply.send(value).is_err() {
        tracing::debug!("a supervisor's answer came too late");
    }
}
