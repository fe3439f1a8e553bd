//! Everything that is alive: the state of each actor by path, and a bounded stream of what happened to it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use busker_model::report::{ActorInfo, ActorPath, ReportKind};
use busker_model::{ActorState, SupervisionReport};
use dashmap::DashMap;
use parking_lot::Mutex;
use ractor::{ActorCell, ActorId};
use tokio::sync::broadcast;

use crate::clock;

/// Reports a slow reader may be behind before it loses the oldest.
pub const REPORT_BACKLOG: usize = 1024;
/// Reports kept for those who ask later.
pub const RECENT_REPORTS: usize = 1000;

/// The incarnation of a seat that speaks for whoever sits there now.
const ANY: u64 = 0;

#[derive(Debug, Clone)]
pub(crate) struct Row {
    kind: &'static str,
    state: ActorState,
    note: Option<Box<str>>,
    since_ms: i64,
    restarts: u32,
    last_error: Option<Box<str>>,
    /// Which start of the actor the row belongs to.
    incarnation: u64,
}

#[derive(Debug)]
struct Inner {
    root: ActorPath,
    rows: DashMap<ActorPath, Row>,
    supervisors: DashMap<ActorPath, ActorCell>,
    incarnations: AtomicU64,
    reports: broadcast::Sender<Arc<SupervisionReport>>,
    recent: Mutex<VecDeque<Arc<SupervisionReport>>>,
}

/// The registry of one node's actors. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Tree(Arc<Inner>);

impl Tree {
    /// The tree of a node, empty.
    #[must_use]
    pub fn new(node: &str) -> Self {
        Self(Arc::new(Inner {
            root: ActorPath::root(node),
            rows: DashMap::new(),
            supervisors: DashMap::new(),
            incarnations: AtomicU64::new(ANY),
            reports: broadcast::Sender::new(REPORT_BACKLOG),
            recent: Mutex::new(VecDeque::new()),
        }))
    }

    /// The seat of the root.
    #[must_use]
    pub fn root(&self) -> Seat {
        Seat {
            path: self.0.root.clone(),
            tree: self.clone(),
            incarnation: ANY,
        }
    }

    /// One actor.
    #[must_use]
    pub fn get(&self, path: &ActorPath) -> Option<ActorInfo> {
        self.0.rows.get(path).map(|row| info(path, &row))
    }

    /// Actors at and below a path, sorted by path, at most `limit`.
    #[must_use]
    pub fn snapshot(&self, prefix: Option<&str>, limit: usize) -> Vec<ActorInfo> {
        let wanted = |path: &str| match prefix {
            None => true,
            Some(prefix) => path
                .strip_prefix(prefix)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
        };
        let rows = self.0.rows.iter().filter(|row| wanted(row.key().as_str()));
        let mut found: Vec<_> = rows.map(|row| info(row.key(), row.value())).collect();
        found.sort_by(|a, b| a.path.cmp(&b.path));
        found.truncate(limit);
        found
    }

    /// How many actors there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.rows.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.rows.is_empty()
    }

    /// How many actors are in each state.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for row in &self.0.rows {
            *counts.entry(row.state.as_str()).or_default() += 1;
        }
        counts
    }

    /// Follows reports from now on. A reader more than [`REPORT_BACKLOG`] behind is told how many it lost.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<SupervisionReport>> {
        self.0.reports.subscribe()
    }

    /// The latest reports, oldest first.
    #[must_use]
    pub fn recent(&self, most: usize) -> Vec<Arc<SupervisionReport>> {
        let recent = self.0.recent.lock();
        recent
            .iter()
            .skip(recent.len().saturating_sub(most))
            .cloned()
            .collect()
    }

    /// The supervisor at a path, if one is up.
    pub(crate) fn supervisor(&self, path: &ActorPath) -> Option<ActorCell> {
        self.0.supervisors.get(path).map(|cell| cell.clone())
    }

    pub(crate) fn supervisor_up(&self, path: &ActorPath, cell: ActorCell) {
        self.0.supervisors.insert(path.clone(), cell);
    }

    /// Forgets a supervisor, unless another one has taken its place already.
    pub(crate) fn supervisor_down(&self, path: &ActorPath, id: ActorId) {
        self.0
            .supervisors
            .remove_if(path, |_, cell| cell.get_id() == id);
    }

    /// Forgets all below a path: a supervisor that was killed could not do so itself.
    pub(crate) fn leave_below(&self, path: &ActorPath) {
        let below = |other: &ActorPath| {
            let rest = other.as_str().strip_prefix(path.as_str());
            rest.is_some_and(|rest| rest.starts_with('/'))
        };
        self.0.rows.retain(|other, _| !below(other));
        self.0.supervisors.retain(|other, _| !below(other));
    }

    fn publish(&self, report: SupervisionReport, keep: bool) {
        let report = Arc::new(report);
        if keep {
            let mut recent = self.0.recent.lock();
            if recent.len() >= RECENT_REPORTS {
                recent.pop_front();
            }
            recent.push_back(Arc::clone(&report));
        }
        // No listener is no fault: the report is in the ring.
        drop(self.0.reports.send(report));
    }
}

