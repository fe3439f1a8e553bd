//! The host: loads generations, verifies packages, retires what is old.

mod generation;
mod rejection;

use std::sync::Arc;
use std::time::Duration;

use busker_kit::{ChildSpec, OnExcess, Supervisor, SupervisorSpec, clock};
use busker_model::{Fault, ServiceDefinition};
use busker_service::ports::{BoxFuture, Engine, Loaded, PackageSet, Rejected};
use dashmap::DashMap;
use serde_json::json;

use crate::config::PythonConfig;
use crate::frame::ToWorker;
use crate::meta::DEFAULT_POOL;
use crate::quarantine::Quarantine;
use crate::worker::{NotReady, PortsCell, greet, how_it_ended};
use crate::zygote::{Condition, Zygote, zygote_spec};
use generation::Generation;

/// Longest time a set of packages may take to be imported when it is verified.
pub const VERIFY_TIMEOUT: Duration = Duration::from_secs(10);
/// Restarts of a pool's workers within a minute before one is parked; their backoff keeps below it.
const RESTARTS_PER_MINUTE: usize = 20;

/// Runs Python services in worker processes under a supervisor of the node. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PythonHost(Arc<Host>);

#[derive(Debug)]
struct Host {
    zygote: Arc<Zygote>,
    supervisor: Supervisor,
    ports: PortsCell,
    quarantine: Arc<Quarantine>,
    generations: DashMap<u64, Arc<Generation>>,
}

impl PythonHost {
    /// Starts the pool `default` with its zygote under a supervisor, usually `packages/python`.
    ///
    /// A missing interpreter is no error: the host says so in its status and starts once there is one.
    ///
    /// # Errors
    /// `Internal` when the supervisor does not start it.
    pub async fn start(
        config: PythonConfig,
        ports: PortsCell,
        supervisor: Supervisor,
    ) -> Result<Arc<Self>, Fault> {
        let zygote = Zygote::new(Arc::new(config));
        let pool = pool_spec(DEFAULT_POOL).child(zygote_spec(Arc::clone(&zygote)));
        let started = supervisor.start_child(ChildSpec::supervisor(pool)).await;
        started.map_err(|error| {
            Fault::internal("the Python host could not be started").operator(error.to_string())
        })?;
        let (quarantine, generations) = (Arc::default(), DashMap::new());
        Ok(Arc::new(Self(Arc::new(Host {
            zygote,
            supervisor,
            ports,
            quarantine,
            generations,
        }))))
    }
}

impl Engine for PythonHost {
    fn name(&self) -> &'static str {
        "python"
    }

    fn endings(&self) -> &'static [&'static str] {
        &["py", "zip"]
    }

    fn verify(
        &self,
        files: PackageSet,
    ) -> BoxFuture<'static, Result<Vec<ServiceDefinition>, Rejected>> {
        let host = Arc::clone(&self.0);
        Box::pin(async move { host.verify(&files).await })
    }

    fn load(
        &self,
        generation: u64,
        files: PackageSet,
    ) -> BoxFuture<'static, Result<Loaded, Rejected>> {
        let host = Arc::clone(&self.0);
        Box::pin(async move { host.load(generation, files).await })
    }

    fn retire(&self, generation: u64, grace: Duration) -> BoxFuture<'static, ()> {
        let host = Arc::clone(&self.0);
        Box::pin(async move {
            if let Some((_, old)) = host.generations.remove(&generation) {
                old.end(grace).await;
            }
        })
    }

    fn status(&self) -> serde_json::Value {
        self.0.status()
    }
}

impl Host {
    /// The supervisor of a pool, started when it is new.
    async fn pool(&self, name: &str) -> Result<Supervisor, Fault> {
        if let Some(pool) = self.supervisor.supervisor(name).await {
            return Ok(pool);
        }
        // Two generations may start it at once: what counts is that it is there.
        let started = self
            .supervisor
            .start_child(ChildSpec::supervisor(pool_spec(name)))
            .await;
        self.supervisor.supervisor(name).await.ok_or_else(|| {
            Fault::internal(format!("the Python pool {name} could not be started"))
                .operator(format!("{started:?}"))
        })
    }

    async fn verify(&self, files: &PackageSet) -> Result<Vec<ServiceDefinition>, Rejected> {
        let born = self
            .zygote
            .fork("verify", "verify")
            .await
            .map_err(rejection::of_node)?;
        let mut wire = born.wire;
        let talk = async {
            greet(&self.zygote, &mut wire, "verify", "verify").await?;
            wire.deploy(ToWorker::Verify, 0, files, clock::now() + VERIFY_TIMEOUT)
                .await
        };
        match talk.await {
            Ok(deployed) => generation::definitions(&deployed, 0, files),
            Err(error) => {
                let how = how_it_ended(&self.zygote, &born.process).await;
                Err(rejection::of_worker(
                    NotReady::Wire(error, how),
                    files,
                    &self.zygote.stderr.text(),
                ))
            }
        }
    }

    async fn load(&self, number: u64, files: PackageSet) -> Result<Loaded, Rejected> {
        if self.generations.contains_key(&number) {
            return Err(rejection::of_node(Fault::internal(format!(
                "generation {number} is loaded already"
            ))));
        }
        let mut generation = Generation::new(number);
        match generation.load(self, files).await {
            Ok(services) => {
                self.generations.insert(number, Arc::new(generation));
                Ok(Loaded {
                    generation: number,
                    services,
                })
            }
            Err(rejected) => {
                generation.end(Duration::ZERO).await;
                Err(rejected)
            }
        }
    }

    fn status(&self) -> serde_json::Value {
        let state = match &*self.zygote.condition() {
            Condition::Starting => json!({"state": "starting"}),
            Condition::Missing(fault) => {
                json!({"state": "python-missing", "remedy": &*fault.message})
            }
            Condition::Down(why) => json!({"state": "down", "reason": why}),
            Condition::Up { interpreter, .. } => {
                json!({"state": "running", "interpreter": interpreter.path, "version": interpreter.version})
            }
        };
        let mut generations: Vec<_> = self
            .generations
            .iter()
            .map(|entry| Arc::clone(entry.value()))
            .collect();
        generations.sort_by_key(|generation| generation.number);
        let workers: Vec<_> = generations
            .iter()
            .flat_map(|generation| generation.workers())
            .collect();
        json!({"engine": "python", "host": state, "workers": workers})
    }
}

fn pool_spec(name: &str) -> SupervisorSpec {
    SupervisorSpec::new(name)
        .intensity(RESTARTS_PER_MINUTE, Duration::from_secs(60))
        .on_excess(OnExcess::Park)
}
