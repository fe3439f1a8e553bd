//! One job. Owns: its next due time and the fires it has on the way. Hears: that somebody wants a run now, that a run of
//! it ended, the end of its pump. Says: fires to the recorder, and runs to the invoker.
//! Dies when: it is stopped or replaced (normal, after its last fire is handed over), or its pump fails (crash).
//! Restart: permanent with backoff, then parked; siblings are untouched, and what it missed meets its catch-up policy.

use std::time::Duration;

use busker_kit::ractor::{Actor, ActorProcessingErr, ActorRef, Message, RpcReplyPort};
use busker_kit::{ChildSpec, Pump, PumpEnded, Seat};
use busker_model::Fault;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::life::Life;
use crate::scheduler::{Executed, JobDesired, Registered, Scheduler};

/// Requests to run now that may wait.
const COMMANDS_WAITING: usize = 16;
/// Time a job has to hand over the fire it is at, when it goes.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// The child spec of a job.
pub(crate) fn spec(name: &str, desired: &JobDesired, scheduler: &Scheduler) -> ChildSpec {
    let (desired, scheduler) = (desired.clone(), scheduler.clone());
    ChildSpec::actor(name, "job", move |seat| {
        let args = JobArgs {
            seat,
            desired: desired.clone(),
            scheduler: scheduler.clone(),
        };
        (JobActor, args)
    })
}

#[derive(Debug)]
pub(crate) struct JobActor;

#[derive(Debug)]
pub(crate) struct JobArgs {
    seat: Seat,
    desired: JobDesired,
    scheduler: Scheduler,
}

#[derive(Debug)]
pub(crate) enum JobMessage {
    /// Run it now.
    Execute(RpcReplyPort<Result<Executed, Fault>>),
    /// A run of it has ended: one that waits may start.
    RunEnded,
    /// Its pump ended, which it must not.
    Ended(PumpEnded),
}

impl Message for JobMessage {}

impl From<PumpEnded> for JobMessage {
    fn from(ended: PumpEnded) -> Self {
        Self::Ended(ended)
    }
}

/// What the pump is asked.
#[derive(Debug)]
pub(crate) enum Command {
    Execute(RpcReplyPort<Result<Executed, Fault>>),
    RunEnded,
}

#[derive(Debug)]
pub(crate) struct JobState {
    number: i64,
    scheduler: Scheduler,
    commands: mpsc::Sender<Command>,
    stop: watch::Sender<bool>,
    pump: Option<Pump>,
}

impl Actor for JobActor {
    type Msg = JobMessage;
    type State = JobState;
    type Arguments = JobArgs;

    async fn pre_start(
        &self,
        me: ActorRef<JobMessage>,
        args: JobArgs,
    ) -> Result<JobState, ActorProcessingErr> {
        let JobArgs {
            seat,
            desired,
            scheduler,
        } = args;
        let number = desired.number;
        let (stop, stopping) = watch::channel(false);
        let (commands, asked) = mpsc::channel(COMMANDS_WAITING);
        let (alive, done) = watch::channel(());
        let registered = Registered {
            actor: me.clone(),
            done,
        };
        let before = scheduler.enter(number, registered);
        let life = Life::new(seat, desired, scheduler.clone(), (asked, stopping));
        let work = async move {
            life.live(before).await;
            drop(alive);
        };
        let pump = Pump::vital("job", me, work);
        Ok(JobState {
            number,
            scheduler,
            commands,
            stop,
            pump: Some(pump),
        })
    }

    async fn handle(
        &self,
        _me: ActorRef<JobMessage>,
        message: JobMessage,
        state: &mut JobState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            JobMessage::Execute(reply) => state.on_execute(reply),
            JobMessage::RunEnded => state.on_run_ended(),
            JobMessage::Ended(ended) => return ended.crash(),
        }
        Ok(())
    }

    async fn post_stop(
        &self,
        me: ActorRef<JobMessage>,
        state: &mut JobState,
    ) -> Result<(), ActorProcessingErr> {
        state.scheduler.leave(state.number, &me);
        state.stop.send_replace(true);
        if let Some(pump) = state.pump.take()
            && timeout(STOP_GRACE, pump.join()).await.is_err()
        {
            tracing::warn!(
                "job {} did not finish its fire within {STOP_GRACE:?}",
                state.number
            );
        }
        Ok(())
    }
}

impl JobState {
    fn on_execute(&self, reply: RpcReplyPort<Result<Executed, Fault>>) {
        let Err(refused) = self.commands.try_send(Command::Execute(reply)) else {
            return;
        };
        let (mpsc::error::TrySendError::Full(command) | mpsc::error::TrySendError::Closed(command)) =
            refused;
        if let Command::Execute(reply) = command {
            let text = format!("{COMMANDS_WAITING} requests to run this job wait already");
            if reply.send(Err(Fault::busy(text, 1))).is_err() {
                tracing::debug!("who asked for a run is gone");
            }
        }
    }

    /// A full queue loses nothing: the job looks by itself too.
    fn on_run_ended(&self) {
        if self.commands.try_send(Command::RunEnded).is_err() {
            tracing::debug!("job {} is busy", self.number);
        }
    }
}
