//! What a job does all day: open, catch up, fire, sleep. One task, so that nothing of one job happens twice at a time.

mod open;

use std::sync::Arc;
use std::time::Duration;

use busker_kit::{Seat, clock};
use busker_model::job::{FireKey, FireOrigin, FireRecord, JobStanding};
use busker_model::{ActorState, Cid};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use crate::fire::Fired;
use crate::job::Command;
use crate::plan::{self, Decided, Plan, Rules};
use crate::recorder::{Gone, Recorder};
use crate::schedule::Schedule;
use crate::scheduler::{JobDesired, Scheduler};

/// A job plans anew at least this often, so that a clock that is slewed moves no fire by more than it drifts in that
/// time. Jumps are told at once.
pub const REPLAN_EVERY: Duration = Duration::from_secs(60);
/// How often a fire that waits for a run looks whether that one has ended.
const BUFFER_LOOK_EVERY: Duration = Duration::from_secs(1);
/// Time since the scheduler was made in which a service that is missing may still be deployed.
pub const BOOT_PATIENCE: Duration = Duration::from_secs(30);
/// Wait before a job that could not be opened tries again.
const REOPEN_AFTER: Duration = Duration::from_secs(1);

/// Why a job stops serving under one recorder.
enum End {
    /// It goes.
    Stopped,
    /// The role is elsewhere, or comes back under another epoch.
    Gone,
}

impl From<Gone> for End {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

pub(crate) struct Life {
    pub(crate) seat: Seat,
    pub(crate) desired: Arc<JobDesired>,
    pub(crate) scheduler: Scheduler,
    commands: mpsc::Receiver<Command>,
    stop: watch::Receiver<bool>,
}

/// A job under one recorder.
pub(crate) struct Serving {
    pub(crate) recorder: Recorder,
    pub(crate) schedule: Schedule,
    pub(crate) standing: JobStanding,
    /// The fire that waits for a run to end.
    pub(crate) buffered: Option<(FireKey, Cid)>,
}

impl Life {
    pub(crate) fn new(
        seat: Seat,
        desired: JobDesired,
        scheduler: Scheduler,
        (commands, stop): (mpsc::Receiver<Command>, watch::Receiver<bool>),
    ) -> Self {
        Self {
            seat,
            desired: Arc::new(desired),
            scheduler,
            commands,
            stop,
        }
    }

    /// Lives until it is stopped; first lets the one before it finish.
    pub(crate) async fn live(mut self, before: Option<watch::Receiver<()>>) {
        if let Some(mut before) = before {
            // It ends with an error, which is what is waited for: the other side was dropped.
            while before.changed().await.is_ok() {}
        }
        let mut recorders = self.scheduler.recorder();
        loop {
            let recorder = tokio::select! {
                recorder = next_recorder(&mut recorders) => recorder,
                () = told(&mut self.stop) => return,
            };
            let Some(recorder) = recorder else { return };
            match self.serve(recorder, &mut recorders).await {
                End::Stopped => return,
                End::Gone => self
                    .seat
                    .state(ActorState::Degraded, Some("without-the-role")),
            }
            tokio::select! {
                () = sleep(REOPEN_AFTER) => {}
                _ = recorders.changed() => {}
                () = told(&mut self.stop) => return,
            }
        }
    }

    async fn serve(
        &mut self,
        recorder: Recorder,
        recorders: &mut watch::Receiver<Option<Recorder>>,
    ) -> End {
        let mut serving = match self.open(recorder).await {
            Ok(serving) => serving,
            Err(end) => return end.into(),
        };
        let mut jumps = self.scheduler.jumps();
        let mut services = self.scheduler.parts().services.clone();
        loop {
            self.show(&serving);
            let next = match self.fire_what_is_due(&mut serving).await {
                Ok(next) => next,
                Err(gone) => return gone.into(),
            };
            if *self.stop.borrow() {
                return End::Stopped;
            }
            let nap = self.nap(next, serving.buffered.is_some());
            let command = tokio::select! {
                biased;
                () = told(&mut self.stop) => return End::Stopped,
                _ = recorders.changed() => return End::Gone,
                command = self.commands.recv() => command,
                () = sleep(nap) => None,
                _ = jumps.changed() => None,
                Ok(()) = services.changed() => None,
            };
            if let Err(gone) = self.obey(&mut serving, command).await {
                return gone.into();
            }
        }
    }

    /// How long to sleep before the next look.
    fn nap(&self, next_start_ms: Option<i64>, buffering: bool) -> Duration {
        let now_ms = self.scheduler.parts().wall.unix_ms();
        let until = next_start_ms.map_or(REPLAN_EVERY, |start_ms| {
            Duration::from_millis(u64::try_from(start_ms - now_ms).unwrap_or(0))
        });
        let most = if buffering {
            BUFFER_LOOK_EVERY
        } else {
            REPLAN_EVERY
        };
        until.min(most)
    }

    async fn obey(&self, serving: &mut Serving, command: Option<Command>) -> Result<(), Gone> {
        match command {
            Some(Command::Execute(reply)) => {
                let executed = self.execute(serving).await?;
                if reply.send(executed).is_err() {
                    tracing::debug!("who asked for a run is gone");
                }
            }
            // A waiting fire looks by itself on every turn.
            Some(Command::RunEnded) | None => {}
        }
        self.try_buffered(serving).await
    }

