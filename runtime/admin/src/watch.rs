//! Looking at a node: its services, its actors, what happened to them.

use std::sync::Arc;

use busker_model::invocation::Role;
use busker_model::{Fault, NameError, Origin};
use busker_service::Runner;
use busker_services::Entry;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Deps;
use crate::operation::{Operation, read};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TreeInput {
    prefix: Option<String>,
    #[serde(default = "thousand")]
    limit: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Events {
    #[serde(default = "thousand")]
    limit: usize,
}

fn thousand() -> usize {
    1000
}

pub(crate) fn services(deps: &Deps) -> Result<Vec<Arc<dyn Runner>>, NameError> {
    let at = deps.clone();
    let services = Operation::build(
        "busker.service.list",
        "Services of this node.",
        Role::Viewer,
        move |input, _| {
            let listed = read(input).map(|Nothing {}| list_services(&at));
            std::future::ready(listed)
        },
    )?;
    let at = deps.clone();
    let tree = Operation::build(
        "busker.tree.get",
        "Actors of this node.",
        Role::Viewer,
        move |input, _| {
            let shown = read(input).map(|input: TreeInput| {
            json!({ "actors": at.tree.snapshot(input.prefix.as_deref(), input.limit), "counts": at.tree.counts() })
        });
            std::future::ready(shown)
        },
    )?;
    let at = deps.clone();
    let events = Operation::build(
        "busker.event.list",
        "Latest supervision events.",
        Role::Viewer,
        move |input, _| {
            let shown = read(input).map(|input: Events| {
                let reports: Vec<Value> = at
                    .tree
                    .recent(input.limit)
                    .iter()
                    .map(|report| json!(**report))
                    .collect();
                json!({ "events": reports })
            });
            std::future::ready(shown)
        },
    )?;
    let at = deps.clone();
    let roster = Operation::build(
        "busker.cluster.get-roster",
        "Nodes of this cluster.",
        Role::Viewer,
        move |input, _| {
            let at = at.clone();
            async move { read(input).map(|Nothing {}| at)?.roster().await }
        },
    )?;
    Ok(vec![services, tree, events, roster])
}

impl Deps {
    /// Until the cluster lands, a cluster is this node.
    async fn roster(&self) -> Result<Value, Fault> {
        let revision = self
            .odb
            .objects()
            .changes_since(i64::MAX - 1)
            .await
            .map(|changes| changes.revision)?;
        Ok(json!({ "nodes": [{
            "name": self.node, "role_holder": true, "state": "running", "revision": revision,
        }] }))
    }
}

fn list_services(deps: &Deps) -> Value {
    let services: Vec<Value> = deps
        .directory
        .all()
        .iter()
        .map(|entry| service(entry))
        .collect();
    json!({ "services": services })
}

fn service(entry: &Entry) -> Value {
    let definition = entry.runner.definition();
    let origin = match &definition.origin {
        Origin::Internal => "internal",
        Origin::Rust => "rust",
        Origin::Python { .. } => "python",
    };
    let stats = entry.stats.snapshot();
    json!({
        "name": definition.name,
        "doc": definition.doc,
        "origin": origin,
        "active": entry.closed.is_none(),
        "generation": definition.generation,
        "in_flight": entry.gate.in_flight(),
        "requests": stats.requests,
        "errors": stats.errors,
        "refused": stats.refused,
        "slow": stats.slow,
        "max_micros": stats.max_micros,
        "total_micros": stats.total_micros,
    })
}
