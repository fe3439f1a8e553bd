//! The children of one supervisor and what happens to them.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use busker_model::ActorState;
use busker_model::report::{ActorInfo, ReportKind};
use indexmap::IndexMap;
use ractor::{ActorCell, ActorId, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::{Own, SupervisorArgs, SupervisorMessage};
use crate::child::{ChildSpec, Crash, Shutdown, StartError, SupervisorSpec};
use crate::clock;
use crate::pump::runtime;
use crate::restart::{OnExcess, Restart, RestartLog, Strategy};
use crate::tree::Seat;

/// Time between a kill and giving up on it.
const KILL_TIMEOUT: Duration = Duration::from_secs(1);

struct Child {
    spec: ChildSpec,
    seat: Seat,
    cell: Option<ActorCell>,
    /// Raised by every start and stop, so that an old timer finds nothing to do.
    generation: u64,
    attempt: u32,
    log: RestartLog,
    up_since: Option<Instant>,
}

/// State of a supervisor.
pub(crate) struct SupervisorState {
    me: ActorRef<SupervisorMessage>,
    seat: Seat,
    spec: SupervisorSpec,
    escalation: Option<oneshot::Sender<String>>,
    children: IndexMap<String, Child>,
    by_id: HashMap<ActorId, String>,
    log: RestartLog,
    /// Children taken out that are still finishing.
    leaving: JoinSet<()>,
    random: fastrand::Rng,
}

impl std::fmt::Debug for SupervisorState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SupervisorState")
            .field("path", self.seat.path())
            .finish_non_exhaustive()
    }
}

impl SupervisorState {
    /// Starts the fixed children in order; if one fails, those before it are stopped and so does the supervisor.
    pub(super) async fn start(
        args: SupervisorArgs,
        me: ActorRef<SupervisorMessage>,
    ) -> Result<Self, ActorProcessingErr> {
        args.seat
            .tree()
            .enter(args.seat.path(), "supervisor", ActorState::Running);
        let fixed = args.spec.children.clone();
        let mut state = Self {
            me,
            seat: args.seat,
            spec: args.spec,
            escalation: args.escalation,
            children: IndexMap::new(),
            by_id: HashMap::new(),
            log: RestartLog::default(),
            leaving: JoinSet::new(),
            random: fastrand::Rng::new(),
        };
        for outcome in state.on_start(fixed).await {
            if let Err(error) = outcome {
                state.stop_all().await;
                return Err(error.into());
            }
        }
        Ok(state)
    }

    pub(super) async fn on_start(&mut self, specs: Vec<ChildSpec>) -> Vec<Result<(), StartError>> {
        let mut outcomes = Vec::with_capacity(specs.len());
        for spec in specs {
            if self.children.contains_key(&spec.name) {
                outcomes.push(Err(StartError::Taken(spec.name)));
                continue;
            }
            let mut child = self.seated(spec);
            let outcome = self.launch(&mut child).await;
            if outcome.is_ok() {
                self.children.insert(child.spec.name.clone(), child);
            } else {
                child.seat.tree().leave(child.seat.path());
            }
            outcomes.push(outcome);
        }
        outcomes
    }

    pub(super) async fn on_replace(&mut self, spec: ChildSpec) -> Result<(), StartError> {
        let mut new = self.seated(spec);
        self.launch(&mut new).await?;
        if let Some(old) = self.children.insert(new.spec.name.clone(), new) {
            self.let_go(old);
        }
        Ok(())
    }

    pub(super) fn on_stop(&mut self, names: &[String]) -> usize {
        let mut stopped = 0;
        for name in names {
            // Order matters to fixed children only, and those are not stopped one by one.
            let Some(child) = self.children.swap_remove(name) else {
                continue;
            };
            child.seat.report(ReportKind::Stopped, None, None, None);
            child.seat.tree().leave(child.seat.path());
            self.let_go(child);
            stopped += 1;
        }
        stopped
    }

    pub(super) async fn on_restart(&mut self, name: &str) -> Result<(), StartError> {
        let Some(index) = self.children.get_index_of(name) else {
            return Err(StartError::Failed(name.to_owned(), "unknown".to_owned()));
        };
        self.halt(index).await;
        if let Some((_, child)) = self.children.get_index_mut(index) {
            child.log.clear();
            child.attempt = 0;
        }
        self.relaunch(index).await
    }

    pub(super) fn children(&self) -> Vec<ActorInfo> {
        self.children
            .values()
            .filter_map(|child| child.seat.tree().get(child.seat.path()))
            .collect()
    }

    pub(super) fn cell(&self, name: &str) -> Option<ActorCell> {
        self.children.get(name)?.cell.clone()
    }

