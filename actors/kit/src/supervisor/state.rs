//! The children of one supervisor and what happens to them.

use std::collections::HashMap;
use std::ops::Range;
use std::time::Instant;

use busker_model::ActorState;
use busker_model::report::{ActorInfo, ReportKind};
use indexmap::IndexMap;
use ractor::{ActorCell, ActorId, ActorProcessingErr, ActorRef};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::{Own, SupervisorArgs, SupervisorMessage};
use crate::child::{ChildSpec, Crash, SUPERVISOR, StartError, SupervisorSpec};
use crate::clock;
use crate::restart::{OnExcess, Restart, RestartLog, Strategy};
use crate::tree::Seat;

/// At most this many starts or stops in one request are reported one by one to those who ask later.
const FEW: usize = 16;

pub(super) struct Child {
    pub(super) spec: ChildSpec,
    pub(super) seat: Seat,
    pub(super) cell: Option<ActorCell>,
    /// New with every start and stop, so that an old timer finds nothing to do.
    pub(super) generation: u64,
    attempt: u32,
    log: RestartLog,
    pub(super) up_since: Option<Instant>,
    /// Down until somebody asks for it: parked, failed, or ended by itself.
    resting: bool,
}

/// State of a supervisor.
pub(crate) struct SupervisorState {
    pub(super) me: ActorRef<SupervisorMessage>,
    pub(super) seat: Seat,
    pub(super) spec: SupervisorSpec,
    pub(super) end: Option<oneshot::Sender<Result<(), String>>>,
    pub(super) children: IndexMap<String, Child>,
    pub(super) by_id: HashMap<ActorId, String>,
    log: RestartLog,
    /// Children taken out that are still finishing.
    pub(super) leaving: JoinSet<()>,
    /// Last generation given out; one count for all, since a replacement must not repeat those of the child before it.
    generations: u64,
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
        let fixed = args.spec.children.clone();
        let mut state = Self {
            me,
            seat: args.seat,
            spec: args.spec,
            end: args.end,
            children: IndexMap::new(),
            by_id: HashMap::new(),
            log: RestartLog::default(),
            leaving: JoinSet::new(),
            generations: 0,
            random: fastrand::Rng::new(),
        };
        for outcome in state.on_start(fixed).await {
            if let Err(error) = outcome {
                state.stop_all().await;
                return Err(error.into());
            }
        }
        let path = state.seat.path();
        state.seat.tree().supervisor_up(path, state.me.get_cell());
        Ok(state)
    }

    pub(super) fn next_generation(&mut self) -> u64 {
        self.generations += 1;
        self.generations
    }

    pub(super) async fn on_start(&mut self, specs: Vec<ChildSpec>) -> Vec<Result<(), StartError>> {
        let mut outcomes = Vec::with_capacity(specs.len());
        let many = specs.len() > FEW;
        for spec in specs {
            if self.children.contains_key(&spec.name) {
                outcomes.push(Err(StartError::Taken(spec.name)));
                continue;
            }
            let mut child = self.seated(spec);
            let outcome = self.launch(&mut child).await;
            if outcome.is_ok() {
                announce(&child.seat, ReportKind::Started, many);
                self.children.insert(child.spec.name.clone(), child);
            } else {
                child.seat.leave();
            }
            outcomes.push(outcome);
        }
        outcomes
    }

    pub(super) async fn on_replace(&mut self, spec: ChildSpec) -> Result<(), StartError> {
        let mut new = self.seated(spec);
        let before = new.seat.row();
        if let Err(error) = self.launch(&mut new).await {
            // The old one goes on, and so does what it showed.
            new.seat.restore(before);
            return Err(error);
        }
        announce(&new.seat, ReportKind::Started, false);
        if let Some(old) = self.children.insert(new.spec.name.clone(), new) {
            self.let_go(old);
        }
        Ok(())
    }

    pub(super) fn on_stop(&mut self, names: &[String]) -> usize {
        let mut stopped = 0;
        let ordered = !self.spec.children.is_empty();
        for name in names {
            // The order of fixed children is that of starts, restarts and the end; dynamic ones have none to keep.
            let taken = match ordered {
                true => self.children.shift_remove(name),
                false => self.children.swap_remove(name),
            };
            let Some(child) = taken else {
                continue;
            };
            announce(&child.seat, ReportKind::Stopped, names.len() > FEW);
            child.seat.leave();
            self.let_go(child);
            stopped += 1;
        }
        stopped
    }

    /// The outer error is the end of this supervisor; the inner one is the answer.
    pub(super) async fn on_restart(
        &mut self,
        name: &str,
    ) -> Result<Result<(), StartError>, ActorProcessingErr> {
        let Some(index) = self.children.get_index_of(name) else {
            let unknown = StartError::Failed(name.to_owned(), "unknown".to_owned());
            return Ok(Err(unknown));
        };
        self.halt(index).await;
        if let Some((_, child)) = self.children.get_index_mut(index) {
            child.log.clear();
            child.attempt = 0;
        }
        if let Err(error) = self.relaunch(index).await {
            self.again(index, &error.to_string()).await?;
            return Ok(Err(error));
        }
        // Those that were taken down with it, and wait for it, come up too.
        self.raise(self.affected(index)).await?;
        Ok(Ok(()))
    }

    pub(super) fn children(&self) -> Vec<ActorInfo> {
        self.children
            .values()
            .filter_map(|child| child.seat.tree().get(child.seat.path()))
            .collect()
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
        let generation = self.next_generation();
        let Some((_, child)) = self.children.get_index_mut(index) else {
            return Ok(());
        };
        child.cell = None;
        child.generation = generation;
        let healthy =
            |since: Instant| clock::now().duration_since(since) >= child.spec.backoff.reset_after;
        if child.up_since.take().is_some_and(healthy) {
            child.attempt = 0;
        }
        let crashed = error.is_some();
        if crashed && child.spec.kind == SUPERVISOR {
            child.seat.tree().leave_below(child.seat.path());
        }
        let why = report_exit(&child.seat, error);
        let again = match child.spec.restart {
            Restart::Permanent => true,
            Restart::Transient => crashed,
            Restart::Temporary => false,
        };
        if again {
            self.again(index, &why).await?;
            return Ok(());
        }
        child.resting = true;
        child.seat.set(ActorState::Stopped, None);
        if child.spec.restart == Restart::Temporary {
            child.seat.leave();
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
        let name = name.to_owned();
        let range = self.affected(index);
        for other in range.clone().rev() {
            self.halt(other).await;
            if let Some((_, child)) = self.children.get_index(other)
                && !child.resting
            {
                let note = format!("waits for {name}");
                child.seat.set(ActorState::Restarting, Some(&note));
            }
        }
        self.raise(range).await
    }

    /// Whom a crash of this child concerns.
    fn affected(&self, index: usize) -> Range<usize> {
        match self.spec.strategy {
            Strategy::OneForOne => index..index + 1,
            Strategy::RestForOne => index..self.children.len(),
            Strategy::OneForAll => 0..self.children.len(),
        }
    }

    /// Starts those that are down and not resting, in order, up to the first that has to wait for its next try.
    async fn raise(&mut self, range: Range<usize>) -> Result<(), ActorProcessingErr> {
        for index in range {
            let child = self.children.get_index(index).map(|(_, child)| child);
            if child.is_none_or(|child| child.cell.is_some() || child.resting) {
                continue;
            }
            if let Err(error) = self.relaunch(index).await
                && self.again(index, &error.to_string()).await?
            {
                break;
            }
        }
        Ok(())
    }

    /// Counts a restart and plans it, or acts on a spent budget; `true` when it is planned.
    async fn again(&mut self, index: usize, why: &str) -> Result<bool, ActorProcessingErr> {
        let now = clock::now();
        let budget = self.spec.intensity;
        let Some((_, child)) = self.children.get_index_mut(index) else {
            return Ok(false);
        };
        child.seat.restarted(why);
        let within = match self.spec.on_excess {
            OnExcess::Escalate => self.log.count(now, budget),
            OnExcess::Park | OnExcess::Fail => child.log.count(now, budget),
        };
        if within {
            let delay = child.spec.backoff.delay(child.attempt, &mut self.random);
            child.attempt = child.attempt.saturating_add(1);
            child.seat.set(ActorState::Restarting, Some(why));
            let reason = format!("starts again in {} ms: {why}", delay.as_millis());
            child
                .seat
                .report(ReportKind::Restarting, Some(reason), None, None);
            let (name, generation) = (child.spec.name.clone(), child.generation);
            drop(self.me.send_after(delay, move || {
                SupervisorMessage::Own(Own::Due { name, generation })
            }));
            return Ok(true);
        }
        let reason = format!(
            "more than {} restarts within {} s: {why}",
            budget.max,
            budget.within.as_secs()
        );
        match self.spec.on_excess {
            OnExcess::Park => give_up(child, ActorState::Parked, ReportKind::Parked, reason),
            OnExcess::Fail => give_up(child, ActorState::Failed, ReportKind::Failed, reason),
            OnExcess::Escalate => return Err(self.escalate(reason).await),
        }
        Ok(false)
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
            resting: false,
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
        if outcome.is_ok() {
            announce(&child.seat, ReportKind::Started, false);
        }
        // Back to the same place: start order is what strategies go by.
        let (place, _) = self.children.insert_full(child.spec.name.clone(), child);
        self.children.swap_indices(place, index);
        outcome
    }

    async fn launch(&mut self, child: &mut Child) -> Result<(), StartError> {
        let name = child.spec.name.clone();
        child.generation = self.next_generation();
        child.resting = false;
        child.seat = child.seat.enter(child.spec.kind);
        let start = (child.spec.start)(child.seat.clone(), self.me.get_cell());
        let limit = self.spec.start_timeout;
        let (error, crash) = match tokio::time::timeout(limit, start).await {
            Ok(Ok(cell)) => {
                self.by_id.insert(cell.get_id(), name);
                child.cell = Some(cell);
                child.up_since = Some(clock::now());
                child.seat.up();
                return Ok(());
            }
            Ok(Err(error)) => {
                let crash = crash_of(error);
                (StartError::Failed(name, crash.reason.clone()), crash)
            }
            Err(_) => {
                let error = StartError::TimedOut(name, limit);
                let crash = Crash::new(error.to_string());
                (error, crash)
            }
        };
        child.seat.report(
            ReportKind::StartFailed,
            Some(error.to_string()),
            crash.backtrace,
            crash.cause,
        );
        Err(error)
    }
}

/// A report of one among few is kept; one among many is only for those who listen.
fn announce(seat: &Seat, kind: ReportKind, many: bool) {
    if many {
        seat.mention(kind);
    } else {
        seat.report(kind, None, None, None);
    }
}

fn give_up(child: &mut Child, state: ActorState, kind: ReportKind, reason: String) {
    child.resting = true;
    child.seat.set(state, Some(&reason));
    child.seat.report(kind, Some(reason), None, None);
    if let Some(act) = &child.spec.given_up {
        act();
    }
}

fn crash_of(error: ActorProcessingErr) -> Crash {
    match error.downcast::<Crash>() {
        Ok(crash) => *crash,
        Err(other) => Crash::new(other.to_string()),
    }
}

/// Reports how a child ended and says why in one line.
fn report_exit(seat: &Seat, error: Option<ActorProcessingErr>) -> String {
    let Some(error) = error else {
        seat.report(ReportKind::Stopped, None, None, None);
        return "ended".to_owned();
    };
    let crash = crash_of(error);
    seat.report(
        ReportKind::Crashed,
        Some(crash.reason.clone()),
        crash.backtrace,
        crash.cause,
    );
    crash.reason
}
