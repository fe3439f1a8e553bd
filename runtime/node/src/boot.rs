//! Boot: steps in order, each with what it needs, and the way down in reverse.
//!
//! The order is that of the tree: nothing enters before there is a way out. The fronts open last and close first.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use busker_admin::Deps;
use busker_channels::Mount;
use busker_kit::{ChildSpec, OnExcess, Strategy, Supervisor, SupervisorSpec, Tree};
use busker_model::service::ServiceSettings;
use busker_model::{ErrorClass, Fault};
use busker_odb::{Odb, OdbConfig, PasswordCost, Passwords, Vault};
use busker_service::ports::{NoKeyValue, OutgoingHttp};
use busker_service::{BoxFuture, HttpAnswer, HttpCall, Ping, Ports, Registry, Runner};
use busker_services::{Desired, Directory, instance};
use tokio::sync::watch;

use crate::api::{self, Api};
use crate::config::NodeConfig;
use crate::front::{self, Front};

/// Exit code of a node whose root supervisor gave up.
pub const EXIT_GAVE_UP: u8 = 70;
/// Longest wait for the first reconcile pass.
const FIRST_PASS: Duration = Duration::from_secs(30);

/// Everything a running node holds on to.
struct Node {
    root: Supervisor,
    tree: Tree,
    directory: Directory,
    mount: Mount,
    odb: Odb,
    revision: watch::Receiver<i64>,
}

/// Runs a node until it is told to stop (SIGTERM or SIGINT) or its tree gives up; answers the exit code.
///
/// # Errors
/// The first boot step that failed, with its reason.
pub async fn run(config: NodeConfig, services: Registry) -> Result<u8, Fault> {
    busker_kit::install_runtime(tokio::runtime::Handle::current());
    let odb = open_odb(&config).await?;
    let (node, end) = start_tree(&config, odb, services).await?;
    let deps = node.deps(&config);
    node.start_services(busker_admin::services(&deps).map_err(step("admin services"))?).await?;
    node.first_pass().await?;
    let fronts = open_fronts(&config, &node)?;
    tracing::info!(
        "Node {} is ready: channels on {}, API on {}",
        config.node.name,
        config.http.listen,
        config.admin.listen
    );
    let code = tokio::select! {
        () = told_to_stop() => 0,
        gave_up = end.wait() => match gave_up {
            Ok(()) => 0,
            Err(reason) => {
                tracing::error!("The node gives up: {reason}");
                EXIT_GAVE_UP
            }
        },
    };
    tracing::info!("Node {} stops", config.node.name);
    fronts.stop().await;
    node.root.stop().await;
    Ok(code)
}

fn step<E: std::fmt::Display>(name: &'static str) -> impl Fn(E) -> Fault {
    move |error| Fault::new(ErrorClass::Unavailable, format!("boot step {name:?} failed: {error}"))
}

async fn open_odb(config: &NodeConfig) -> Result<Odb, Fault> {
    let vault = open_vault(&config.key_path())?;
    let odb = Odb::open(OdbConfig::sqlite(config.odb_path())).await.map_err(step("odb"))?;
    odb.migrate().await.map_err(step("odb migrations"))?;
    Ok(odb.with_vault(Arc::new(vault)))
}

fn open_vault(path: &Path) -> Result<Vault, Fault> {
    Vault::open(path).map_err(step("vault"))
}

async fn start_tree(
    config: &NodeConfig,
    odb: Odb,
    services: Registry,
) -> Result<(Node, busker_kit::RootEnd), Fault> {
    let tree = Tree::new(&config.node.name);
    let minute = Duration::from_secs(60);
    let family = |name: &str, max: usize, excess: OnExcess| {
        ChildSpec::supervisor(SupervisorSpec::new(name).intensity(max, minute).on_excess(excess))
    };
    let spec = SupervisorSpec::new(config.node.name.clone())
        .strategy(Strategy::RestForOne)
        .child(family("services", 10, OnExcess::Fail))
        .child(family("channels", 5, OnExcess::Park))
        .child(family("config", 5, OnExcess::Escalate));
    let (root, end) = Supervisor::start_root(&tree, spec).await.map_err(step("tree"))?;
    let (directory, mount) = (Directory::default(), Mount::default());
    directory.connect(Arc::new(Ports {
        invoker: Arc::new(directory.clone()),
        http: Arc::new(NoOutgoing),
        key_value: Arc::new(NoKeyValue),
        cluster: config.node.cluster.as_str().into(),
        node: config.node.name.as_str().into(),
    }));
    let (told, revision) = watch::channel(-1);
    let node = Node { root, tree, directory, mount, odb, revision };
    node.start_services(services.into_runners()).await?;
    let parts = busker_reconcile::Parts {
        odb: node.odb.clone(),
        channels: node.family("channels").await?,
        mount: node.mount.clone(),
        directory: node.directory.clone(),
        revision: told,
    };
    let config = node.family("config").await?;
    config.start_child(busker_reconcile::spec(&parts)).await.map_err(step("reconcile"))?;
    Ok((node, end))
}

