//! What a node stands on before it has services: its file, its database, its tree, and the tables traffic reads.

use std::sync::Arc;
use std::time::Duration;

use busker_bus::{MessageBus, RedisConsole};
use busker_channels::{Known, LocalTokens, Mount};
use busker_kit::{ChildSpec, FamilyOutcome, OnExcess, Supervisor, SupervisorSpec, Tree, clock};
use busker_model::{ErrorClass, Fault};
use busker_odb::{Odb, Vault};
use busker_outgoing::Outgoing;
use busker_packages::Packages;
use busker_python::{PortsCell, PythonHost};
use busker_scheduler::{FireStore, Scheduler, SystemWall};
use busker_service::ports::{Engine, NoKeyValue};
use busker_service::{Ports, Registry};
use busker_services::{Directory, ServiceFamily};
use busker_telemetry::{Events, Metrics};
use tokio::sync::watch;

use crate::bus;
use crate::cluster::{LeasedStore, Membership};
use crate::config::NodeConfig;
use crate::feed::Feed;
use crate::interpreter;
use crate::ports;
use crate::readiness::Board;
use crate::recorder::SampleRecorder;

/// Time over which restart budgets count.
pub(crate) const BUDGET: Duration = Duration::from_secs(60);

/// It. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Ground {
    pub(crate) config: Arc<NodeConfig>,
    /// Tells this boot from others.
    pub(crate) incarnation: Arc<str>,
    pub(crate) started_ms: i64,
    pub(crate) odb: Odb,
    pub(crate) tree: Tree,
    pub(crate) root: Supervisor,
    pub(crate) ports: Arc<Ports>,
    pub(crate) directory: Directory,
    pub(crate) mount: Mount,
    pub(crate) known: Known,
    pub(crate) outgoing: Outgoing,
    pub(crate) services: ServiceFamily,
    pub(crate) scheduler: Scheduler,
    pub(crate) bus: MessageBus,
    /// `None` on a node without Redis.
    pub(crate) redis: Option<RedisConsole>,
    pub(crate) recorder: SampleRecorder,
    /// `None` on a node that is alone.
    pub(crate) membership: Option<Membership>,
    pub(crate) board: Board,
    pub(crate) events: Events,
    pub(crate) metrics: Metrics,
    pub(crate) feed: Feed,
}

/// Turns the failure of a boot step into a fault that names it.
pub(crate) fn step<E: std::fmt::Display>(name: &'static str) -> impl Fn(E) -> Fault {
    move |error| {
        let message = format!("boot step {name:?} failed: {error}");
        Fault::new(ErrorClass::Unavailable, message)
    }
}

/// A family that must be whole for the node to run.
pub(crate) fn whole(outcome: FamilyOutcome) -> Result<(), Fault> {
    match outcome.failed.into_iter().next() {
        None => Ok(()),
        Some((name, reason)) => Err(step("services")(format!("{name}: {reason}"))),
    }
}

impl Ground {
    pub(crate) async fn open(
        config: NodeConfig,
        tree: Tree,
        root: Supervisor,
        board: Board,
    ) -> Result<Self, Fault> {
        let incarnation: Arc<str> = format!("{:016x}", fastrand::u64(..)).into();
        let membership = Membership::of(&config, &incarnation)?;
        let odb = open_odb(&config).await?;
        let directory = Directory::default();
        let outgoing = Outgoing::new(&config.node.name);
        let ports = Arc::new(Ports {
            invoker: Arc::new(directory.clone()),
            http: Arc::new(outgoing.clone()),
            key_value: Arc::new(NoKeyValue),
            dictionaries: Arc::new(ports::OdbDictionaries::new(&odb)),
            cluster: config.node.cluster.as_str().into(),
            node: config.node.name.as_str().into(),
        });
        directory.connect(Arc::clone(&ports));
        let bus = bus::open(&config, &incarnation, &odb).await?;
        directory.connect_bus(Arc::new(bus.clone()));
        let metrics = Metrics::new();
        let recorder = SampleRecorder::new(&odb, &config.node.name, &metrics);
        directory.connect_recorder(Arc::new(recorder.clone()));
        let supervisor = family(&root, "services").await?;
        Ok(Self {
            started_ms: clock::unix_ms(),
            bus,
            redis: bus::console(&config, &incarnation)?,
            recorder,
            scheduler: scheduler(&config, &odb, &directory, membership.as_ref()),
            membership,
            odb,
            tree,
            root,
            ports,
            mount: Mount::default(),
            known: Known::default(),
            outgoing,
            services: ServiceFamily::new(supervisor, &directory),
            directory,
            board,
            events: Events::new(&config.node.name),
            metrics,
            feed: Feed::new(&incarnation),
            incarnation,
            config: Arc::new(config),
        })
    }

