//! Everything that is alive: the state of each actor by path, and a bounded stream of what happened to it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use busker_model::report::{ActorInfo, ActorPath, ReportKind};
use busker_model::{ActorState, SupervisionReport};
use dashmap::DashMap;
use parking_lot::Mutex;
use tokio::sync::broadcast;

use crate::clock;

/// Reports a slow reader may be behind before it loses the oldest.
pub const REPORT_BACKLOG: usize = 1024;
/// Reports kept for those who ask later.
pub const RECENT_REPORTS: usize = 1000;

#[derive(Debug, Clone)]
struct Row {
    kind: &'static str,
    state: ActorState,
    note: Option<Box<str>>,
    since_ms: i64,
    restarts: u32,
    last_error: Option<Box<str>>,
}

#[derive(Debug)]
struct Inner {
    root: ActorPath,
    rows: DashMap<ActorPath, Row>,
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

    pub(crate) fn enter(&self, path: &ActorPath, kind: &'static str, state: ActorState) {
        let mut row = self.0.rows.entry(path.clone()).or_insert_with(|| Row {
            kind,
            state,
            note: None,
            since_ms: 0,
            restarts: 0,
            last_error: None,
        });
        row.state = state;
        row.since_ms = clock::unix_ms();
    }

    pub(crate) fn leave(&self, path: &ActorPath) {
        self.0.rows.remove(path);
    }

    pub(crate) fn set(&self, path: &ActorPath, state: ActorState, note: Option<&str>) {
        if let Some(mut row) = self.0.rows.get_mut(path) {
            row.state = state;
            row.note = note.map(Into::into);
            row.since_ms = clock::unix_ms();
        }
    }

    pub(crate) fn restarted(&self, path: &ActorPath, error: &str) {
        if let Some(mut row) = self.0.rows.get_mut(path) {
            row.restarts = row.restarts.saturating_add(1);
            row.last_error = Some(error.into());
        }
    }

    fn publish(&self, report: SupervisionReport) {
        let report = Arc::new(report);
        {
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
        self.tree.set(&self.path, state, note);
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
        let row = self.tree.get(&self.path);
        self.tree.publish(SupervisionReport {
            at_ms: clock::unix_ms(),
            path: self.path.clone(),
            kind,
            state: row.as_ref().map_or(ActorState::Stopped, |row| row.state),
            reason,
            backtrace,
            cause,
            restarts: row.map_or(0, |row| row.restarts),
        });
    }
}
