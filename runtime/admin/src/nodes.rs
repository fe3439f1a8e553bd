//! The node that was asked.

use busker_model::Fault;
use busker_model::invocation::Role;
use serde_json::{Value, json};

use crate::input::Type;
use crate::operation::{AdminService, Call};

pub(crate) fn operations() -> Vec<AdminService> {
    vec![
        AdminService::new(
            "busker.node.get-info",
            Role::Viewer,
            "Answers what this node is: version, addresses, interpreter, workers.",
            info,
        ),
        AdminService::new(
            "busker.node.drain",
            Role::Operator,
            "Takes the node off traffic; configuration and deploys go on.",
            drain,
        )
        .required("node", Type::Name, "Name of the node that is asked.")
        .example(json!({"node": "node1"}))
        .answers(&[("node", "string"), ("draining", "boolean")])
        .destroying(),
        AdminService::new(
            "busker.node.resume",
            Role::Operator,
            "Puts a drained node back to work.",
            resume,
        )
        .required("node", Type::Name, "Name of the node that is asked.")
        .example(json!({"node": "node1"}))
        .answers(&[("node", "string"), ("draining", "boolean")])
        .writing(),
        AdminService::new(
            "busker.statistics.get",
            Role::Viewer,
            "Answers the counters of services, channels and outgoing connections of this node.",
            statistics,
        )
        .answers(&[
            ("node", "string"),
            ("services", "object"),
            ("channels", "object"),
            ("outgoing", "object"),
        ]),
    ]
}

async fn info(call: Call) -> Result<Value, Fault> {
    Ok(call.deps.node.info())
}

async fn drain(call: Call) -> Result<Value, Fault> {
    let node = this_node(&call)?;
    call.deps.control.drain().await?;
    Ok(json!({"node": node, "draining": true}))
}

async fn resume(call: Call) -> Result<Value, Fault> {
    let node = this_node(&call)?;
    call.deps.control.resume().await?;
    Ok(json!({"node": node, "draining": false}))
}

/// The name that was given, which must be ours: nothing is passed on to another node.
fn this_node(call: &Call) -> Result<String, Fault> {
    let (given, ours) = (call.input.text("node"), call.deps.node.name());
    if given == ours {
        return Ok(ours);
    }
    Err(Fault::not_found(format!(
        "node: {given:?} is not this node, which is {ours:?}; ask the API of that node"
    )))
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
