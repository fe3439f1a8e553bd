//! The node that was asked, and what can be done to others by their names.

use busker_model::invocation::Role;
use busker_model::{ErrorClass, Fault};
use serde_json::{Value, json};

use crate::answers::{list_of, map_of, object};
use crate::input::Type;
use crate::operation::{AdminService, Call};
use crate::services_run::COUNTERS;

const INFO: &[(&str, &str)] = &[
    ("name", "string"),
    ("cluster", "string"),
    ("version", "string"),
    ("incarnation", "string"),
    ("readiness", "string"),
    ("revision", "integer"),
    ("uptime_s", "integer"),
    ("http_address", "string"),
    ("http_workers", "integer"),
    ("admin_address", "string"),
    ("odb", "string"),
    ("bus", "string"),
    ("python_pool_size", "integer"),
    ("packages", "json"),
    ("services", "integer"),
    ("channels", "integer"),
    ("actors", "integer"),
];
const PYTHON: &[(&str, &str)] = &[
    ("state", "string"),
    ("interpreter", "string"),
    ("version", "string"),
    ("remedy", "string"),
    ("reason", "string"),
];
const WORKER: &[(&str, &str)] = &[
    ("pool", "string"),
    ("generation", "integer"),
    ("name", "string"),
    ("pid", "integer?"),
    ("scheduler", "string?"),
    ("in_flight", "integer"),
    ("rss_bytes", "integer?"),
    ("requests", "integer"),
];
const CHANNEL: &[(&str, &str)] = &[
    ("requests", "integer"),
    ("errors", "integer"),
    ("total_micros", "integer"),
];
const CONNECTION: &[(&str, &str)] = &[
    ("requests", "integer"),
    ("errors", "integer"),
    ("refused", "integer"),
    ("in_flight", "integer"),
    ("total_micros", "integer"),
    ("max_micros", "integer"),
];

pub(crate) fn operations() -> Vec<AdminService> {
    traffic().into_iter().chain(others_and_counters()).collect()
}

fn traffic() -> Vec<AdminService> {
    vec![
        AdminService::new(
            "busker.node.get-info",
            Role::Viewer,
            "Answers what this node is: version, addresses, interpreter, workers.",
            info,
        )
        .answers(INFO)
        .and("health", object(&[("bus", "string")]))
        .and("python", object(PYTHON))
        .and("python_workers", list_of(object(WORKER))),
        AdminService::new(
            "busker.node.drain",
            Role::Operator,
            "Takes the node off traffic; configuration and deploys go on.",
            drain,
        )
        .required(
            "node",
            Type::Name,
            "Name of the node; another one of the cluster is reached through this one.",
        )
        .example(json!({"node": "node1"}))
        .answers(&[("node", "string"), ("draining", "boolean")])
        .destroying(),
        AdminService::new(
            "busker.node.resume",
            Role::Operator,
            "Puts a drained node back to work.",
            resume,
        )
        .required(
            "node",
            Type::Name,
            "Name of the node; another one of the cluster is reached through this one.",
        )
        .example(json!({"node": "node1"}))
        .answers(&[("node", "string"), ("draining", "boolean")])
        .writing(),
    ]
}

fn others_and_counters() -> Vec<AdminService> {
    vec![
        AdminService::new(
            "busker.node.ping",
            Role::Viewer,
            "Asks another node of the cluster whether it is there, over the session with it.",
            ping,
        )
        .required("node", Type::Name, "Name of the node.")
        .example(json!({"node": "node2"}))
        .answers(&[
            ("node", "string"),
            ("ok", "boolean"),
            ("micros", "integer"),
            ("class", "string"),
            ("message", "string"),
        ]),
        AdminService::new(
            "busker.node.delete",
            Role::Admin,
            "Forgets a node that was stopped and will not come back.",
            delete,
        )
        .required("node", Type::Name, "Name of the node.")
        .example(json!({"node": "node3"}))
        .answers(&[("node", "string"), ("deleted", "boolean")])
        .destroying(),
        AdminService::new(
            "busker.statistics.get",
            Role::Viewer,
            "Answers the counters of services, channels and outgoing connections of this node.",
            statistics,
        )
        .answers(&[("node", "string")])
        .and("services", map_of(object(COUNTERS)))
        .and("channels", map_of(object(CHANNEL)))
        .and("outgoing", map_of(object(CONNECTION))),
    ]
}

async fn info(call: Call) -> Result<Value, Fault> {
    Ok(call.deps.node.info())
}

async fn drain(call: Call) -> Result<Value, Fault> {
    turn(call, true).await
}

async fn resume(call: Call) -> Result<Value, Fault> {
    turn(call, false).await
}

/// Drains or resumes the node of that name: this one, or another one of its cluster.
async fn turn(call: Call, drains: bool) -> Result<Value, Fault> {
    let (node, ours) = (call.input.text("node"), call.deps.node.name());
    let control = &call.deps.control;
    if node != ours {
        let asked = control.ask_other(node.to_owned(), drains);
        asked.ok_or_else(|| nobody_else(node, &ours))?.await?;
    } else if drains {
        control.drain().await?;
    } else {
        control.resume().await?;
    }
    Ok(json!({"node": node, "draining": drains}))
}

/// A node that does not answer is an answer, as with the ping of a connection.
async fn ping(call: Call) -> Result<Value, Fault> {
    let (node, ours) = (call.input.text("node"), call.deps.node.name());
    if node == ours {
        return Ok(json!({"node": node, "ok": true, "micros": 0}));
    }
    let asked = call.deps.control.ping_other(node.to_owned());
    match asked.ok_or_else(|| nobody_else(node, &ours))?.await {
        Ok(took) => {
            let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
            Ok(json!({"node": node, "ok": true, "micros": micros}))
        }
        Err(fault) if fault.class == ErrorClass::NotFound => Err(fault),
        Err(fault) => Ok(json!({
            "node": node,
            "ok": false,
            "class": fault.class.as_str(),
            "message": fault.message,
        })),
    }
}

/// Why a node that is alone does not know a name.
pub(crate) fn nobody_else(given: &str, ours: &str) -> Fault {
    Fault::not_found(format!(
        "node: {given:?} is not this node, which is {ours:?} and has no others"
    ))
}

/// Forgets a node that will not come back.
async fn delete(call: Call) -> Result<Value, Fault> {
    let node = call.input.text("node");
    let roster = call.deps.node.roster().unwrap_or_default();
    let lives = node == call.deps.node.name() || roster.iter().any(|live| live.name == node);
    if lives {
        let message = format!("node: {node:?} is running: stop it first");
        return Err(Fault::new(ErrorClass::Conflict, message));
    }
    call.deps.odb.nodes().delete(node).await?;
    Ok(json!({"node": node, "deleted": true}))
}

async fn statistics(call: Call) -> Result<Value, Fault> {
    let services: serde_json::Map<String, Value> = call
        .deps
        .node
        .services()
        .iter()
        .map(|row| {
            (
                row.definition.name.to_string(),
                crate::services_run::counters(row),
            )
        })
        .collect();
    let rest = call.deps.node.statistics();
    Ok(json!({
        "node": call.deps.node.name(),
        "services": services,
        "channels": rest["channels"],
        "outgoing": rest["outgoing"],
    }))
}
