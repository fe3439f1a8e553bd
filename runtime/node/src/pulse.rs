//! The pulse: what this node reports of itself to its cluster. Owns: the row of this node in the ODB. Hears: the end of
//! its pump. Says: a row, every 10 s and when something changed.
//! Dies when: its pump does; an ODB that is away is a line in the log. Restart: permanent, with the node's infrastructure.

use std::time::Duration;

use busker_kit::ractor::{Actor, ActorProcessingErr, ActorRef};
use busker_kit::{ChildSpec, Pump, PumpEnded, clock};
use busker_model::Origin;
use busker_odb::nodes::NodeRecord;
use busker_service::Engine;
use serde_json::json;

use crate::node::Node;

/// Longest time between two reports.
const EVERY: Duration = Duration::from_secs(10);
/// Longest time for the last report of a node that ends.
const LAST: Duration = Duration::from_secs(2);

/// What the pulse reports on.
#[derive(Debug, Clone)]
pub(crate) struct Pulse {
    pub(crate) node: Node,
}

pub(crate) fn spec(pulse: Pulse) -> ChildSpec {
    ChildSpec::actor("pulse", "pulse", move |_seat| (PulseActor, pulse.clone()))
}

/// Reports the state a node ends in. Best effort: a database that is away must not keep a node from ending.
pub(crate) async fn last(node: &Node) {
    match tokio::time::timeout(LAST, report(node)).await {
        Ok(()) => {}
        Err(_) => tracing::warn!("the last report to the database took too long"),
    }
}

#[derive(Debug)]
struct PulseActor;

impl Actor for PulseActor {
    type Msg = PumpEnded;
    type State = [Pump; 3];
    type Arguments = Pulse;

    async fn pre_start(
        &self,
        me: ActorRef<PumpEnded>,
        pulse: Pulse,
    ) -> Result<[Pump; 3], ActorProcessingErr> {
        let [feed, rates] = pulse.node.fill_feed();
        let beat = Pump::vital("pulse", me, beat(pulse.node));
        Ok([beat, feed, rates])
    }

    async fn handle(
        &self,
        _me: ActorRef<PumpEnded>,
        ended: PumpEnded,
        _pumps: &mut [Pump; 3],
    ) -> Result<(), ActorProcessingErr> {
        ended.crash()
    }
}

#[expect(clippy::infinite_loop, reason = "its pump ends it, with its actor")]
async fn beat(node: Node) {
    let (mut revision, mut board) = (node.revision.clone(), node.ground.board.subscribe());
    loop {
        revision.mark_unchanged();
        board.mark_unchanged();
        report(&node).await;
        let changed = async {
            tokio::select! {
                told = revision.changed() => drop(told),
                told = board.changed() => drop(told),
            }
            // Many edits in a second are one report.
            tokio::time::sleep(Duration::from_secs(1)).await;
        };
        if tokio::time::timeout(EVERY, changed).await.is_err() {
            tracing::trace!("nothing has changed");
        }
    }
}

async fn report(node: &Node) {
    let state = node.ground.board.get().as_word();
    let built_in: Vec<String> = node
        .ground
        .directory
        .all()
        .iter()
        .filter(|entry| entry.runner.definition().origin == Origin::Rust)
        .map(|entry| entry.runner.definition().name.to_string())
        .collect();
    let record = NodeRecord {
        name: node.ground.config.node.name.clone(),
        incarnation: node.ground.incarnation.to_string(),
        address: node.ground.config.http.listen.to_string(),
        admin_address: node.ground.config.admin.listen.to_string(),
        state: state.to_owned(),
        revision: *node.revision.borrow(),
        seen_ms: clock::unix_ms(),
        info: json!({
            "version": env!("CARGO_PKG_VERSION"),
            "rust_services": built_in,
            "python": node.python.status()["host"],
            // Their ids, after another look at the key file.
            "vault_keys": node.ground.odb.sealing().known().unwrap_or_default(),
        }),
    };
    if let Err(error) = node.ground.odb.nodes().heartbeat(&record).await {
        tracing::warn!("this node could not report to the database: {error}");
    }
}
