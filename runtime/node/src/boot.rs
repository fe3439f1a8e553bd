//! Boot: the tree of a node from its specs, in start order, and the way down in reverse.
//!
//! The order is that of [`spec`]: nothing enters before there is a way out. Listeners open last and close first.

use std::sync::Arc;
use std::time::Duration;

use busker_admin::AdminDeps;
use busker_catalog::Catalog;
use busker_channels::Mount;
use busker_kit::{ChildSpec, OnExcess, Pump, Strategy, Supervisor, SupervisorSpec, Tree};
use busker_model::{ErrorClass, Fault};
use busker_odb::{Odb, PasswordCost, Passwords, Vault};
use busker_outgoing::Outgoing;
use busker_packages::Packages;
use busker_python::{PortsCell, PythonConfig, PythonHost};
use busker_service::ports::{Engine, NoKeyValue};
use busker_service::{Ports, Registry, Runner};
use busker_services::{Directory, ServiceFamily};
use busker_telemetry::{Events, Metrics};
use tokio::sync::watch;

use crate::config::{NodeConfig, PYTHON_VARIABLE, environment, variable};
use crate::feed::Feed;
use crate::ports;
use crate::pulse::{self, Pulse};
use crate::readiness::{Board, Readiness};
use crate::serving;

/// Exit code of a node whose root supervisor gave up.
pub const EXIT_GAVE_UP: u8 = 70;
/// Longest wait for the first reconcile pass.
const FIRST_PASS: Duration = Duration::from_secs(30);
/// Longest wait for the services of stored packages; a node without them serves the others.
const FIRST_PACKAGES: Duration = Duration::from_secs(20);
/// Time over which restart budgets count.
const BUDGET: Duration = Duration::from_secs(60);

/// Everything a running node holds on to. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) config: Arc<NodeConfig>,
    /// Tells this boot from others.
    pub(crate) incarnation: Arc<str>,
    pub(crate) started_ms: i64,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) odb: Odb,
    pub(crate) passwords: Passwords,
    pub(crate) tree: Tree,
    pub(crate) root: Supervisor,
    pub(crate) directory: Directory,
    pub(crate) mount: Mount,
    pub(crate) outgoing: Outgoing,
    pub(crate) services: ServiceFamily,
    pub(crate) python: Arc<PythonHost>,
    pub(crate) packages: Packages,
    pub(crate) board: Board,
    pub(crate) events: Events,
    pub(crate) metrics: Metrics,
    pub(crate) feed: Feed,
    pub(crate) revision: watch::Receiver<i64>,
}

/// Runs a node until it is told to stop (SIGTERM or SIGINT) or its tree gives up; answers the exit code. `services` are
/// those that are built into this program.
///
/// # Errors
/// The first boot step that failed, with its reason.
pub async fn run(config: NodeConfig, services: Registry) -> Result<u8, Fault> {
    busker_kit::install_runtime(tokio::runtime::Handle::current());
    let signals = Signals::listen().map_err(step("signals"))?;
    let tree = Tree::new(&config.node.name);
    let (root, end) = Supervisor::start_root(&tree, spec(&config.node.name))
        .await
        .map_err(step("tree"))?;
    let board = Board::default();
    let booted = boot(config, services, (tree, root.clone(), board.clone())).await;
    let node = match booted {
        Ok(node) => node,
        Err(fault) => {
            root.stop().await;
            return Err(fault);
        }
    };
    tracing::info!(
        "Node {} is ready: channels on {}, API on {}",
        node.config.node.name,
        node.config.http.listen,
        node.config.admin.listen
    );
    let code = tokio::select! {
        signal = signals.wait() => {
            tracing::info!("Node {} stops: {signal}", node.config.node.name);
            board.set(Readiness::Draining);
            0
        }
        gave_up = end.wait() => {
            board.set(Readiness::Failed);
            let reason = gave_up.err().unwrap_or_else(|| "its tree was stopped".to_owned());
            tracing::error!("Node {} gives up: {reason}", node.config.node.name);
            EXIT_GAVE_UP
        }
    };
    pulse::last(&node).await;
    root.stop().await;
    tracing::info!("Node {} has stopped", node.config.node.name);
    Ok(code)
}