    /// The supervisor of a family of the boot list.
    pub(crate) async fn family(&self, name: &'static str) -> Result<Supervisor, Fault> {
        family(&self.root, name).await
    }

    /// Starts the services that are part of this program.
    pub(crate) async fn start_built_in(&self, services: Registry) -> Result<(), Fault> {
        whole(self.services.set("rust", services.into_runners()).await)
    }

    pub(crate) async fn start_python(&self) -> Result<Arc<PythonHost>, Fault> {
        let config = &self.config;
        let mut python = interpreter::chosen(config);
        python.workers = config.python_workers();
        python.window = config.python.window.unwrap_or(python.window);
        let level = &config.telemetry.log_level;
        python.log_level.clone_from(level);
        let packages = self.family("packages").await?;
        let pools = SupervisorSpec::new("python")
            .intensity(5, BUDGET)
            .on_excess(OnExcess::Escalate);
        let started = packages.start_child(ChildSpec::supervisor(pools)).await;
        started.map_err(step("python"))?;
        let pools = family(&packages, "python").await?;
        let cell = PortsCell::default();
        if cell.set(Arc::clone(&self.ports)).is_err() {
            return Err(Fault::internal("the ports of Python were set twice"));
        }
        PythonHost::start(python, cell, pools).await
    }

    pub(crate) async fn start_packages(&self, python: &Arc<PythonHost>) -> Result<Packages, Fault> {
        let engine: Arc<dyn Engine> = Arc::clone(python) as Arc<dyn Engine>;
        let sources = &self.config.services.static_sources;
        let parts = busker_packages::Parts {
            odb: self.odb.clone(),
            node: self.config.node.name.clone(),
            engines: vec![engine],
            services: self.services.clone(),
            events: self.events.clone(),
            pickup: self.config.pickup_path(),
            static_sources: sources.iter().map(|path| self.config.path(path)).collect(),
        };
        Packages::start(parts, &self.family("packages").await?).await
    }

    /// What reconcile reads and fills; it tells `revision` how far it is.
    pub(crate) async fn reconcile_parts(
        &self,
        revision: watch::Sender<i64>,
    ) -> Result<busker_reconcile::Parts, Fault> {
        Ok(busker_reconcile::Parts {
            odb: self.odb.clone(),
            channels: self.family("channels").await?,
            mount: self.mount.clone(),
            connections: self.family("outgoing").await?,
            outgoing: self.outgoing.clone(),
            services: self.services.clone(),
            jobs: self.family("scheduler").await?,
            known: self.known.clone(),
            scheduler: self.scheduler.clone(),
            directory: self.directory.clone(),
            events: self.events.clone(),
            tokens: match &self.membership {
                Some(membership) => Arc::new(membership.tokens()?),
                None => Arc::new(LocalTokens::default()),
            },
            revision,
        })
    }
}

/// The scheduler. A node that is alone always has its role; in a cluster it follows the lease.
fn scheduler(
    config: &NodeConfig,
    odb: &Odb,
    directory: &Directory,
    membership: Option<&Membership>,
) -> Scheduler {
    let (store, held): (Arc<dyn FireStore>, _) = match membership {
        None => (Arc::new(odb.clone()), watch::channel(true).1),
        Some(Membership { role, .. }) => {
            let store = LeasedStore {
                odb: odb.clone(),
                role: role.clone(),
            };
            (Arc::new(store), role.held())
        }
    };
    Scheduler::new(busker_scheduler::Parts {
        node: config.node.name.clone(),
        store,
        invoker: Arc::new(directory.clone()),
        attached: Arc::new(ports::Attached(directory.clone())),
        wall: Arc::new(SystemWall),
        services: directory.subscribe(),
        held,
    })
}

async fn family(above: &Supervisor, name: &'static str) -> Result<Supervisor, Fault> {
    let found = above.supervisor(name).await;
    found.ok_or_else(|| Fault::internal(format!("the supervisor of {name} is not there")))
}

async fn open_odb(config: &NodeConfig) -> Result<Odb, Fault> {
    let vault = Vault::open(&config.key_path()).map_err(step("vault"))?;
    let config = config.odb().map_err(step("odb"))?;
    let odb = Odb::open(config).await.map_err(step("odb"))?;
    odb.migrate().await.map_err(step("odb migrations"))?;
    Ok(odb.with_vault(Arc::new(vault)))
}