impl Node {
    async fn family(&self, name: &'static str) -> Result<Supervisor, Fault> {
        let found = self.root.supervisor(name).await;
        found.ok_or_else(|| Fault::internal(format!("the supervisor of {name} is not there")))
    }

    async fn start_services(&self, runners: Vec<Arc<dyn Runner>>) -> Result<(), Fault> {
        let family = self.family("services").await?;
        let specs = runners.into_iter().map(|runner| {
            let name = runner.definition().name.to_string();
            let desired = Desired { runner, settings: ServiceSettings::default(), active: true };
            instance::spec(&name, &desired, &self.directory)
        });
        for outcome in family.start_children(specs.collect()).await {
            outcome.map_err(step("services"))?;
        }
        Ok(())
    }

    async fn first_pass(&self) -> Result<(), Fault> {
        let mut revision = self.revision.clone();
        let passed = tokio::time::timeout(FIRST_PASS, revision.wait_for(|&revision| revision >= 0)).await;
        let told = passed.map_err(|_| Fault::timeout("the first reconcile pass took longer than 30 s"))?;
        told.map(drop).map_err(step("reconcile"))
    }

    fn deps(&self, config: &NodeConfig) -> Deps {
        Deps {
            odb: self.odb.clone(),
            directory: self.directory.clone(),
            mount: self.mount.clone(),
            tree: self.tree.clone(),
            node: config.node.name.clone(),
        }
    }
}

/// The open listeners.
struct Fronts {
    channels: actix_web::dev::ServerHandle,
    api: actix_web::dev::ServerHandle,
    tasks: Vec<busker_kit::Pump>,
}

impl Fronts {
    /// Channels first: no new work enters while the API can still be asked why.
    async fn stop(self) {
        self.channels.stop(true).await;
        self.api.stop(true).await;
        for task in self.tasks {
            task.join().await;
        }
    }
}

fn open_fronts(config: &NodeConfig, node: &Node) -> Result<Fronts, Fault> {
    let front = Front { mount: node.mount.clone(), directory: node.directory.clone() };
    let channels = front::open(&config.http, front).map_err(step("channel listener"))?;
    let api = Api {
        odb: node.odb.clone(),
        passwords: Passwords::new(PasswordCost::default()).map_err(step("passwords"))?,
        directory: node.directory.clone(),
        tree: node.tree.clone(),
        revision: node.revision.clone(),
    };
    let api = api::open(&config.admin, api).map_err(step("API listener"))?;
    let handles = (channels.handle(), api.handle());
    let serve = |name, server: actix_web::dev::Server| {
        busker_kit::Pump::spawn(name, async move {
            if let Err(error) = server.await {
                tracing::error!("{name} ended: {error}");
            }
        })
    };
    let tasks = vec![serve("channel listener", channels), serve("API listener", api)];
    Ok(Fronts { channels: handles.0, api: handles.1, tasks })
}

async fn told_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) else {
        tracing::error!("signals cannot be heard; stop this node with SIGKILL");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
}

/// Outgoing HTTP connections have not landed: every call says so.
#[derive(Debug)]
struct NoOutgoing;

fn no_outgoing(connection: &str) -> Fault {
    Fault::not_found(format!(
        "there is no outgoing connection {connection:?}: outgoing HTTP is not part of this version"
    ))
}

impl OutgoingHttp for NoOutgoing {
    fn send(
        &self,
        connection: &str,
        _transport: busker_model::Transport,
        _call: HttpCall,
    ) -> BoxFuture<'static, Result<HttpAnswer, Fault>> {
        Box::pin(std::future::ready(Err(no_outgoing(connection))))
    }

    fn ping(
        &self,
        connection: &str,
        _transport: busker_model::Transport,
    ) -> BoxFuture<'static, Result<Ping, Fault>> {
        Box::pin(std::future::ready(Err(no_outgoing(connection))))
    }
}