    /// Decides everything that is due by now; answers when the next fire starts.
    async fn fire_what_is_due(&self, serving: &mut Serving) -> Result<Option<i64>, Gone> {
        if !self.desired.active {
            return Ok(None);
        }
        loop {
            let rules = self.rules(&serving.standing);
            let now_ms = self.scheduler.parts().wall.unix_ms();
            let planned_ms = plan::believed(serving.standing.planned_ms, now_ms);
            let Plan {
                decided,
                fires,
                next_start_ms,
            } = plan::plan(&serving.schedule, &rules, planned_ms, now_ms);
            serving.standing.planned_ms = planned_ms;
            if !decided.is_empty() {
                self.decide(serving, decided).await?;
            }
            if fires.is_empty() {
                return Ok(next_start_ms);
            }
            for due_ms in fires {
                serving.standing.planned_ms = due_ms;
                let key = self.key(due_ms, FireOrigin::Schedule);
                let cid = Cid::mint();
                if let Fired::Waits = self.fire(serving, key, cid).await? {
                    serving.buffered = Some((key, cid));
                }
                if *self.stop.borrow() {
                    return Ok(next_start_ms);
                }
            }
        }
    }

    pub(crate) fn rules(&self, standing: &JobStanding) -> Rules {
        let most = self.desired.settings.when.max_runs();
        let left = most.map(|most| most - standing.runs);
        Rules::of(self.desired.number, &self.desired.settings.run, left)
    }

    pub(crate) fn key(&self, due_ms: i64, origin: FireOrigin) -> FireKey {
        FireKey {
            job: self.desired.number,
            due_ms,
            origin,
        }
    }

    /// Writes fires down that are not run.
    pub(crate) async fn decide(
        &self,
        serving: &mut Serving,
        decided: Vec<Decided>,
    ) -> Result<(), Gone> {
        let records: Vec<FireRecord> = decided
            .into_iter()
            .map(|one| self.record(serving, one))
            .collect();
        let last_ms = records.iter().map(|record| record.until_ms).max();
        let planned_ms = last_ms.unwrap_or(serving.standing.planned_ms);
        serving.standing.planned_ms = serving.standing.planned_ms.max(planned_ms);
        let standing = serving.standing.clone();
        serving
            .recorder
            .decide(self.desired.number, records, standing)
            .await
    }

    fn record(&self, serving: &Serving, decided: Decided) -> FireRecord {
        let now_ms = self.scheduler.parts().wall.unix_ms();
        FireRecord {
            key: self.key(decided.stretch.first_ms, FireOrigin::Schedule),
            until_ms: decided.stretch.last_ms,
            fires: decided.stretch.count,
            verdict: decided.verdict,
            reason: decided.reason,
            late_ms: 0,
            cid: None,
            epoch: serving.recorder.epoch,
            recorded_ms: now_ms,
            ended_ms: None,
            outcome: None,
        }
    }

    /// The fire that waits gets its turn when the run before it has ended.
    async fn try_buffered(&self, serving: &mut Serving) -> Result<(), Gone> {
        let Some((key, cid)) = serving.buffered.take() else {
            return Ok(());
        };
        match self.fire(serving, key, cid).await? {
            Fired::Waits => serving.buffered = Some((key, cid)),
            Fired::Done(..) | Fired::Twice => {}
        }
        Ok(())
    }

    /// Whether the service can be invoked; waits for it while the node is young.
    pub(crate) async fn service_is_there(&self) -> bool {
        let parts = self.scheduler.parts();
        let name = &self.desired.settings.run.service;
        let mut services = parts.services.clone();
        loop {
            services.mark_unchanged();
            if parts.invoker.definition(name).is_some() {
                return true;
            }
            let left = BOOT_PATIENCE.saturating_sub(clock::now() - self.scheduler.started());
            if left.is_zero() || *self.stop.borrow() {
                return false;
            }
            let mut stop = self.stop.clone();
            tokio::select! {
                () = sleep(left) => {}
                Ok(()) = services.changed() => {}
                () = told(&mut stop) => {}
            }
        }
    }

    fn show(&self, serving: &Serving) {
        let service = &self.desired.settings.run.service;
        let there = self.scheduler.parts().invoker.definition(service).is_some();
        let now_ms = self.scheduler.parts().wall.unix_ms();
        let more = serving
            .schedule
            .next_after(serving.standing.planned_ms.max(now_ms));
        let used_up = self
            .rules(&serving.standing)
            .runs_left
            .is_some_and(|left| left < 1);
        match () {
            () if !self.desired.active => self.seat.state(ActorState::Degraded, Some("paused")),
            () if !there => self
                .seat
                .state(ActorState::Degraded, Some("waiting-for-service")),
            () if more.is_none() || used_up => {
                self.seat.state(ActorState::Running, Some("no-more-fires"));
            }
            () => self.seat.state(ActorState::Running, None),
        }
    }
}

/// Resolves when a switch is on.
pub(crate) async fn told(switch: &mut watch::Receiver<bool>) {
    if switch.wait_for(|on| *on).await.is_err() {
        // Nobody will ever turn it: the owner is gone, and this task goes with it.
        std::future::pending::<()>().await;
    }
}

/// The recorder there is or comes next; `None` when the scheduler is gone.
async fn next_recorder(recorders: &mut watch::Receiver<Option<Recorder>>) -> Option<Recorder> {
    let found = recorders.wait_for(Option::is_some).await;
    let recorder = found.ok()?.clone();
    recorders.mark_unchanged();
    recorder
}
