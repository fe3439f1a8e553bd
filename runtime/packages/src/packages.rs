//! The handle of hot deploy, and how its two actors start.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use busker_kit::{Slot, Supervisor};
use busker_model::event::Severity;
use busker_model::{ErrorClass, Fault};
use busker_odb::Odb;
use busker_service::Engine;
use busker_services::ServiceFamily;
use busker_telemetry::Events;
use bytes::Bytes;
use serde::Serialize;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};

use crate::deployer::{self, DEPLOYS_WAITING};
use crate::generations::Generations;
use crate::jobs::{Order, What};
use crate::refusals::Refusals;
use crate::view::View;
use crate::{pickup, reports};

/// Longest wait for the answer to a deploy, delete or rollback: the ones before it, an import that hangs, and a retry.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(300);
/// Seconds a caller is told to wait when the queue is full.
const RETRY_AFTER_S: u32 = 5;

/// What hot deploy works with.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The operational database.
    pub odb: Odb,
    /// Name of this node.
    pub node: String,
    /// Hosts of service code; the first that takes a file's ending gets it.
    pub engines: Vec<Arc<dyn Engine>>,
    /// Where the services go.
    pub services: ServiceFamily,
    /// Where events are told.
    pub events: Events,
    /// The folder whose files are deployed.
    pub pickup: PathBuf,
    /// Files and folders of modules that every generation of this node has.
    pub static_sources: Vec<PathBuf>,
}

/// What came of a deploy, a delete or a rollback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deployed {
    /// Package.
    pub package: i64,
    /// File name.
    pub name: String,
    /// Generation of that name, from 1.
    pub generation: i64,
    /// State of the package: `active`, `replaced`, `withdrawn`.
    pub state: String,
    /// Services it defines.
    pub services: Vec<String>,
}

/// What the handle and its actors share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) parts: Parts,
    /// The queue of the deployer that is up; each start of it brings its own.
    pub(crate) queue: Slot<Option<mpsc::Sender<Order>>>,
    pub(crate) generations: Generations,
    pub(crate) view: Slot<View>,
    pub(crate) refusals: Refusals,
    pub(crate) settled: watch::Sender<bool>,
}

/// Hot deploy on this node. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Packages(Arc<Shared>);

impl Packages {
    /// Starts the deployer and the pickup under a supervisor, usually `packages`.
    ///
    /// # Errors
    /// `Internal` when the supervisor does not start one of them.
    pub async fn start(parts: Parts, supervisor: &Supervisor) -> Result<Self, Fault> {
        let packages = Self(Arc::new(Shared {
            parts,
            queue: Slot::new(None),
            generations: Generations::default(),
            view: Slot::new(View::default()),
            refusals: Refusals::default(),
            settled: watch::Sender::new(false),
        }));
        let deployer = deployer::spec(&packages.0);
        let pickup = pickup::spec(&packages, &packages.0);
        for spec in [deployer, pickup] {
            supervisor.start_child(spec).await.map_err(|error| {
                Fault::internal("hot deploy could not be started").operator(error.to_string())
            })?;
        }
        Ok(packages)
    }

    /// Deploys a file; answers when this node serves it.
    ///
    /// # Errors
    /// `Invalid`, `Conflict` or `TooLarge` with what is wrong with the file; nothing has changed then. `Busy` when too
    /// many wait. `Unavailable` when the database or the interpreter is away. When the file was stored but this node
    /// cannot load it, the message says so.
    pub async fn deploy(&self, name: String, bytes: Bytes, who: String) -> Result<Deployed, Fault> {
        let outcome = self.submit(name.clone(), bytes, who.clone()).await;
        if let Err(fault) = &outcome
            && is_rejection(fault)
        {
            self.rejected((&name, &who), fault, Severity::Warning);
        }
        outcome
    }

    /// Deploys a file and leaves it to the caller to report a refusal.
    pub(crate) async fn submit(
        &self,
        name: String,
        bytes: Bytes,
        who: String,
    ) -> Result<Deployed, Fault> {
        let deploy = What::Deploy {
            name: name.clone(),
            bytes,
        };
        let outcome = self.ask(deploy, who).await;
        if outcome.is_ok() {
            self.0.refusals.clear(&name);
        }
        outcome
    }

    /// Tells of a refusal, and keeps it for the status.
    pub(crate) fn rejected(&self, (name, who): (&str, &str), fault: &Fault, severity: Severity) {
        reports::rejected(&self.0.parts.events, (name, who), fault, severity);
        self.0.refusals.note(name, who, fault);
    }

    /// Undeploys the package that defines a service; its history stays.
    ///
    /// # Errors
    /// `NotFound` when no package defines it; `Conflict` when another package needs that one.
    pub async fn delete(&self, service: String, who: String) -> Result<Deployed, Fault> {
        self.ask(What::Delete { service }, who).await
    }

    /// Makes an older package of a name run again: the one with the id `to`, or the newest before the active one.
    ///
    /// # Errors
    /// `NotFound` when there is no such package; `Conflict` when it is active already. When it cannot be loaded, what
    /// was active before is active again.
    pub async fn rollback(
        &self,
        name: String,
        to: Option<i64>,
        who: String,
    ) -> Result<Deployed, Fault> {
        self.ask(What::Rollback { name, to }, who).await
    }

    /// Waits until the first pass after boot is over: the services of stored packages are live, or why not is known.
    pub async fn settled(&self) {
        // The sender lives as long as this handle.
        drop(self.0.settled.subscribe().wait_for(|done| *done).await);
    }

    /// The generation that serves, the packages of this node and how each fares, the files refused since it started, and
    /// the state of the engines.
    #[must_use]
    pub fn status(&self) -> serde_json::Value {
        let mut status = self.0.view.load().json(&self.0.parts.engines);
        status["refused"] = serde_json::json!(self.0.refusals.all());
        status
    }

    async fn ask(&self, what: What, who: String) -> Result<Deployed, Fault> {
        let queue = self.0.queue.load_full();
        let Some(queue) = &*queue else {
            return Err(not_up());
        };
        let (reply, answer) = oneshot::channel();
        queue
            .try_send(Order { what, who, reply })
            .map_err(|error| match error {
                TrySendError::Full(_) => Fault::busy(
                    format!("{DEPLOYS_WAITING} deploys are waiting on this node: try again"),
                    RETRY_AFTER_S,
                ),
                TrySendError::Closed(_) => not_up(),
            })?;
        match tokio::time::timeout(ANSWER_TIMEOUT, answer).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(Fault::new(
                ErrorClass::Unavailable,
                "the deployer ended before it answered: look whether the change was made, then try again",
            )),
            Err(_) => Err(Fault::timeout(
                "the deployer did not answer in time and goes on with it: look whether the change was made",
            )),
        }
    }
}

fn not_up() -> Fault {
    Fault::new(
        ErrorClass::Unavailable,
        "the deployer of this node is not up: try again",
    )
}

/// Whether a fault says that the file is wrong, and not that the node is in trouble.
pub(crate) fn is_rejection(fault: &Fault) -> bool {
    matches!(
        fault.class,
        ErrorClass::Invalid | ErrorClass::Conflict | ErrorClass::TooLarge
    )
}
