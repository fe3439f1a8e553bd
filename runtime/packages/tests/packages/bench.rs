//! A node as small as hot deploy needs it: a database, a tree, services and a pickup folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use busker_kit::{ChildSpec, RootEnd, Supervisor, SupervisorSpec, Tree, clock};
use busker_model::event::Event;
use busker_model::report::ActorPath;
use busker_model::{Fault, Origin, ServiceDefinition, ServiceName};
use busker_odb::{Odb, OdbConfig};
use busker_packages::{Deployed, Packages, Parts};
use busker_service::{Engine, Runner};
use busker_services::{Directory, ServiceFamily};
use busker_telemetry::Events;
use tempfile::TempDir;

use crate::engine::{StandIn, StandInRunner};

/// Longest wait for something to come true.
const PATIENCE: Duration = Duration::from_secs(10);

/// The folders of a node, which outlive it.
pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(home.pickup()).unwrap();
        home
    }

    pub(crate) fn pickup(&self) -> PathBuf {
        self.0.path().join("pickup")
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

pub(crate) struct Bench {
    pub(crate) packages: Packages,
    pub(crate) engine: StandIn,
    pub(crate) odb: Odb,
    pub(crate) directory: Directory,
    pub(crate) tree: Tree,
    pub(crate) home: Arc<Home>,
    events: Events,
    root: Supervisor,
    _end: RootEnd,
}

impl Bench {
    /// A new node with a stand-in for an engine.
    pub(crate) async fn start() -> Self {
        Self::at(Arc::new(Home::new()), Vec::new()).await
    }

    /// A node in folders that may have been another one's.
    pub(crate) async fn at(home: Arc<Home>, static_sources: Vec<PathBuf>) -> Self {
        let engine = StandIn::default();
        Self::with(home, static_sources, engine).await
    }

    pub(crate) async fn with(
        home: Arc<Home>,
        static_sources: Vec<PathBuf>,
        engine: StandIn,
    ) -> Self {
        let odb = Odb::open(OdbConfig::sqlite(home.path().join("odb.db")))
            .await
            .unwrap();
        odb.migrate().await.unwrap();
        let tree = Tree::new("node1");
        let spec = SupervisorSpec::new("node1")
            .child(ChildSpec::supervisor(SupervisorSpec::new("services")))
            .child(ChildSpec::supervisor(SupervisorSpec::new("packages")));
        let (root, end) = Supervisor::start_root(&tree, spec).await.unwrap();
        let directory = Directory::default();
        let services = root.supervisor("services").await.unwrap();
        let services = ServiceFamily::new(services, &directory);
        let own =
            ServiceDefinition::new(ServiceName::new("own.ping").unwrap(), "Ping", Origin::Rust);
        let own: Arc<dyn Runner> = Arc::new(StandInRunner(Arc::new(own)));
        services.set("rust", vec![own]).await;
        let events = Events::new("node1");
        let parts = Parts {
            odb: odb.clone(),
            node: "node1".to_owned(),
            engines: vec![Arc::new(engine.clone()) as Arc<dyn Engine>],
            services,
            events: events.clone(),
            pickup: home.pickup(),
            static_sources,
        };
        let supervisor = root.supervisor("packages").await.unwrap();
        let packages = Packages::start(parts, &supervisor).await.unwrap();
        packages.settled().await;
        Self {
            packages,
            engine,
            odb,
            directory,
            tree,
            home,
            events,
            root,
            _end: end,
        }
    }

    /// Ends the node; its folders stay.
    pub(crate) async fn stop(self) -> Arc<Home> {
        self.root.stop().await;
        self.home
    }

    pub(crate) async fn deploy(&self, name: &str, text: &str) -> Result<Deployed, Fault> {
        let bytes = text.to_owned().into();
        self.packages
            .deploy(name.to_owned(), bytes, "ann".to_owned())
            .await
    }

    pub(crate) async fn delete(&self, service: &str) -> Result<Deployed, Fault> {
        self.packages
            .delete(service.to_owned(), "ann".to_owned())
            .await
    }

    pub(crate) async fn rollback(&self, name: &str, to: Option<i64>) -> Result<Deployed, Fault> {
        self.packages
            .rollback(name.to_owned(), to, "ann".to_owned())
            .await
    }

    /// The package whose code runs for a service.
    pub(crate) fn serving(&self, service: &str) -> Option<i64> {
        let entry = self.directory.get(service)?;
        match entry.runner.definition().origin {
            Origin::Python { package, .. } => Some(package),
            Origin::Internal | Origin::Rust => None,
        }
    }

    /// State and message of a package on this node, as the database has it.
    pub(crate) async fn told(&self, package: i64) -> (String, String) {
        let mut statuses = self.odb.packages().statuses(package).await.unwrap();
        let status = statuses.pop().unwrap();
        assert_eq!(status.node, "node1");
        (status.state, status.message)
    }

    /// Events of this name, oldest first.
    pub(crate) fn events(&self, name: &str) -> Vec<Event> {
        let all = self.events.recent(usize::MAX);
        all.into_iter().filter(|event| event.name == name).collect()
    }

    /// The package of this name in the status of the node.
    pub(crate) fn shown(&self, name: &str) -> serde_json::Value {
        let status = self.packages.status();
        let packages = status["packages"].as_array().unwrap();
        let found = packages.iter().find(|package| package["name"] == name);
        found.cloned().unwrap_or_default()
    }

    pub(crate) fn actor(&self, name: &str) -> busker_model::report::ActorInfo {
        let path = ActorPath::root("node1").child("packages").child(name);
        self.tree.get(&path).unwrap()
    }

    /// Puts a file into the pickup folder.
    pub(crate) fn drop_file(&self, name: &str, text: &str) {
        std::fs::write(self.home.pickup().join(name), text).unwrap();
    }

    /// Waits until something is true.
    pub(crate) async fn until(&self, what: &str, wanted: impl AsyncFn() -> bool) {
        let end = clock::now() + PATIENCE;
        while !wanted().await {
            assert!(
                clock::now() < end,
                "{what}: {:#}, {:?}",
                self.packages.status(),
                self.events.recent(10)
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) async fn until_serving(&self, service: &str) {
        self.until(service, async || self.serving(service).is_some())
            .await;
    }
}