    /// A child ended. One that we stopped is no longer in the index, so only surprises get past the first line.
    pub(super) async fn on_exit(
        &mut self,
        id: ActorId,
        error: Option<ActorProcessingErr>,
    ) -> Result<(), ActorProcessingErr> {
        let Some(name) = self.by_id.remove(&id) else {
            return Ok(());
        };
        let Some(index) = self.children.get_index_of(&name) else {
            return Ok(());
        };
        let Some((_, child)) = self.children.get_index_mut(index) else {
            return Ok(());
        };
        child.cell = None;
        child.generation += 1;
        let healthy =
            |since: Instant| clock::now().duration_since(since) >= child.spec.backoff.reset_after;
        if child.up_since.take().is_some_and(healthy) {
            child.attempt = 0;
        }
        let crashed = error.is_some();
        let why = report_exit(&child.seat, error);
        let again = match child.spec.restart {
            Restart::Permanent => true,
            Restart::Transient => crashed,
            Restart::Temporary => false,
        };
        if again {
            return self.again(index, &why).await;
        }
        child
            .seat
            .tree()
            .set(child.seat.path(), ActorState::Stopped, None);
        if child.spec.restart == Restart::Temporary {
            child.seat.tree().leave(child.seat.path());
            self.children.shift_remove(&name);
        }
        Ok(())
    }

    /// The backoff of a child is over.
    pub(super) async fn on_due(
        &mut self,
        name: &str,
        generation: u64,
    ) -> Result<(), ActorProcessingErr> {
        let Some((index, _, child)) = self.children.get_full(name) else {
            return Ok(());
        };
        if child.generation != generation || child.cell.is_some() {
            return Ok(());
        }
        let range = match self.spec.strategy {
            Strategy::OneForOne => index..index + 1,
            Strategy::RestForOne => index..self.children.len(),
            Strategy::OneForAll => 0..self.children.len(),
        };
        for other in range.clone().rev() {
            self.halt(other).await;
        }
        for other in range {
            if let Err(error) = self.relaunch(other).await {
                return self.again(other, &error.to_string()).await;
            }
        }
        Ok(())
    }

    /// Counts a restart and plans it, or acts on a spent budget.
    async fn again(&mut self, index: usize, why: &str) -> Result<(), ActorProcessingErr> {
        let now = clock::now();
        let budget = self.spec.intensity;
        let Some((_, child)) = self.children.get_index_mut(index) else {
            return Ok(());
        };
        child.seat.tree().restarted(child.seat.path(), why);
        let within = match self.spec.on_excess {
            OnExcess::Escalate => self.log.count(now, budget),
            OnExcess::Park | OnExcess::Fail => child.log.count(now, budget),
        };
        if within {
            let delay = child.spec.backoff.delay(child.attempt, &mut self.random);
            child.attempt = child.attempt.saturating_add(1);
            child
                .seat
                .tree()
                .set(child.seat.path(), ActorState::Restarting, Some(why));
            let reason = format!("starts again in {} ms: {why}", delay.as_millis());
            child
                .seat
                .report(ReportKind::Restarting, Some(reason), None, None);
            let (name, generation) = (child.spec.name.clone(), child.generation);
            drop(self.me.send_after(delay, move || {
                SupervisorMessage::Own(Own::Due { name, generation })
            }));
            return Ok(());
        }
        let reason = format!(
            "more than {} restarts within {} s: {why}",
            budget.max,
            budget.within.as_secs()
        );
        match self.spec.on_excess {
            OnExcess::Park => give_up(child, ActorState::Parked, ReportKind::Parked, reason),
            OnExcess::Fail => give_up(child, ActorState::Failed, ReportKind::Failed, reason),
            OnExcess::Escalate => return self.escalate(reason).await,
        }
        Ok(())
    }

    async fn escalate(&mut self, reason: String) -> Result<(), ActorProcessingErr> {
        self.stop_all().await;
        self.seat
            .tree()
            .set(self.seat.path(), ActorState::Failed, Some(&reason));
        self.seat
            .report(ReportKind::Escalated, Some(reason.clone()), None, None);
        if let Some(escalation) = self.escalation.take()
            && escalation.send(reason.clone()).is_err()
        {
            tracing::debug!("nobody waits for the end of the root");
        }
        Err(Crash::new(reason).into())
    }

