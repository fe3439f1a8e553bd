//! What the node is and runs, read off its parts.

use busker_admin::ports::{LiveNode, NodeView, ServiceRow};
use busker_kit::{Tree, clock};
use busker_membership::Peers;
use busker_membership::gateway::{Answer, Question};
use busker_membership::roster::MemberView;
use busker_model::event::Event;
use busker_model::report::{ActorInfo, ActorPath};
use busker_model::{Family, Fault, Transport};
use busker_service::{BoxFuture, Engine};
use busker_services::Entry;
use serde_json::{Map, Value, json};

use crate::config::ZatoFace;
use crate::node::Node;
use crate::zato;

/// Most connections in one answer of statistics.
const CONNECTIONS_SHOWN: usize = 10_000;

/// Reads the node.
#[derive(Debug)]
pub(crate) struct View(pub(crate) Node);

impl NodeView for View {
    fn name(&self) -> String {
        self.0.ground.config.node.name.clone()
    }

    fn info(&self) -> Value {
        let node = &self.0;
        let python = node.python.status();
        let uptime_ms = clock::unix_ms() - node.ground.started_ms;
        json!({
            "name": node.ground.config.node.name,
            "cluster": node.ground.config.node.cluster,
            "version": env!("CARGO_PKG_VERSION"),
            "incarnation": &*node.ground.incarnation,
            "readiness": node.ground.board.get().as_str(),
            "revision": *node.revision.borrow(),
            "uptime_s": uptime_ms / 1_000,
            "http_address": node.ground.config.http.listen.to_string(),
            "http_workers": node.ground.config.http.workers,
            "admin_address": node.ground.config.admin.listen.to_string(),
            "odb": if node.ground.config.odb.sqlite_path().is_some() { "sqlite" } else { "postgresql" },
            "bus": node.ground.bus.store().name(),
            "health": { "bus": node.ground.bus.health().get().as_str() },
            "python": python["host"],
            "python_pool_size": node.ground.config.python_workers(),
            "python_workers": python["workers"],
            "packages": node.packages.status(),
            "services": node.ground.directory.all().len(),
            "channels": node.ground.mount.all().len(),
            "actors": node.ground.tree.len(),
        })
    }

    fn services(&self) -> Vec<ServiceRow> {
        let services = ActorPath::root(&self.0.ground.config.node.name).child("services");
        self.0
            .ground
            .directory
            .all()
            .iter()
            .map(|entry| row(entry, &self.0.ground.tree, &services))
            .collect()
    }

    fn statistics(&self) -> Value {
        let channels: Map<String, Value> = self
            .0
            .ground
            .mount
            .all()
            .iter()
            .map(|route| {
                let name = format!("{}:{}", route.settings.transport.as_str(), route.name);
                (name, json!(route.stats.snapshot()))
            })
            .collect();
        let family = format!(
            "{}/{}/",
            self.0.ground.config.node.name,
            Family::Outgoing.as_str()
        );
        let actors = self
            .0
            .ground
            .tree
            .snapshot(Some(family.trim_end_matches('/')), CONNECTIONS_SHOWN);
        let names = actors
            .iter()
            .filter_map(|actor| actor.path.as_str().strip_prefix(&family));
        let outgoing: Map<String, Value> = names
            .filter_map(|child| {
                let (group, name) = child.split_once(':')?;
                let transport = if group == Transport::Soap.as_str() {
                    Transport::Soap
                } else {
                    Transport::PlainHttp
                };
                Some((
                    child.to_owned(),
                    json!(self.0.ground.outgoing.stats(name, transport)?),
                ))
            })
            .collect();
        json!({ "channels": channels, "outgoing": outgoing })
    }

    fn events(&self, limit: usize) -> Vec<Event> {
        self.0.ground.events.recent(limit)
    }

    fn role_holder(&self) -> Option<String> {
        match &self.0.ground.membership {
            Some(membership) => membership.role_holder(),
            // A node that is alone has nobody to share the role with.
            None => Some(self.0.ground.config.node.name.clone()),
        }
    }

    fn reserves(&self, url_path: &str) -> Option<String> {
        let is_ours = self.0.ground.config.node.zato_face == ZatoFace::Channels;
        (is_ours && zato::is_below(url_path)).then(|| {
            "is below /zato/, which the Zato-compatible endpoints of this node have (zato_face in busker.toml): \
             choose another path"
                .to_owned()
        })
    }

    fn roster(&self) -> Option<Vec<LiveNode>> {
        let membership = self.0.ground.membership.as_ref()?;
        let connected = self.0.peers.as_ref().map(Peers::connected);
        let connected = connected.unwrap_or_default();
        let live = |peer: MemberView| LiveNode {
            connected: connected.contains(&peer.id),
            name: peer.id.name.to_string(),
            incarnation: peer.id.incarnation.to_string(),
            state: peer.facts.state,
            revision: peer.facts.revision,
            suspected: peer.suspected,
            clock_ahead_ms: peer.skew_ms,
            in_flight: peer.facts.in_flight,
        };
        let own = LiveNode {
            connected: true,
            name: self.name(),
            incarnation: self.0.ground.incarnation.to_string(),
            state: self.0.ground.board.get().as_word().to_owned(),
            revision: *self.0.revision.borrow(),
            suspected: false,
            clock_ahead_ms: 0,
            in_flight: 0,
        };
        let peers = membership.members.view().peers.into_iter().map(live);
        Some(std::iter::once(own).chain(peers).collect())
    }

    fn tree_of(
        &self,
        node: String,
        prefix: Option<String>,
        limit: usize,
    ) -> Option<BoxFuture<'static, Result<Vec<ActorInfo>, Fault>>> {
        let peers = self.0.peers.clone()?;
        Some(Box::pin(async move {
            match peers.ask(&node, &Question::Tree { prefix, limit }).await? {
                Answer::Tree(actors) => Ok(actors),
                Answer::Done | Answer::Refused { .. } => {
                    Err(Fault::internal("a peer answered another question"))
                }
            }
        }))
    }

    fn position(&self) -> String {
        self.0.ground.feed.position()
    }

    fn runs(&self, revision: i64) -> BoxFuture<'static, ()> {
        let mut runs = self.0.revision.clone();
        Box::pin(async move { drop(runs.wait_for(|&now| now >= revision).await) })
    }
}

fn row(entry: &Entry, tree: &Tree, services: &ActorPath) -> ServiceRow {
    let definition = entry.runner.definition();
    let actor = tree.get(&services.child(definition.name.as_str()));
    let seen = entry.stats.snapshot();
    ServiceRow {
        definition: std::sync::Arc::clone(definition),
        active: entry.closed.is_none(),
        state: actor
            .map_or("stopped", |actor| actor.state.as_str())
            .to_owned(),
        in_flight: entry.gate.in_flight(),
        requests: seen.requests,
        errors: seen.errors,
        total_micros: seen.total_micros,
        max_micros: seen.max_micros,
    }
}
