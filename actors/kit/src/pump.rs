//! An owned task that ends with its owner, and the runtime such tasks run on.

use std::future::Future;
use std::sync::OnceLock;

use ractor::{ActorProcessingErr, ActorRef, Message};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;

use crate::child::Crash;
use crate::panic::caught;

/// Threads for work that blocks; more of it at once waits for one.
pub const BLOCKING_THREADS: usize = 16;

static RUNTIME: OnceLock<Handle> = OnceLock::new();
static BLOCKING: OnceLock<Option<Runtime>> = OnceLock::new();

/// Names the node's runtime, so that tasks started from an HTTP worker's own small runtime land on it.
pub fn install_runtime(handle: Handle) {
    if RUNTIME.set(handle).is_err() {
        tracing::debug!("the runtime was named twice; the first stays");
    }
}

pub(crate) fn runtime() -> Handle {
    RUNTIME.get().cloned().unwrap_or_else(Handle::current)
}

/// The pool for work that blocks, started when first used. Without threads for it, the node's own runtime has to do.
pub(crate) fn blocking_runtime() -> Handle {
    let pool = BLOCKING.get_or_init(|| {
        let built = Builder::new_multi_thread()
            .worker_threads(BLOCKING_THREADS)
            .thread_name("blocking-service")
            .enable_all()
            .build();
        built
            .inspect_err(|error| tracing::error!("no pool for blocking services: {error}"))
            .ok()
    });
    pool.as_ref()
        .map_or_else(runtime, |pool| pool.handle().clone())
}

/// What an actor hears when a pump of its own ended that must not.
#[derive(Debug)]
pub struct PumpEnded(pub Crash);

impl Message for PumpEnded {}

impl PumpEnded {
    /// What the handler of the actor ends with.
    ///
    /// # Errors
    /// Always: the crash of the pump.
    pub fn crash(self) -> Result<(), ActorProcessingErr> {
        Err(self.0.into())
    }
}

/// A task that dies with its owner: sockets and timers live in one, never in a handler.
#[derive(Debug)]
pub struct Pump {
    name: &'static str,
    task: JoinHandle<()>,
}

impl Pump {
    /// Starts a task on the node's runtime.
    #[must_use = "a pump that is dropped ends its task"]
    pub fn spawn(name: &'static str, work: impl Future<Output = ()> + Send + 'static) -> Self {
        Self {
            name,
            task: runtime().spawn(work),
        }
    }

    /// Starts a task that must not end before its owner: when it returns or panics, the owner's mailbox gets why, and its
    /// handler ends with it. An owner that hears nothing else takes [`PumpEnded`] for its message.
    #[must_use = "a pump that is dropped ends its task"]
    pub fn vital<M: Message + From<PumpEnded>>(
        name: &'static str,
        owner: ActorRef<M>,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        Self::spawn(name, async move {
            let crash = match caught(work).await {
                Ok(()) => Crash::new(format!("its pump {name} ended")),
                Err(report) => Crash::new(report.message).backtrace(report.backtrace),
            };
            if owner.cast(PumpEnded(crash).into()).is_err() {
                tracing::debug!(pump = name, "a pump ended after its owner");
            }
        })
    }

    /// Whether the task has ended.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }

    /// Waits for the task to end by itself.
    pub async fn join(mut self) {
        if let Err(error) = (&mut self.task).await
            && error.is_panic()
        {
            tracing::error!(pump = self.name, "a pump panicked: {error}");
        }
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.task.abort();
    }
}
