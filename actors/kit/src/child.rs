//! What a supervisor is told about its children: specs are data.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorCell, ActorProcessingErr, SpawnErr};
use thiserror::Error;

use crate::guarded::{Guarded, guarded};
use crate::restart::{Backoff, Intensity, OnExcess, Restart, Strategy};
use crate::supervisor::{SupervisorActor, SupervisorArgs};
use crate::tree::Seat;

/// How a child is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// At once.
    Kill,
    /// It may finish, at most this long.
    Graceful(Duration),
}

/// Time a child has to stop unless its spec says otherwise.
pub const DEFAULT_GRACE: Duration = Duration::from_secs(15);
/// Time a child has to start unless its supervisor says otherwise.
pub const DEFAULT_START_TIMEOUT: Duration = Duration::from_secs(10);

/// The kind of a child that is itself a supervisor.
pub(crate) const SUPERVISOR: &str = "supervisor";

pub(crate) type StartFuture =
    Pin<Box<dyn Future<Output = Result<ActorCell, ActorProcessingErr>> + Send>>;
type StartFn = Arc<dyn Fn(Seat, ActorCell) -> StartFuture + Send + Sync>;
type GivenUpFn = Arc<dyn Fn() + Send + Sync>;

/// Why a child could not be started.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StartError {
    /// One of that name is there already.
    #[error("a child named {0:?} is running already")]
    Taken(String),
    /// Its start failed.
    #[error("{0}: {1}")]
    Failed(String, String),
    /// Its start took longer than allowed.
    #[error("{0}: did not start within {1:?}")]
    TimedOut(String, Duration),
    /// The supervisor is gone or did not answer.
    #[error("the supervisor is gone or did not answer in time")]
    SupervisorGone,
}

/// One child: its name and kind, how it is started, restarted and stopped.
#[derive(Clone)]
pub struct ChildSpec {
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    pub(crate) restart: Restart,
    pub(crate) shutdown: Shutdown,
    pub(crate) backoff: Backoff,
    pub(crate) start: StartFn,
    pub(crate) given_up: Option<GivenUpFn>,
}

impl fmt::Debug for ChildSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildSpec")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl ChildSpec {
    /// An actor; `make` is called for every start.
    pub fn actor<A: Actor>(
        name: impl Into<String>,
        kind: &'static str,
        make: impl Fn(Seat) -> (A, A::Arguments) + Send + Sync + 'static,
    ) -> Self {
        let make = Arc::new(make);
        let start: StartFn = Arc::new(move |seat, supervisor| {
            let make = Arc::clone(&make);
            Box::pin(async move {
                // `make` is the owner's code: when it panics, this one start fails, not the supervisor.
                guarded(async move {
                    let (actor, args) = make(seat);
                    spawn_child(actor, args, supervisor).await
                })
                .await
            })
        });
        Self {
            name: name.into(),
            kind,
            restart: Restart::Permanent,
            shutdown: Shutdown::Graceful(DEFAULT_GRACE),
            backoff: Backoff::default(),
            start,
            given_up: None,
        }
    }

    /// A supervisor with its own children.
    #[must_use]
    pub fn supervisor(spec: SupervisorSpec) -> Self {
        let name = spec.name.clone();
        Self::actor(name, SUPERVISOR, move |seat| {
            (
                SupervisorActor,
                SupervisorArgs {
                    seat,
                    spec: spec.clone(),
                    end: None,
                },
            )
        })
    }

    /// Sets whether it is restarted.
    #[must_use]
    pub fn restart(mut self, restart: Restart) -> Self {
        self.restart = restart;
        self
    }

    /// Sets how it is stopped.
    #[must_use]
    pub fn shutdown(mut self, shutdown: Shutdown) -> Self {
        self.shutdown = shutdown;
        self
    }

    /// Sets what is done when its budget is spent and it stays down: what it published to others is to be taken back. It
    /// runs in the supervisor, so it must not block.
    #[must_use]
    pub fn when_given_up(mut self, act: impl Fn() + Send + Sync + 'static) -> Self {
        self.given_up = Some(Arc::new(act));
        self
    }

    /// Sets the wait before restarts.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the kit is the one place that spawns"
)]
async fn spawn_child<A: Actor>(
    actor: A,
    args: A::Arguments,
    supervisor: ActorCell,
) -> Result<ActorCell, ActorProcessingErr> {
    let started = Guarded::spawn_linked(None, Guarded(actor), args, supervisor).await;
    match started {
        Ok((child, _handle)) => Ok(child.get_cell()),
        Err(SpawnErr::StartupFailed(error)) => Err(error),
        Err(error @ (SpawnErr::ActorAlreadyStarted | SpawnErr::ActorAlreadyRegistered(_))) => {
            Err(error.into())
        }
    }
}

/// A supervisor: its rule and its first children, in start order.
#[derive(Debug, Clone)]
pub struct SupervisorSpec {
    pub(crate) name: String,
    pub(crate) strategy: Strategy,
    pub(crate) intensity: Intensity,
    pub(crate) on_excess: OnExcess,
    pub(crate) start_timeout: Duration,
    pub(crate) children: Vec<ChildSpec>,
}

impl SupervisorSpec {
    /// One-for-one, 5 restarts in 60 s, then it escalates.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            strategy: Strategy::OneForOne,
            intensity: Intensity {
                max: 5,
                within: Duration::from_secs(60),
            },
            on_excess: OnExcess::Escalate,
            start_timeout: DEFAULT_START_TIMEOUT,
            children: Vec::new(),
        }
    }

    /// Sets the strategy.
    #[must_use]
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// Sets the budget.
    #[must_use]
    pub fn intensity(mut self, max: usize, within: Duration) -> Self {
        self.intensity = Intensity { max, within };
        self
    }

    /// Sets what happens when the budget is spent.
    #[must_use]
    pub fn on_excess(mut self, on_excess: OnExcess) -> Self {
        self.on_excess = on_excess;
        self
    }

    /// Sets the time a child has to start.
    #[must_use]
    pub fn start_timeout(mut self, timeout: Duration) -> Self {
        self.start_timeout = timeout;
        self
    }

    /// Adds a child at the end of the start order.
    #[must_use]
    pub fn child(mut self, child: ChildSpec) -> Self {
        self.children.push(child);
        self
    }
}

/// The error an actor ends itself with when it must not go on: it carries what the report shows.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{reason}")]
pub struct Crash {
    /// Why, in one sentence.
    pub reason: String,
    /// Backtrace.
    pub backtrace: Option<String>,
    /// The redacted message or invocation behind it.
    pub cause: Option<String>,
}

impl Crash {
    /// A crash with a reason.
    #[must_use]
    pub fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            backtrace: None,
            cause: None,
        }
    }

    /// Adds a backtrace; an empty one is left out.
    #[must_use]
    pub fn backtrace(mut self, backtrace: impl Into<String>) -> Self {
        self.backtrace = Some(backtrace.into()).filter(|text| !text.is_empty());
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }
}
