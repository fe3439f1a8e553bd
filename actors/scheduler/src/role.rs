//! The role of the scheduler on this node. Owns: the epoch, the recorder and the watch of the clock. Hears: the end of
//! its pumps. Says: the recorder to all jobs, while it has the role; that the clock jumped.
//! Dies when: a pump ends or the database refuses a write (crash). Restart: permanent; a new start takes a new epoch. A
//! database that is away and a role that was lost are states.

use std::time::Duration;

use busker_kit::ractor::{Actor, ActorProcessingErr, ActorRef};
use busker_kit::{ChildSpec, Pump, PumpEnded, Seat, clock};
use busker_model::ActorState;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::life::told;
use crate::recorder::{Desk, Recorder};
use crate::scheduler::Scheduler;
use crate::store::{Loaded, StoreError};

/// Name of the child.
pub(crate) const ROLE: &str = "role";
/// How often the clock on the wall is held against the one that never jumps.
pub const CLOCK_CHECK_EVERY: Duration = Duration::from_millis(500);
/// A difference of more milliseconds than this is a jump.
pub const CLOCK_JUMP_MS: i64 = 250;
/// Wait before the role is asked for again.
const RETAKE_AFTER: Duration = Duration::from_secs(1);
/// Time the last verdicts have to be written when the node stops.
const FLUSH_GRACE: Duration = Duration::from_secs(5);

/// The child spec of the role.
pub(crate) fn spec(scheduler: &Scheduler) -> ChildSpec {
    let scheduler = scheduler.clone();
    ChildSpec::actor(ROLE, "role", move |seat| {
        let args = RoleArgs {
            seat,
            scheduler: scheduler.clone(),
        };
        (RoleActor, args)
    })
}

#[derive(Debug)]
pub(crate) struct RoleActor;

#[derive(Debug)]
pub(crate) struct RoleArgs {
    seat: Seat,
    scheduler: Scheduler,
}

#[derive(Debug)]
pub(crate) struct RoleState {
    stop: watch::Sender<bool>,
    role: Option<Pump>,
    _clock: Pump,
}

impl Actor for RoleActor {
    type Msg = PumpEnded;
    type State = RoleState;
    type Arguments = RoleArgs;

    async fn pre_start(
        &self,
        me: ActorRef<PumpEnded>,
        args: RoleArgs,
    ) -> Result<RoleState, ActorProcessingErr> {
        let (stop, stopping) = watch::channel(false);
        let watch_clock = watch_clock(args.scheduler.clone());
        Ok(RoleState {
            stop,
            _clock: Pump::vital("job-clock", me.clone(), watch_clock),
            role: Some(Pump::vital("job-recorder", me, hold(args, stopping))),
        })
    }

    async fn handle(
        &self,
        _me: ActorRef<PumpEnded>,
        ended: PumpEnded,
        _state: &mut RoleState,
    ) -> Result<(), ActorProcessingErr> {
        ended.crash()
    }

    async fn post_stop(
        &self,
        _me: ActorRef<PumpEnded>,
        state: &mut RoleState,
    ) -> Result<(), ActorProcessingErr> {
        state.stop.send_replace(true);
        if let Some(pump) = state.role.take()
            && timeout(FLUSH_GRACE, pump.join()).await.is_err()
        {
            tracing::warn!("verdicts of jobs were not all written within {FLUSH_GRACE:?}");
        }
        Ok(())
    }
}

/// Has the role as long as the node is told to.
async fn hold(args: RoleArgs, mut stop: watch::Receiver<bool>) {
    let RoleArgs { seat, scheduler } = args;
    let mut held = scheduler.parts().held.clone();
    loop {
        seat.state(ActorState::Degraded, Some("without-the-role"));
        let taken = async {
            told(&mut held).await;
            take(&scheduler, &seat).await
        };
        let (epoch, loaded) = tokio::select! {
            taken = taken => taken,
            () = told(&mut stop) => return,
        };
        tracing::info!(
            "node {} schedules jobs, epoch {epoch}",
            scheduler.parts().node
        );
        seat.state(ActorState::Running, None);
        let (recorder, mut queue) = Recorder::new(epoch);
        let parts = scheduler.parts();
        let ports = (parts.store.clone(), parts.wall.clone());
        let mut desk = Desk::new(ports, seat.clone(), epoch, loaded);
        scheduler.publish(Some(recorder));
        let ending = async {
            tokio::select! {
                () = lost(&mut held) => {}
                () = told(&mut stop) => {}
            }
            scheduler.publish(None);
        };
        let end = desk.run(&mut queue, ending).await;
        scheduler.publish(None);
        if *stop.borrow() {
            return;
        }
        match end {
            Ok(()) => {}
            Err(StoreError::Deposed(why)) => {
                tracing::error!("this node schedules no jobs any more: {why}");
                seat.state(ActorState::Degraded, Some("role-lost"));
                tokio::select! {
                    () = lost(&mut held) => {}
                    () = told(&mut stop) => return,
                }
            }
            Err(StoreError::Away(fault) | StoreError::Refused(fault)) => {
                tracing::error!("fires of jobs could not be written: {fault:?}");
                return;
            }
        }
    }
}

/// Resolves when the node is told to give the role up.
async fn lost(held: &mut watch::Receiver<bool>) {
    if held.wait_for(|held| !*held).await.is_err() {
        // Nobody decides any more: it stays as it is.
        std::future::pending::<()>().await;
    }
}

async fn take(scheduler: &Scheduler, seat: &Seat) -> (i64, Loaded) {
    let parts = scheduler.parts();
    loop {
        let taken = async {
            let epoch = parts.store.take_role(parts.node.clone()).await?;
            Ok::<_, StoreError>((epoch, parts.store.load().await?))
        };
        match taken.await {
            Ok(taken) => return taken,
            Err(error) => {
                tracing::warn!("the role of the scheduler cannot be taken: {error:?}");
                seat.state(ActorState::Degraded, Some("odb-unavailable"));
                sleep(RETAKE_AFTER).await;
            }
        }
    }
}

/// Tells jobs to plan anew when the clock on the wall jumped.
#[expect(
    clippy::infinite_loop,
    reason = "it watches as long as its owner lives"
)]
async fn watch_clock(scheduler: Scheduler) {
    let wall = scheduler.parts().wall.clone();
    let (mut seen, mut at) = (wall.unix_ms(), clock::now());
    loop {
        sleep(CLOCK_CHECK_EVERY).await;
        let (now_ms, now) = (wall.unix_ms(), clock::now());
        let passed = i64::try_from((now - at).as_millis()).unwrap_or(i64::MAX);
        let jumped_ms = now_ms - seen - passed;
        if jumped_ms.abs() > CLOCK_JUMP_MS {
            tracing::warn!("the clock jumped by {jumped_ms} ms: jobs are planned anew");
            scheduler.clock_jumped();
        }
        (seen, at) = (now_ms, now);
    }
}
