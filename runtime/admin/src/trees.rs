//! The supervision tree of this node and of others, and what happened in it.

use std::collections::BTreeMap;

use busker_model::Fault;
use busker_model::invocation::Role;
use busker_model::object::Violation;
use busker_model::report::ActorPath;
use serde_json::{Value, json};

use crate::answers::{list_of, object};
use crate::input::Type;
use crate::operation::{AdminService, Call};

/// Most actors in one answer.
const ACTORS_MAX: i64 = 100_000;
/// Actors in one answer unless told otherwise.
const ACTORS: i64 = 1_000;
/// Most reports and most events in one answer.
const EVENTS_MAX: i64 = 1_000;
/// Reports and events in one answer unless told otherwise.
const EVENTS: i64 = 100;
const ACTOR: &[(&str, &str)] = &[
    ("path", "string"),
    ("kind", "string"),
    ("state", "string"),
    ("note", "string"),
    ("since_ms", "integer"),
    ("restarts", "integer"),
    ("last_error", "string"),
];
const REPORT: &[(&str, &str)] = &[
    ("at_ms", "integer"),
    ("path", "string"),
    ("kind", "string"),
    ("state", "string"),
    ("reason", "string"),
    ("backtrace", "string"),
    ("cause", "string"),
    ("restarts", "integer"),
];
const EVENT: &[(&str, &str)] = &[
    ("at_ms", "integer"),
    ("node", "string"),
    ("name", "string"),
    ("severity", "string"),
    ("message", "string"),
    ("fields", "json"),
];

pub(crate) fn operations() -> Vec<AdminService> {
    vec![
        AdminService::new(
            "busker.tree.get",
            Role::Viewer,
            "Lists the actors of a node, this one unless another is named, and counts them by state; this one's stream of events goes on from `position`.",
            get,
        )
        .optional(
            "prefix",
            Type::Text,
            "Path to start at, such as node1/channels.",
        )
        .optional(
            "node",
            Type::Name,
            "Another node of the cluster; the counts are then of the actors in the answer.",
        )
        .optional(
            "limit",
            Type::Integer(0, ACTORS_MAX),
            "Most actors to answer; 1000 unless given.",
        )
        .example(json!({"prefix": "node1/channels", "limit": 100}))
        .answers(&[
            ("counts", "integer{}"),
            ("total", "integer"),
            ("position", "string"),
        ])
        .and("actors", list_of(object(ACTOR))),
        AdminService::new(
            "busker.tree.restart-actor",
            Role::Operator,
            "Stops an actor and starts it again, a parked one too.",
            restart,
        )
        .required("path", Type::Text, "Path of the actor.")
        .example(json!({"path": "node1/channels/http/crm"}))
        .answers(&[("path", "string"), ("restarted", "boolean")])
        .writing(),
        AdminService::new(
            "busker.tree.stop-actor",
            Role::Admin,
            "Stops an actor and leaves it stopped; what is configured comes back with its next change or the node's next start.",
            stop,
        )
        .required("path", Type::Text, "Path of the actor.")
        .example(json!({"path": "node1/channels/http/crm"}))
        .answers(&[("path", "string"), ("stopped", "boolean")])
        .writing(),
        AdminService::new(
            "busker.event.list",
            Role::Viewer,
            "Lists the latest supervision reports and events of this node, newest last.",
            events,
        )
        .optional(
            "limit",
            Type::Integer(0, EVENTS_MAX),
            "Most of each; 100 unless given.",
        )
        .example(json!({"limit": 50}))
        .answers(&[])
        .and("reports", list_of(object(REPORT)))
        .and("events", list_of(object(EVENT))),
    ]
}

async fn get(call: Call) -> Result<Value, Fault> {
    let limit = size(call.input.integer("limit").unwrap_or(ACTORS));
    let node = call.input.opt_text("node");
    if let Some(node) = node.filter(|node| *node != call.deps.node.name()) {
        return tree_of(&call, node, limit).await;
    }
    let tree = &call.deps.tree;
    // Before the picture is taken: what happens meanwhile is in both, and nothing is in neither.
    let position = call.deps.node.position();
    let actors = tree.snapshot(call.input.opt_text("prefix"), limit);
    Ok(json!({
        "actors": actors, "counts": tree.counts(), "total": tree.len(), "position": position,
    }))
}

async fn tree_of(call: &Call, node: &str, limit: usize) -> Result<Value, Fault> {
    let prefix = call.input.opt_text("prefix").map(str::to_owned);
    let (view, ours) = (&call.deps.node, call.deps.node.name());
    let asked = view.tree_of(node.to_owned(), prefix, limit);
    let actors = asked
        .ok_or_else(|| crate::nodes::nobody_else(node, &ours))?
        .await?;
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for actor in &actors {
        *counts.entry(actor.state.as_str()).or_default() += 1;
    }
    Ok(json!({"actors": actors, "counts": counts, "total": actors.len()}))
}

async fn restart(call: Call) -> Result<Value, Fault> {
    let path = actor(&call)?;
    call.deps.actors.restart(path.clone()).await?;
    Ok(json!({"path": path, "restarted": true}))
}

async fn stop(call: Call) -> Result<Value, Fault> {
    let path = actor(&call)?;
    call.deps.actors.stop(path.clone()).await?;
    Ok(json!({"path": path, "stopped": true}))
}

/// The path that is asked for, when this node has such an actor or another node may have it.
fn actor(call: &Call) -> Result<ActorPath, Fault> {
    let text = call.input.text("path");
    let path = path_of(text)?;
    let owner = text.split('/').next().unwrap_or_default();
    let is_ours = owner == call.deps.node.name() || call.deps.node.roster().is_none();
    if is_ours && call.deps.tree.get(&path).is_none() {
        return Err(Fault::not_found(format!(
            "path: there is no actor {text:?} on this node; busker.tree.get has those there are"
        )));
    }
    Ok(path)
}

fn path_of(text: &str) -> Result<ActorPath, Fault> {
    let mut parts = text.split('/');
    let root = parts.next().unwrap_or_default();
    if text.is_empty() || text.split('/').any(str::is_empty) {
        return Err(Fault::violations(vec![Violation::new(
            "path",
            "must be names joined by '/', such as node1/channels",
        )]));
    }
    Ok(parts.fold(ActorPath::root(root), |path, name| path.child(name)))
}

async fn events(call: Call) -> Result<Value, Fault> {
    let limit = size(call.input.integer("limit").unwrap_or(EVENTS));
    let reports: Vec<Value> = call
        .deps
        .tree
        .recent(limit)
        .iter()
        .map(|report| json!(**report))
        .collect();
    Ok(json!({"reports": reports, "events": call.deps.node.events(limit)}))
}

fn size(limit: i64) -> usize {
    usize::try_from(limit).unwrap_or_default()
}
