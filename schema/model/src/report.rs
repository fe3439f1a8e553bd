//! What the supervision tree tells: the state of each actor and the events of its life.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Path of an actor in the tree of its node, such as `node1/channels/http/crm`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ActorPath(Arc<str>);

impl ActorPath {
    /// The root of a node's tree.
    #[must_use]
    pub fn root(node: &str) -> Self {
        Self(node.into())
    }

    /// The path of a child. A `/` in the name is written as `|`, so that a path always splits the same way.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        let name = if name.contains('/') {
            name.replace('/', "|")
        } else {
            name.to_owned()
        };
        Self(format!("{}/{name}", self.0).into())
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last part.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// The path above; `None` for a root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        self.0
            .rsplit_once('/')
            .map(|(parent, _)| Self(parent.into()))
    }
}

impl fmt::Display for ActorPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ActorPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for ActorPath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ActorPath {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(text.into()))
    }
}

/// Where an actor is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActorState {
    /// Being started.
    Starting,
    /// Up and doing its work.
    Running,
    /// Up, but unable to do its work; the note says why (`waiting-for-service`, `reconnecting`, ...).
    Degraded,
    /// Down, and to be started again after its backoff.
    Restarting,
    /// Finishing what it has, refusing what is new.
    Draining,
    /// Down: it crashed more often than its budget allows; reconcile or a person tries again.
    Parked,
    /// Down for good until its code or settings change.
    Failed,
    /// Ended as asked.
    Stopped,
}

impl ActorState {
    /// The word shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Degraded => "degraded",
            Self::Restarting => "restarting",
            Self::Draining => "draining",
            Self::Parked => "parked",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        }
    }
}

/// One actor as a dashboard shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActorInfo {
    /// Path.
    pub path: ActorPath,
    /// What it is: `supervisor`, `channel`, `worker`, ...
    pub kind: String,
    /// State.
    pub state: ActorState,
    /// A short code beside the state, such as `waiting-for-service`, with its reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Unix milliseconds since which the state holds.
    pub since_ms: i64,
    /// Restarts since it was first started.
    pub restarts: u64,
    /// Last reason it went down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

/// What happened to an actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReportKind {
    /// It came up.
    Started,
    /// It ended as asked.
    Stopped,
    /// It panicked, returned an error, or was killed.
    Crashed,
    /// It could not be started.
    StartFailed,
    /// It will be started again.
    Restarting,
    /// Its restart budget is spent; it stays down until reconcile or a person tries again.
    Parked,
    /// It is down for good.
    Failed,
    /// Its supervisor gave up and passes the failure to the one above.
    Escalated,
    /// Its state or note changed without a start or stop.
    StateChanged,
    /// An invocation under it failed in a way an operator should see (panic, worker lost, exception).
    InvocationFailed,
}

impl ReportKind {
    /// The word shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Stopped => "stopped",
            Self::Crashed => "crashed",
            Self::StartFailed => "start-failed",
            Self::Restarting => "restarting",
            Self::Parked => "parked",
            Self::Failed => "failed",
            Self::Escalated => "escalated",
            Self::StateChanged => "state-changed",
            Self::InvocationFailed => "invocation-failed",
        }
    }
}

/// One supervision event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SupervisionReport {
    /// Unix milliseconds.
    pub at_ms: i64,
    /// Actor.
    pub path: ActorPath,
    /// What happened.
    pub kind: ReportKind,
    /// State after it.
    pub state: ActorState,
    /// Why, in one sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Backtrace or traceback, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backtrace: Option<String>,
    /// The message or invocation that caused it, redacted: service, cid, sizes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Restarts so far.
    pub restarts: u64,
}