/// The boot list: the families of a node in start order. What is dynamic in them is filled while the node boots and runs.
fn spec(node: &str) -> SupervisorSpec {
    let family = |name: &str, max: usize, excess: OnExcess| {
        ChildSpec::supervisor(
            SupervisorSpec::new(name)
                .intensity(max, BUDGET)
                .on_excess(excess),
        )
    };
    SupervisorSpec::new(node)
        .strategy(Strategy::RestForOne)
        .child(family("packages", 5, OnExcess::Escalate))
        .child(family("outgoing", 5, OnExcess::Park))
        .child(family("services", 10, OnExcess::Fail))
        .child(family("channels", 5, OnExcess::Park))
        .child(family("config", 5, OnExcess::Escalate))
        .child(family("front", 5, OnExcess::Escalate))
}

async fn boot(
    config: NodeConfig,
    services: Registry,
    (tree, root, board): (Tree, Supervisor, Board),
) -> Result<Node, Fault> {
    let odb = open_odb(&config).await?;
    let incarnation: Arc<str> = format!("{:016x}", fastrand::u64(..)).into();
    let events = Events::new(&config.node.name);
    let feed = Feed::new(&incarnation);
    let family = |name: &'static str| {
        let root = root.clone();
        async move {
            let found = root.supervisor(name).await;
            found.ok_or_else(|| Fault::internal(format!("the supervisor of {name} is not there")))
        }
    };
    let (directory, mount) = (Directory::default(), Mount::default());
    let outgoing = Outgoing::new(&config.node.name);
    let ports = Arc::new(Ports {
        invoker: Arc::new(directory.clone()),
        http: Arc::new(outgoing.clone()),
        key_value: Arc::new(NoKeyValue),
        cluster: config.node.cluster.as_str().into(),
        node: config.node.name.as_str().into(),
    });
    directory.connect(Arc::clone(&ports));
    let service_family = ServiceFamily::new(family("services").await?, &directory);
    let package_family = family("packages").await?;
    let python = start_python(&config, ports, &package_family).await?;
    let engine: Arc<dyn Engine> = Arc::clone(&python) as Arc<dyn Engine>;
    let (told, revision) = watch::channel(-1);
    let parts = busker_reconcile::Parts {
        odb: odb.clone(),
        channels: family("channels").await?,
        mount: mount.clone(),
        connections: family("outgoing").await?,
        outgoing: outgoing.clone(),
        services: service_family.clone(),
        directory: directory.clone(),
        events: events.clone(),
        revision: told,
    };
    let built_in = Builtin {
        family: service_family.clone(),
        runners: services.into_runners(),
    };
    built_in.start().await?;
    let packages = busker_packages::Parts {
        odb: odb.clone(),
        node: config.node.name.clone(),
        engines: vec![engine],
        services: service_family.clone(),
        events: events.clone(),
        pickup: config.pickup_path(),
        static_sources: config
            .services
            .static_sources
            .iter()
            .map(|path| config.path(path))
            .collect(),
    };
    let node = Node {
        packages: Packages::start(packages, &package_family).await?,
        config: Arc::new(config),
        incarnation,
        started_ms: busker_kit::clock::unix_ms(),
        catalog: Arc::new(Catalog::builtin()),
        passwords: Passwords::new(PasswordCost::Full).map_err(step("passwords"))?,
        odb,
        tree,
        root,
        directory,
        mount,
        outgoing,
        services: service_family,
        python,
        board,
        events,
        metrics: Metrics::new(),
        feed,
        revision,
    };
    node.open(parts).await?;
    Ok(node)
}

fn step<E: std::fmt::Display>(name: &'static str) -> impl Fn(E) -> Fault {
    move |error| {
        Fault::new(
            ErrorClass::Unavailable,
            format!("boot step {name:?} failed: {error}"),
        )
    }
}

async fn open_odb(config: &NodeConfig) -> Result<Odb, Fault> {
    let vault = Vault::open(&config.key_path()).map_err(step("vault"))?;
    let odb = Odb::open(config.odb().map_err(step("odb"))?)
        .await
        .map_err(step("odb"))?;
    odb.migrate().await.map_err(step("odb migrations"))?;
    Ok(odb.with_vault(Arc::new(vault)))
}

