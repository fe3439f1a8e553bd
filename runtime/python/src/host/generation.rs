//! One generation: the workers of all its pools, and one runner per service.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use busker_kit::{Supervisor, clock};
use busker_model::{ErrorClass, Fault, ServiceDefinition};
use busker_service::Runner;
use busker_service::ports::{PackageSet, Rejected};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::timeout_at;

use super::{Host, rejection};
use crate::connection::Leave;
use crate::crew::{Crew, until};
use crate::meta::{DEFAULT_POOL, Deployed, DeployedService};
use crate::runner::{PythonRunner, Route};
use crate::worker::{DEPLOY_TIMEOUT, Plan, worker_spec};

/// Most pools beside `default`.
const MAX_POOLS: usize = 16;
/// Time for forks and hand-shakes beyond that for imports.
const START_EXTRA: Duration = Duration::from_secs(20);
/// Time a worker without requests has to leave.
const LEAVE_GRACE: Duration = Duration::from_millis(500);
/// Time to see workers go after they were asked to, a kill included.
const GONE_GRACE: Duration = Duration::from_secs(3);

/// The workers of one pool.
#[derive(Debug)]
struct Part {
    supervisor: Supervisor,
    plan: Arc<Plan>,
}

/// All workers that serve one set of packages.
#[derive(Debug)]
pub(super) struct Generation {
    pub(super) number: u64,
    parts: Vec<Part>,
    /// Of the runners handed out: alive while a caller may still use one or waits for an answer.
    routes: Vec<Weak<Route>>,
}

impl Generation {
    pub(super) fn new(number: u64) -> Self {
        Self {
            number,
            parts: Vec::new(),
            routes: Vec::new(),
        }
    }

    /// Starts all workers, of `default` first: only they can say which other pools there are.
    pub(super) async fn load(
        &mut self,
        host: &Host,
        files: PackageSet,
    ) -> Result<Vec<Arc<dyn Runner>>, Rejected> {
        let workers = host.zygote.config.workers;
        let deployed = self.add(host, DEFAULT_POOL, workers, &files).await?;
        let definitions = definitions(&deployed, self.number, &files)?;
        for (pool, size) in other_pools(&deployed.services, workers) {
            if self.parts.len() > MAX_POOLS {
                let fault = Fault::invalid(format!("services name more than {MAX_POOLS} pools"));
                return Err(rejection::of_node(fault));
            }
            let same = self.add(host, &pool, size, &files).await?;
            if same.services != deployed.services {
                return Err(rejection::of_worker(
                    crate::worker::NotReady::Differs,
                    &files,
                    "",
                ));
            }
        }
        let mut runners: Vec<Arc<dyn Runner>> = Vec::with_capacity(definitions.len());
        for (index, (definition, service)) in
            (0_u32..).zip(definitions.into_iter().zip(&deployed.services))
        {
            let Some(crew) = self.crew(&service.pool_name()) else {
                continue;
            };
            let quarantine = Arc::clone(&host.quarantine);
            let runner = PythonRunner::new(definition, crew, quarantine, index);
            self.routes.push(runner.route());
            runners.push(Arc::new(runner));
        }
        Ok(runners)
    }

    fn crew(&self, pool: &str) -> Option<Arc<Crew>> {
        let part = self.parts.iter().find(|part| part.plan.pool == pool)?;
        Some(Arc::clone(&part.plan.crew))
    }