    /// Stops all children in reverse start order, those finishing included.
    pub(super) async fn stop_all(&mut self) {
        if self.spec.children.is_empty() {
            // Dynamic children do not depend on each other: a grace of seconds times a thousand would be an hour.
            for (_, child) in std::mem::take(&mut self.children) {
                child.seat.tree().leave(child.seat.path());
                self.let_go(child);
            }
        }
        for index in (0..self.children.len()).rev() {
            self.halt(index).await;
            if let Some((_, child)) = self.children.get_index(index) {
                child.seat.tree().leave(child.seat.path());
            }
        }
        self.children.clear();
        while self.leaving.join_next().await.is_some() {}
        self.seat.tree().leave(self.seat.path());
    }

    fn seated(&self, spec: ChildSpec) -> Child {
        let seat = self.seat.child(&spec.name);
        Child {
            spec,
            seat,
            cell: None,
            generation: 0,
            attempt: 0,
            log: RestartLog::default(),
            up_since: None,
        }
    }

    async fn relaunch(&mut self, index: usize) -> Result<(), StartError> {
        let name = self.children.get_index(index).map(|(name, _)| name.clone());
        let Some(mut child) = name
            .as_ref()
            .and_then(|name| self.children.swap_remove(name))
        else {
            return Ok(());
        };
        let outcome = self.launch(&mut child).await;
        // Back to the same place: start order is what strategies go by.
        let (place, _) = self.children.insert_full(child.spec.name.clone(), child);
        self.children.swap_indices(place, index);
        outcome
    }

    async fn launch(&mut self, child: &mut Child) -> Result<(), StartError> {
        let name = child.spec.name.clone();
        child.generation += 1;
        child
            .seat
            .tree()
            .enter(child.seat.path(), child.spec.kind, ActorState::Starting);
        let start = (child.spec.start)(child.seat.clone(), self.me.get_cell());
        let started = tokio::time::timeout(self.spec.start_timeout, start).await;
        let outcome = match started {
            Ok(Ok(cell)) => Ok(cell),
            Ok(Err(error)) => Err(StartError::Failed(name.clone(), error.to_string())),
            Err(_) => Err(StartError::TimedOut(name.clone(), self.spec.start_timeout)),
        };
        match outcome {
            Ok(cell) => {
                self.by_id.insert(cell.get_id(), name);
                child.cell = Some(cell);
                child.up_since = Some(clock::now());
                // A child that showed a state of its own while starting keeps it.
                let shown = child.seat.tree().get(child.seat.path());
                if shown.is_none_or(|row| row.state == ActorState::Starting) {
                    child
                        .seat
                        .tree()
                        .set(child.seat.path(), ActorState::Running, None);
                }
                child.seat.report(ReportKind::Started, None, None, None);
                Ok(())
            }
            Err(error) => {
                child
                    .seat
                    .report(ReportKind::StartFailed, Some(error.to_string()), None, None);
                Err(error)
            }
        }
    }

    /// Stops a child in place and waits.
    async fn halt(&mut self, index: usize) {
        let Some((_, child)) = self.children.get_index_mut(index) else {
            return;
        };
        child.generation += 1;
        child.up_since = None;
        if let Some(cell) = child.cell.take() {
            self.by_id.remove(&cell.get_id());
            end(cell, child.spec.shutdown).await;
        }
    }

    /// Lets a child that was taken out finish beside us.
    fn let_go(&mut self, mut child: Child) {
        while self.leaving.try_join_next().is_some() {}
        if let Some(cell) = child.cell.take() {
            self.by_id.remove(&cell.get_id());
            self.leaving
                .spawn_on(end(cell, child.spec.shutdown), &runtime());
        }
    }
}

fn give_up(child: &Child, state: ActorState, kind: ReportKind, reason: String) {
    child
        .seat
        .tree()
        .set(child.seat.path(), state, Some(&reason));
    child.seat.report(kind, Some(reason), None, None);
}

/// Reports how a child ended and says why in one line.
fn report_exit(seat: &Seat, error: Option<ActorProcessingErr>) -> String {
    let Some(error) = error else {
        seat.report(ReportKind::Stopped, None, None, None);
        return "ended".to_owned();
    };
    let crash = match error.downcast::<Crash>() {
        Ok(crash) => *crash,
        Err(other) => Crash::new(other.to_string()),
    };
    seat.report(
        ReportKind::Crashed,
        Some(crash.reason.clone()),
        crash.backtrace,
        crash.cause,
    );
    crash.reason
}

/// Not `stop_and_wait`: that returns at once when somebody already asked for the stop.
async fn end(cell: ActorCell, shutdown: Shutdown) {
    if let Shutdown::Graceful(grace) = shutdown {
        cell.stop(Some("stopped by its supervisor".to_owned()));
        if cell.wait(Some(grace)).await.is_ok() {
            return;
        }
    }
    if cell.kill_and_wait(Some(KILL_TIMEOUT)).await.is_err() {
        tracing::debug!("an actor had ended before it was killed");
    }
}