fn info(path: &ActorPath, row: &Row) -> ActorInfo {
    ActorInfo {
        path: path.clone(),
        kind: row.kind.to_owned(),
        state: row.state,
        note: row.note.as_deref().map(ToOwned::to_owned),
        since_ms: row.since_ms,
        restarts: u64::from(row.restarts),
        last_error: row.last_error.as_deref().map(ToOwned::to_owned),
    }
}

/// An actor's place in the tree: who it is, and where it tells how it is.
#[derive(Debug, Clone)]
pub struct Seat {
    path: ActorPath,
    tree: Tree,
    incarnation: u64,
}

impl Seat {
    /// Path.
    #[must_use]
    pub fn path(&self) -> &ActorPath {
        &self.path
    }

    /// The tree.
    #[must_use]
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The seat of a child.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        Self {
            path: self.path.child(name),
            tree: self.tree.clone(),
            incarnation: ANY,
        }
    }

    /// Shows a state; a report is made only when it differs from the one before.
    pub fn state(&self, state: ActorState, note: Option<&str>) {
        let before = self.tree.get(&self.path);
        let same = before
            .as_ref()
            .is_some_and(|row| row.state == state && row.note.as_deref() == note);
        if same {
            return;
        }
        if !self.set(state, note) {
            return;
        }
        self.report(
            ReportKind::StateChanged,
            note.map(ToOwned::to_owned),
            None,
            None,
        );
    }

    /// Publishes a report about this actor.
    pub fn report(
        &self,
        kind: ReportKind,
        reason: Option<String>,
        backtrace: Option<String>,
        cause: Option<String>,
    ) {
        let (state, restarts) = self.standing();
        let report = SupervisionReport {
            at_ms: clock::unix_ms(),
            path: self.path.clone(),
            kind,
            state,
            reason,
            backtrace,
            cause,
            restarts,
        };
        self.tree.publish(report, true);
    }

    /// Tells those who listen, if any, and nobody later: one of thousands of equal reports must not push a crash out of
    /// the recent ones.
    pub(crate) fn mention(&self, kind: ReportKind) {
        if self.tree.0.reports.receiver_count() == 0 {
            return;
        }
        let (state, restarts) = self.standing();
        let report = SupervisionReport {
            at_ms: clock::unix_ms(),
            path: self.path.clone(),
            kind,
            state,
            reason: None,
            backtrace: None,
            cause: None,
            restarts,
        };
        self.tree.publish(report, false);
    }

    fn standing(&self) -> (ActorState, u64) {
        let row = self.tree.0.rows.get(&self.path);
        row.map_or((ActorState::Stopped, 0), |row| {
            (row.state, u64::from(row.restarts))
        })
    }

    /// Takes the seat for a new start. What an earlier start, still finishing, says of itself no longer counts.
    pub(crate) fn enter(&self, kind: &'static str) -> Self {
        let incarnation = self.tree.0.incarnations.fetch_add(1, Relaxed) + 1;
        let mut row = self
            .tree
            .0
            .rows
            .entry(self.path.clone())
            .or_insert_with(|| Row {
                kind,
                state: ActorState::Starting,
                note: None,
                since_ms: 0,
                restarts: 0,
                last_error: None,
                incarnation,
            });
        row.kind = kind;
        row.state = ActorState::Starting;
        row.note = None;
        row.since_ms = clock::unix_ms();
        row.incarnation = incarnation;
        Self {
            path: self.path.clone(),
            tree: self.tree.clone(),
            incarnation,
        }
    }

    pub(crate) fn row(&self) -> Option<Row> {
        self.tree.0.rows.get(&self.path).map(|row| row.clone())
    }

    /// Puts back what was there before a start that failed.
    pub(crate) fn restore(&self, before: Option<Row>) {
        match before {
            Some(row) => drop(self.tree.0.rows.insert(self.path.clone(), row)),
            None => self.leave(),
        }
    }

    /// Shows a state without a report; `false` when the seat belongs to somebody else by now.
    pub(crate) fn set(&self, state: ActorState, note: Option<&str>) -> bool {
        self.change(|row| {
            row.state = state;
            row.note = note.map(Into::into);
            row.since_ms = clock::unix_ms();
        })
    }

    /// The start went well; a child that showed a state of its own meanwhile keeps it.
    pub(crate) fn up(&self) {
        self.change(|row| {
            if row.state == ActorState::Starting {
                row.state = ActorState::Running;
            }
        });
    }

    pub(crate) fn restarted(&self, error: &str) {
        self.change(|row| {
            row.restarts = row.restarts.saturating_add(1);
            row.last_error = Some(error.into());
        });
    }

    /// Gives the seat up, unless a later start holds it.
    pub(crate) fn leave(&self) {
        let ours = |row: &Row| self.incarnation == ANY || self.incarnation == row.incarnation;
        self.tree.0.rows.remove_if(&self.path, |_, row| ours(row));
    }

    fn change(&self, change: impl FnOnce(&mut Row)) -> bool {
        let Some(mut row) = self.tree.0.rows.get_mut(&self.path) else {
            return false;
        };
        let ours = self.incarnation == ANY || self.incarnation == row.incarnation;
        if ours {
            change(&mut row);
        }
        ours
    }
}
