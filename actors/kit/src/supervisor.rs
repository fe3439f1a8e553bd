//! A supervisor. Owns: its children and their restart budgets. Hears: start, stop, restart, replace, questions, and the
//! end of each child. Says: a report of every event to the tree.
//! Dies when: its budget is spent under `OnExcess::Escalate` (crash, after its children are stopped in order), or it is
//! stopped (normal). Restart: as its own spec says.

mod state;

use std::future::Future;
use std::time::Duration;

use busker_model::report::ActorInfo;
use ractor::{
    Actor, ActorCell, ActorProcessingErr, ActorRef, Message, RpcReplyPort, SupervisionEvent,
};
use tokio::sync::oneshot;

use crate::ask::ask;
use crate::child::{ChildSpec, StartError, SupervisorSpec};
use crate::tree::{Seat, Tree};
use state::SupervisorState;

/// Longest wait for a supervisor's answer; covers a batch of 100,000 starts.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest wait for a whole tree to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(60);

/// A handle to a running supervisor. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Supervisor(ActorRef<SupervisorMessage>);

/// Resolves when the root ends: `Err` with the reason when it gave up.
#[derive(Debug)]
pub struct RootEnd(oneshot::Receiver<String>);

impl RootEnd {
    /// Waits for the end.
    ///
    /// # Errors
    /// The reason, when the root's budget was spent.
    pub async fn wait(self) -> Result<(), String> {
        match self.0.await {
            Ok(reason) => Err(reason),
            Err(_) => Ok(()),
        }
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
        let (escalation, end) = oneshot::channel();
        let name = spec.name.clone();
        let args = SupervisorArgs {
            seat: tree.root(),
            spec,
            escalation: Some(escalation),
        };
        let started = Actor::spawn(None, SupervisorActor, args).await;
        let (actor, _handle) =
            started.map_err(|error| StartError::Failed(name, error.to_string()))?;
        Ok((Self(actor), RootEnd(end)))
    }

    /// Starts children in order and answers for each.
    pub async fn start_children(&self, specs: Vec<ChildSpec>) -> Vec<Result<(), StartError>> {
        let count = specs.len();
        let asked = ask(&self.0, ANSWER_TIMEOUT, |reply| {
            SupervisorMessage::Start(specs, reply)
        })
        .await;
        asked.unwrap_or_else(|_| vec![Err(StartError::SupervisorGone); count])
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
        let asked = ask(&self.0, ANSWER_TIMEOUT, |reply| {
            SupervisorMessage::Replace(spec, reply)
        })
        .await;
        asked.unwrap_or(Err(StartError::SupervisorGone))
    }

    /// Takes children out and lets them finish; answers how many there were.
    pub async fn stop_children(&self, names: Vec<String>) -> usize {
        ask(&self.0, ANSWER_TIMEOUT, |reply| {
            SupervisorMessage::Stop(names, reply)
        })
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
        let asked = ask(&self.0, ANSWER_TIMEOUT, |reply| {
            SupervisorMessage::Restart(name, reply)
        })
        .await;
        asked.unwrap_or(Err(StartError::SupervisorGone))
    }

    /// Its children as the tree shows them, in start order.
    pub async fn children(&self) -> Vec<ActorInfo> {
        ask(&self.0, ANSWER_TIMEOUT, SupervisorMessage::Children)
            .await
            .unwrap_or_default()
    }

    /// A child that is itself a supervisor.
    pub async fn supervisor(&self, name: &str) -> Option<Self> {
        let name = name.to_owned();
        let cell = ask(&self.0, ANSWER_TIMEOUT, |reply| {
            SupervisorMessage::Child(name, reply)
        })
        .await
        .ok()??;
        Some(Self(ActorRef::from(cell)))
    }

    /// Stops it and all below, in reverse start order, and waits.
    pub async fn stop(&self) {
        self.0.stop(Some("stopped by its owner".to_owned()));
        if self.0.get_cell().wait(Some(STOP_TIMEOUT)).await.is_err() {
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
    pub(crate) escalation: Option<oneshot::Sender<String>>,
}

/// What a supervisor hears.
#[derive(Debug)]
pub(crate) enum SupervisorMessage {
    Start(Vec<ChildSpec>, RpcReplyPort<Vec<Result<(), StartError>>>),
    Replace(ChildSpec, RpcReplyPort<Result<(), StartError>>),
    Stop(Vec<String>, RpcReplyPort<usize>),
    Restart(String, RpcReplyPort<Result<(), StartError>>),
    Children(RpcReplyPort<Vec<ActorInfo>>),
    Child(String, RpcReplyPort<Option<ActorCell>>),
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
                answer(reply, std::future::ready(state.on_stop(&names))).await
            }
            SupervisorMessage::Restart(name, reply) => answer(reply, state.on_restart(&name)).await,
            SupervisorMessage::Children(reply) => {
                answer(reply, std::future::ready(state.children())).await
            }
            SupervisorMessage::Child(name, reply) => {
                answer(reply, std::future::ready(state.cell(&name))).await
            }
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
            // ractor adds variants with features; starts and group changes need no reaction.
            _ => Ok(()),
        }
    }

    /// ractor kills the children of an actor that ends, so they are stopped here, while they still can finish.
    async fn post_stop(
        &self,
        _me: ActorRef<SupervisorMessage>,
        state: &mut SupervisorState,
    ) -> Result<(), ActorProcessingErr> {
        state.stop_all().await;
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
