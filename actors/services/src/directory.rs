//! Finds services by name, without a mailbox on the way.

use std::sync::Arc;

use busker_kit::{Closed, Gate, clock};
use busker_model::service::{DEFAULT_SLOW_THRESHOLD_MS, DEFAULT_TIMEOUT_MS};
use busker_model::{Cid, Delivery, ErrorClass, Fault, Reply, Request, ServiceDefinition};
use busker_service::ports::AsyncOptions;
use busker_service::{BoxFuture, Bus, Invoker, Ports, Recorder, Runner};
use dashmap::DashMap;
use tokio::sync::watch;

use crate::complaints::Complaints;
use crate::hand_over;
use crate::run::{self, Place};
use crate::sampler::Sampler;
use crate::stats::ServiceStats;

/// Most asynchronous invocations waiting or running at once on a node without a bus.
const MAX_LOCAL_ASYNC: u32 = 10_000;

/// What the gate of a service published: everything an invocation needs.
#[derive(Debug)]
pub struct Entry {
    /// How to run it.
    pub runner: Arc<dyn Runner>,
    /// Its permits.
    pub gate: Gate,
    /// Its counters.
    pub stats: Arc<ServiceStats>,
    /// Longest run in milliseconds.
    pub timeout_ms: u64,
    /// Runs longer than this many microseconds are slow.
    pub slow_after_micros: u64,
    /// Which runs are kept to be looked at.
    pub sampler: Arc<Sampler>,
    /// How asynchronous invocations of it are kept.
    pub delivery: Delivery,
    /// Why it takes no work; `None` when it does.
    pub closed: Option<Closed>,
    /// Where it tells of invocations that failed.
    pub complaints: Complaints,
    /// Told of every panic, so that the gate's supervisor counts it.
    pub panics: crate::instance::PanicPort,
}

impl Entry {
    /// Limits that apply when neither the service nor an operator set any.
    pub(crate) const DEFAULTS: (u64, u64) = (DEFAULT_TIMEOUT_MS, DEFAULT_SLOW_THRESHOLD_MS);
}

/// Services of this node by name. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Directory {
    entries: Arc<DashMap<Box<str>, Arc<Entry>>>,
    ports: Arc<std::sync::OnceLock<Arc<Ports>>>,
    bus: Arc<std::sync::OnceLock<Arc<dyn Bus>>>,
    recorder: Arc<std::sync::OnceLock<Arc<dyn Recorder>>>,
    background: Gate,
    /// How often a name came or went.
    names: Arc<watch::Sender<u64>>,
}

impl Default for Directory {
    fn default() -> Self {
        let settings = busker_kit::GateSettings {
            max_concurrency: MAX_LOCAL_ASYNC,
            max_waiting: 0,
        };
        Self {
            entries: Arc::default(),
            ports: Arc::default(),
            bus: Arc::default(),
            recorder: Arc::default(),
            background: Gate::new(settings),
            names: Arc::default(),
        }
    }
}

impl Directory {
    /// Gives the directory the ports its services reach the node by; once, at boot.
    pub fn connect(&self, ports: Arc<Ports>) {
        if self.ports.set(ports).is_err() {
            tracing::warn!("the directory of services was connected twice; the first ports stay");
        }
    }

    /// Gives the directory the bus that keeps asynchronous invocations; once, at boot.
    pub fn connect_bus(&self, bus: Arc<dyn Bus>) {
        if self.bus.set(bus).is_err() {
            tracing::warn!("the directory of services was given a bus twice; the first one stays");
        }
    }

    /// Gives the directory what keeps invocations to be looked at; once, at boot.
    pub fn connect_recorder(&self, recorder: Arc<dyn Recorder>) {
        if self.recorder.set(recorder).is_err() {
            tracing::warn!("the directory of services was given a recorder twice; the first stays");
        }
    }

    pub(crate) fn recorder(&self) -> Option<&Arc<dyn Recorder>> {
        self.recorder.get()
    }

    /// The ports, once connected.
    pub(crate) fn ports(&self) -> Result<Arc<Ports>, Fault> {
        self.ports
            .get()
            .cloned()
            .ok_or_else(|| Fault::new(ErrorClass::Unavailable, "the node is still starting"))
    }

