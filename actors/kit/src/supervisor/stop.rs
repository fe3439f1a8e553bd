//! How a supervisor takes its children down: in reverse start order, each with its grace.

use std::time::Duration;

use busker_model::ActorState;
use busker_model::report::ReportKind;
use ractor::{ActorCell, ActorProcessingErr};

use super::state::{Child, SupervisorState};
use crate::child::{ChildSpec, Crash, SUPERVISOR, Shutdown};
use crate::pump::runtime;
use crate::tree::Seat;

/// Time between a kill and giving up on it.
const KILL_TIMEOUT: Duration = Duration::from_secs(1);

impl SupervisorState {
    /// Gives up: the children are stopped in order first, because an error makes ractor kill them.
    pub(super) async fn escalate(&mut self, reason: String) -> ActorProcessingErr {
        self.stop_all().await;
        self.seat.set(ActorState::Failed, Some(&reason));
        self.seat
            .report(ReportKind::Escalated, Some(reason.clone()), None, None);
        self.tell_end(Err(reason.clone()));
        Crash::new(reason).into()
    }

    pub(super) async fn on_end(&mut self) {
        self.stop_all().await;
        self.seat.set(ActorState::Stopped, None);
        self.tell_end(Ok(()));
    }

    fn tell_end(&mut self, end: Result<(), String>) {
        if let Some(owner) = self.end.take()
            && owner.send(end).is_err()
        {
            tracing::debug!("nobody waits for the end of the root");
        }
    }

    /// Stops all children in reverse start order, those finishing included. The supervisor's own row is its parent's.
    pub(super) async fn stop_all(&mut self) {
        let path = self.seat.path();
        self.seat.tree().supervisor_down(path, self.me.get_id());
        if self.spec.children.is_empty() {
            // Dynamic children do not depend on each other: a grace of seconds times a thousand would be an hour.
            for (_, child) in std::mem::take(&mut self.children) {
                child.seat.leave();
                self.let_go(child);
            }
        }
        for index in (0..self.children.len()).rev() {
            self.halt(index).await;
            if let Some((_, child)) = self.children.get_index(index) {
                child.seat.leave();
            }
        }
        self.children.clear();
        while self.leaving.join_next().await.is_some() {}
    }

    /// Stops a child in place and waits.
    pub(super) async fn halt(&mut self, index: usize) {
        let generation = self.next_generation();
        let Some((_, child)) = self.children.get_index_mut(index) else {
            return;
        };
        child.generation = generation;
        child.up_since = None;
        if let Some(cell) = child.cell.take() {
            self.by_id.remove(&cell.get_id());
            end(cell, &child.spec, &child.seat).await;
            child.seat.report(ReportKind::Stopped, None, None, None);
        }
    }

    /// Lets a child that was taken out finish beside us.
    pub(super) fn let_go(&mut self, mut child: Child) {
        while self.leaving.try_join_next().is_some() {}
        if let Some(cell) = child.cell.take() {
            self.by_id.remove(&cell.get_id());
            let finish = async move { end(cell, &child.spec, &child.seat).await };
            self.leaving.spawn_on(finish, &runtime());
        }
    }
}

/// Not `stop_and_wait`: that returns at once when somebody already asked for the stop.
async fn end(cell: ActorCell, spec: &ChildSpec, seat: &Seat) {
    if let Shutdown::Graceful(grace) = spec.shutdown {
        cell.stop(Some("stopped by its supervisor".to_owned()));
        if cell.wait(Some(grace)).await.is_ok() {
            return;
        }
    }
    if cell.kill_and_wait(Some(KILL_TIMEOUT)).await.is_err() {
        tracing::debug!("an actor had ended before it was killed");
    }
    // Whoever replaced it holds the path, and keeps what is below.
    let replaced = seat.tree().supervisor(seat.path());
    if spec.kind == SUPERVISOR && replaced.is_none_or(|other| other.get_id() == cell.get_id()) {
        seat.tree().leave_below(seat.path());
    }
}
