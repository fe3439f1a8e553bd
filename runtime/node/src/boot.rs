//! Boot: the tree of a node from its specs, in start order, and the way down in reverse.
//!
//! The order is that of [`spec`]: nothing enters before there is a way out. Listeners open last and close first.

use std::sync::Arc;

use busker_catalog::Catalog;
use busker_kit::{ChildSpec, OnExcess, Strategy, Supervisor, SupervisorSpec, Tree};
use busker_model::Fault;
use busker_odb::{PasswordCost, Passwords};
use busker_service::Registry;
use tokio::sync::watch;

use crate::bus;
use crate::config::NodeConfig;
use crate::ground::{BUDGET, Ground, step};
use crate::node::Node;
use crate::ports::LatestRevision;
use crate::pulse;
use crate::readiness::{Board, Readiness};

/// Exit code of a node whose root supervisor gave up.
pub const EXIT_GAVE_UP: u8 = 70;

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
    // On the heap: its steps together are more than a caller's stack should carry.
    let booted = Box::pin(boot(config, services, (tree, root.clone(), board.clone()))).await;
    let node = match booted {
        Ok(node) => node,
        Err(fault) => {
            root.stop().await;
            return Err(fault);
        }
    };
    tracing::info!(
        "Node {} is ready: channels on {}, API on {}",
        node.ground.config.node.name,
        node.ground.config.http.listen,
        node.ground.config.admin.listen
    );
    let code = tokio::select! {
        signal = signals.wait() => {
            tracing::info!("Node {} stops: {signal}", node.ground.config.node.name);
            board.set(Readiness::Draining);
            if let Some(membership) = &node.ground.membership {
                // Others take over now, not when all requests in flight have ended.
                membership.role.resign();
            }
            0
        }
        gave_up = end.wait() => {
            board.set(Readiness::Failed);
            let reason = gave_up.err().unwrap_or_else(|| "its tree was stopped".to_owned());
            tracing::error!("Node {} gives up: {reason}", node.ground.config.node.name);
            EXIT_GAVE_UP
        }
    };
    pulse::last(&node).await;
    root.stop().await;
    tracing::info!("Node {} has stopped", node.ground.config.node.name);
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
        .child(family("bus", 5, OnExcess::Escalate))
        .child(family("packages", 5, OnExcess::Escalate))
        .child(family("outgoing", 5, OnExcess::Park))
        .child(family("services", 10, OnExcess::Fail))
        .child(family("channels", 5, OnExcess::Park))
        .child(family("scheduler", 5, OnExcess::Park))
        .child(family("config", 5, OnExcess::Escalate))
        .child(family("front", 5, OnExcess::Escalate))
}

async fn boot(
    config: NodeConfig,
    services: Registry,
    (tree, root, board): (Tree, Supervisor, Board),
) -> Result<Node, Fault> {
    let ground = Ground::open(config, tree, root, board).await?;
    bus::start(&ground).await?;
    ground.start_built_in(services).await?;
    let python = ground.start_python().await?;
    let packages = ground.start_packages(&python).await?;
    let (told, revision) = watch::channel(-1);
    ground.outgoing.connect(Arc::new(LatestRevision {
        odb: ground.odb.clone(),
        runs: revision.clone(),
    }));
    let reconcile = ground.reconcile_parts(told).await?;
    let peers = match &ground.membership {
        Some(membership) => Some(membership.start(&ground, revision.clone()).await?),
        None => None,
    };
    let node = Node {
        ground,
        peers,
        catalog: Arc::new(Catalog::builtin()),
        passwords: Passwords::new(PasswordCost::Full).map_err(step("passwords"))?,
        python,
        packages,
        revision,
    };
    node.open(reconcile).await?;
    Ok(node)
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