    /// Starts the workers of one pool and waits until all of them have the packages.
    async fn add(
        &mut self,
        host: &Host,
        pool: &str,
        size: usize,
        files: &PackageSet,
    ) -> Result<Deployed, Rejected> {
        let supervisor = host.pool(pool).await.map_err(rejection::of_node)?;
        let crew = Crew::new(size);
        let size = crew.size();
        let (news, mut heard) = mpsc::channel(size);
        let plan = Arc::new(Plan {
            generation: self.number,
            pool: pool.to_owned(),
            files: files.clone(),
            crew,
            zygote: Arc::clone(&host.zygote),
            quarantine: Arc::clone(&host.quarantine),
            ports: Arc::clone(&host.ports),
            services: OnceLock::new(),
            hello: OnceLock::new(),
            retired: AtomicBool::new(false),
            news,
        });
        self.parts.push(Part {
            supervisor: supervisor.clone(),
            plan: Arc::clone(&plan),
        });
        let specs = (0..size).map(|seat| worker_spec(&plan, seat)).collect();
        for started in supervisor.start_children(specs).await {
            started.map_err(|error| {
                rejection::of_node(
                    Fault::internal("a worker could not be started").operator(error.to_string()),
                )
            })?;
        }
        let deadline = clock::now() + DEPLOY_TIMEOUT + START_EXTRA;
        let mut ready = None;
        for _ in 0..size {
            match timeout_at(deadline.into(), heard.recv()).await {
                Ok(Some(Ok(deployed))) => ready = Some(deployed),
                Ok(Some(Err(why))) => {
                    return Err(rejection::of_worker(why, files, &host.zygote.stderr.take()));
                }
                Ok(None) | Err(_) => {
                    let fault = Fault::timeout("the workers did not become ready in time");
                    return Err(rejection::of_node(fault));
                }
            }
        }
        ready.ok_or_else(|| rejection::of_node(Fault::internal("a pool has no worker")))
    }

    /// Lets all workers finish, at most for `grace`, then ends them.
    pub(super) async fn end(&self, grace: Duration) {
        // No request is lost to a deploy: a caller may have taken a runner of this generation and not begun yet. What
        // still runs without a runner has been cancelled, since its caller is gone.
        let end = clock::now() + grace;
        if !until(end, || !self.in_use()).await {
            tracing::warn!(
                generation = self.number,
                "retired while its services are still in use: the grace of {grace:?} is over"
            );
        }
        for part in &self.parts {
            part.plan.retired.store(true, Ordering::Release);
            part.plan.crew.close();
            for (_, worker) in part.plan.crew.present() {
                let why = "its generation is retired".to_owned();
                worker.ask_to_leave(Leave {
                    why,
                    grace: LEAVE_GRACE,
                    replace: false,
                });
            }
        }
        for part in &self.parts {
            part.plan.crew.empty(clock::now() + GONE_GRACE).await;
            let names = (0..part.plan.crew.size())
                .map(|seat| part.plan.worker_name(seat))
                .collect();
            part.supervisor.stop_children(names).await;
        }
    }

    fn in_use(&self) -> bool {
        self.routes.iter().any(|route| route.strong_count() > 0)
    }

    /// Its workers for the status.
    pub(super) fn workers(&self) -> Vec<Value> {
        let mut workers = Vec::new();
        for part in &self.parts {
            let scheduler = part.plan.hello.get().map(|hello| hello.scheduler.clone());
            for (seat, worker) in part.plan.crew.present() {
                workers.push(json!({
                    "pool": part.plan.pool,
                    "generation": self.number,
                    "name": part.plan.worker_name(seat),
                    "pid": worker.pid.get(),
                    "scheduler": scheduler,
                    "in_flight": worker.in_flight(),
                    "rss_bytes": worker.rss_bytes(),
                    "requests": worker.requests(),
                }));
            }
        }
        workers
    }
}

/// Pools beside `default` and their sizes. An isolated service gets one worker to itself.
fn other_pools(services: &[DeployedService], workers: usize) -> BTreeSet<(String, usize)> {
    let size = |service: &DeployedService| if service.isolate { 1 } else { workers };
    let pools = services
        .iter()
        .map(|service| (service.pool_name(), size(service)));
    pools.filter(|(name, _)| name != DEFAULT_POOL).collect()
}

/// The definitions of what a worker published, in its order.
pub(super) fn definitions(
    deployed: &Deployed,
    generation: u64,
    files: &PackageSet,
) -> Result<Vec<ServiceDefinition>, Rejected> {
    let mut definitions: Vec<ServiceDefinition> = Vec::with_capacity(deployed.services.len());
    for service in &deployed.services {
        let file = service.file.as_deref();
        let definition = service
            .definition(generation)
            .map_err(|fault| rejection::of_file(file, files, fault))?;
        if definitions
            .iter()
            .any(|known| known.name == definition.name)
        {
            let message = format!("two files define the service {}", definition.name);
            return Err(rejection::of_file(
                file,
                files,
                Fault::new(ErrorClass::Conflict, message),
            ));
        }
        definitions.push(definition);
    }
    Ok(definitions)
}