    /// Publishes a service, replacing the generation before it.
    pub fn publish(&self, entry: Arc<Entry>) {
        let name = entry.runner.definition().name.as_str().into();
        if self.entries.insert(name, entry).is_none() {
            self.names.send_modify(|count| *count += 1);
        }
    }

    /// Takes a service out, if `entry` is still the one published.
    pub fn withdraw(&self, name: &str, entry: &Arc<Entry>) {
        let taken = self
            .entries
            .remove_if(name, |_, current| Arc::ptr_eq(current, entry));
        if taken.is_some() {
            self.names.send_modify(|count| *count += 1);
        }
    }

    /// Takes no more work for a service whose gate is down for good; the next start of it publishes a new entry.
    pub(crate) fn fail(&self, name: &str) {
        if let Some(entry) = self.get(name) {
            entry.gate.close(Closed::Failed);
        }
    }

    /// Changes whenever a service comes or goes; a new generation of one that is there is no change.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.names.subscribe()
    }

    /// The entry of a service.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<Entry>> {
        self.entries.get(name).map(|entry| Arc::clone(&entry))
    }

    /// All entries, sorted by name.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Entry>> {
        let mut all: Vec<_> = self
            .entries
            .iter()
            .map(|entry| Arc::clone(&entry))
            .collect();
        all.sort_by(|a, b| a.runner.definition().name.cmp(&b.runner.definition().name));
        all
    }

    /// Runs one invocation on the current worker: the path of HTTP channels.
    ///
    /// # Errors
    /// See [`Invoker::invoke`].
    pub async fn call(&self, request: Request) -> Result<Reply, Fault> {
        run::invoke(self, request, Place::Worker).await
    }

    /// The same, but the work is dropped where it stands when the caller goes away.
    ///
    /// # Errors
    /// See [`Invoker::invoke`].
    pub async fn call_attached(&self, request: Request) -> Result<Reply, Fault> {
        run::invoke(self, request, Place::Attached).await
    }
}

impl Invoker for Directory {
    fn invoke(&self, request: Request) -> BoxFuture<'static, Result<Reply, Fault>> {
        let directory = self.clone();
        Box::pin(async move { run::invoke(&directory, request, Place::Node).await })
    }

    fn invoke_async(
        &self,
        request: Request,
        how: AsyncOptions,
    ) -> BoxFuture<'static, Result<Cid, Fault>> {
        let Some(bus) = self.bus.get() else {
            return Box::pin(std::future::ready(self.accept_async(request, how)));
        };
        let Some(entry) = self.get(request.service.as_str()) else {
            let unknown = run::unknown(request.service.as_str());
            return Box::pin(std::future::ready(Err(unknown)));
        };
        bus.publish(hand_over::envelope(request, how, entry.delivery))
    }

    fn definition(&self, service: &str) -> Option<Arc<ServiceDefinition>> {
        self.get(service)
            .map(|entry| Arc::clone(entry.runner.definition()))
    }

    fn names(&self) -> Vec<String> {
        self.all()
            .iter()
            .map(|entry| entry.runner.definition().name.to_string())
            .collect()
    }
}

impl Directory {
    /// Without a bus, as in tests, an asynchronous invocation is a task of this node: it is lost with the node.
    fn accept_async(&self, mut request: Request, how: AsyncOptions) -> Result<Cid, Fault> {
        let cid = request.cid;
        let name = request.service.clone();
        if self.get(name.as_str()).is_none() {
            return Err(run::unknown(name.as_str()));
        }
        let permit = self.background.try_enter().map_err(|_| {
            Fault::busy(
                format!("{MAX_LOCAL_ASYNC} asynchronous invocations are waiting on this node"),
                1,
            )
        })?;
        let directory = self.clone();
        let deadline =
            clock::now() + how.delay + std::time::Duration::from_millis(Entry::DEFAULTS.0);
        request.deadline = deadline;
        let work = async move {
            tokio::time::sleep(how.delay).await;
            if let Err(fault) = run::invoke(&directory, request, Place::Node).await {
                tracing::error!(%cid, service = %name, "asynchronous invocation failed: {fault:?}{}", fault.traceback());
            }
        };
        self.background.detach(permit, deadline, work);
        Ok(cid)
    }
}