async fn start_python(
    config: &NodeConfig,
    ports: Arc<Ports>,
    packages: &Supervisor,
) -> Result<Arc<PythonHost>, Fault> {
    let mut python = PythonConfig::new(config.data_path().join("python"), &config.node.name);
    python.interpreter = config
        .python
        .interpreter
        .as_ref()
        .map(|path| config.path(path));
    python.interpreter_from_env = variable(PYTHON_VARIABLE).map(Into::into);
    python.environment = environment();
    python.workers = config.python.workers.unwrap_or(python.workers);
    python.window = config.python.window.unwrap_or(python.window);
    python.log_level.clone_from(&config.telemetry.log_level);
    let pools = SupervisorSpec::new("python")
        .intensity(5, BUDGET)
        .on_excess(OnExcess::Escalate);
    packages
        .start_child(ChildSpec::supervisor(pools))
        .await
        .map_err(step("python"))?;
    let pools = packages.supervisor("python").await;
    let pools = pools.ok_or_else(|| Fault::internal("the supervisor of Python is not there"))?;
    let cell = PortsCell::default();
    if cell.set(ports).is_err() {
        return Err(Fault::internal("the ports of Python were set twice"));
    }
    PythonHost::start(python, cell, pools).await
}

/// Services that are part of this program.
struct Builtin {
    family: ServiceFamily,
    runners: Vec<Arc<dyn Runner>>,
}

impl Builtin {
    async fn start(self) -> Result<(), Fault> {
        let outcome = self.family.set("rust", self.runners).await;
        refuse_failed(outcome)
    }
}

fn refuse_failed(outcome: busker_kit::FamilyOutcome) -> Result<(), Fault> {
    match outcome.failed.into_iter().next() {
        None => Ok(()),
        Some((name, reason)) => Err(step("services")(format!("{name}: {reason}"))),
    }
}

impl Node {
    /// The steps that need the node itself: admin services, packages, configuration, listeners.
    async fn open(&self, parts: busker_reconcile::Parts) -> Result<(), Fault> {
        let admin = busker_admin::services(self.admin_deps()).map_err(step("admin services"))?;
        refuse_failed(self.services.set("admin", admin).await)?;
        let config = self.family("config").await?;
        config
            .start_child(busker_reconcile::spec(&parts))
            .await
            .map_err(step("reconcile"))?;
        let pulse = Pulse { node: self.clone() };
        config
            .start_child(pulse::spec(pulse))
            .await
            .map_err(step("pulse"))?;
        self.first_pass().await?;
        if tokio::time::timeout(FIRST_PACKAGES, self.packages.settled())
            .await
            .is_err()
        {
            let seconds = FIRST_PACKAGES.as_secs();
            tracing::warn!(
                "stored packages are not up after {seconds} s; the node serves without them meanwhile"
            );
        }
        let front = self.family("front").await?;
        for listener in serving::listeners(self)? {
            front
                .start_child(listener)
                .await
                .map_err(step("listeners"))?;
        }
        self.board.set(Readiness::Ready);
        Ok(())
    }

    async fn family(&self, name: &'static str) -> Result<Supervisor, Fault> {
        let found = self.root.supervisor(name).await;
        found.ok_or_else(|| Fault::internal(format!("the supervisor of {name} is not there")))
    }

    async fn first_pass(&self) -> Result<(), Fault> {
        let mut revision = self.revision.clone();
        let passed =
            tokio::time::timeout(FIRST_PASS, revision.wait_for(|&revision| revision >= 0)).await;
        let seconds = FIRST_PASS.as_secs();
        let late = |_| {
            Fault::timeout(format!(
                "the first reconcile pass took longer than {seconds} s"
            ))
        };
        passed.map_err(late)?.map(drop).map_err(step("reconcile"))
    }

    fn admin_deps(&self) -> AdminDeps {
        AdminDeps {
            catalog: Arc::clone(&self.catalog),
            odb: self.odb.clone(),
            passwords: self.passwords.clone(),
            tree: self.tree.clone(),
            actors: Arc::new(ports::Actors::new(self.root.clone())),
            deployer: Arc::new(ports::PackageDeployer(self.packages.clone())),
            node: Arc::new(ports::View(self.clone())),
            control: Arc::new(ports::Control(self.clone())),
            caller: Arc::new(ports::Caller(self.directory.clone())),
        }
    }

    /// The pump that fills the feed of dashboards.
    pub(crate) fn fill_feed(&self) -> Pump {
        self.feed.fill(&self.tree, &self.events)
    }
}

/// The signals that end a node.
struct Signals {
    term: tokio::signal::unix::Signal,
    int: tokio::signal::unix::Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
        })
    }

    async fn wait(mut self) -> &'static str {
        tokio::select! {
            _ = self.term.recv() => "SIGTERM",
            _ = self.int.recv() => "SIGINT",
        }
    }
}
