//! A node with everything that runs on it, and the last steps of its boot.

use std::sync::Arc;
use std::time::Duration;

use busker_admin::AdminDeps;
use busker_catalog::Catalog;
use busker_kit::Pump;
use busker_membership::Peers;
use busker_model::Fault;
use busker_odb::Passwords;
use busker_packages::Packages;
use busker_python::PythonHost;
use tokio::sync::watch;

use crate::bus;
use crate::ground::{Ground, step, whole};
use crate::meter::Meter;
use crate::ports;
use crate::pulse::{self, Pulse};
use crate::rates;
use crate::readiness::Readiness;
use crate::recorder;
use crate::serving;

/// Longest wait for the first reconcile pass.
const FIRST_PASS: Duration = Duration::from_secs(30);
/// Longest wait for the services of stored packages; a node without them serves the others.
const FIRST_PACKAGES: Duration = Duration::from_secs(20);

/// Everything a running node holds on to. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) ground: Ground,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) passwords: Passwords,
    pub(crate) python: Arc<PythonHost>,
    pub(crate) packages: Packages,
    /// The other nodes; `None` on a node that is alone.
    pub(crate) peers: Option<Peers>,
    /// Revision of the configuration that runs; below 0 until the first reconcile pass.
    pub(crate) revision: watch::Receiver<i64>,
}

impl Node {
    /// The steps that need the node itself: admin services, configuration, packages, listeners.
    pub(crate) async fn open(&self, reconcile: busker_reconcile::Parts) -> Result<(), Fault> {
        let admin = busker_admin::services(self.admin_deps()).map_err(step("admin services"))?;
        whole(self.ground.services.set("admin", admin).await)?;
        let zato = busker_zato::services(&self.ground.odb).map_err(step("zato services"))?;
        whole(self.ground.services.set("zato", zato).await)?;
        let runs = busker_scheduler::runner(&self.ground.scheduler).map_err(step("scheduler"))?;
        whole(self.ground.services.set("scheduler", vec![runs]).await)?;
        let config = self.ground.family("config").await?;
        let pulse = Pulse { node: self.clone() };
        for child in [
            recorder::spec(&self.ground.recorder),
            busker_reconcile::spec(&reconcile),
            pulse::spec(pulse),
        ] {
            config.start_child(child).await.map_err(step("config"))?;
        }
        self.first_pass().await?;
        let settled = tokio::time::timeout(FIRST_PACKAGES, self.packages.settled());
        if settled.await.is_err() {
            let seconds = FIRST_PACKAGES.as_secs();
            tracing::warn!(
                "stored packages are not up after {seconds} s; the node serves without them meanwhile"
            );
        }
        bus::take_work(&self.ground).await?;
        let front = self.ground.family("front").await?;
        for listener in serving::listeners(self)? {
            let opened = front.start_child(listener).await;
            opened.map_err(step("listeners"))?;
        }
        self.ground.board.set(Readiness::Ready);
        Ok(())
    }

    async fn first_pass(&self) -> Result<(), Fault> {
        let mut revision = self.revision.clone();
        let passed = revision.wait_for(|&revision| revision >= 0);
        let seconds = FIRST_PASS.as_secs();
        let late = |_| {
            Fault::timeout(format!(
                "the first reconcile pass took longer than {seconds} s"
            ))
        };
        let passed = tokio::time::timeout(FIRST_PASS, passed).await;
        passed.map_err(late)?.map(drop).map_err(step("reconcile"))
    }

    fn admin_deps(&self) -> AdminDeps {
        let ground = &self.ground;
        AdminDeps {
            catalog: Arc::clone(&self.catalog),
            odb: ground.odb.clone(),
            passwords: self.passwords.clone(),
            tree: ground.tree.clone(),
            actors: Arc::new(ports::Actors::new(self)),
            deployer: Arc::new(ports::PackageDeployer(self.packages.clone())),
            node: Arc::new(ports::View(self.clone())),
            control: Arc::new(ports::Controls(self.clone())),
            caller: Arc::new(ports::Caller(ground.directory.clone())),
            jobs: Arc::new(ports::Jobs(ground.scheduler.clone())),
            messages: Arc::new(ports::BusMessages(ground.bus.clone())),
            redis: Arc::new(ports::NodeRedis(ground.redis.clone())),
        }
    }

    /// The pumps that fill the feed of dashboards.
    pub(crate) fn fill_feed(&self) -> [Pump; 2] {
        let ground = &self.ground;
        [
            ground.feed.fill(&ground.tree, &ground.events),
            rates::tell(
                &ground.feed,
                &ground.directory,
                &Meter::new(&ground.metrics),
            ),
        ]
    }
}
