//! The cluster itself and its nodes.

use busker_model::Fault;
use busker_model::invocation::Role;
use busker_model::object::Violation;
use busker_odb::cluster::ClusterWrite;
use serde_json::{Value, json};

use crate::input::Type;
use crate::operation::{AdminService, Call, answer};

/// Longest description, in bytes.
const DESCRIPTION_BYTES: usize = 2_000;
const CLUSTER: &[(&str, &str)] = &[
    ("id", "string"),
    ("name", "string"),
    ("description", "string"),
    ("colour", "string"),
    ("guarded", "boolean"),
    ("revision", "integer"),
    ("created_ms", "integer"),
];

pub(crate) fn operations() -> Vec<AdminService> {
    vec![
        AdminService::new(
            "busker.cluster.get",
            Role::Viewer,
            "Answers the cluster.",
            get,
        )
        .answers(CLUSTER),
        AdminService::new(
            "busker.cluster.edit",
            Role::Admin,
            "Edits the cluster; what is not given stays as it is.",
            edit,
        )
        .optional("name", Type::Name, "Name for people.")
        .optional("description", Type::Text, "What it is for.")
        .optional(
            "colour",
            Type::Text,
            "Colour of the console's frame: #rrggbb, or empty.",
        )
        .optional("guarded", Type::Boolean, "Whether the console asks twice.")
        .example(json!({"name": "production", "colour": "#a02020", "guarded": true}))
        .answers(CLUSTER)
        .writing(),
        AdminService::new(
            "busker.cluster.get-roster",
            Role::Viewer,
            "Lists the nodes as they last reported.",
            roster,
        )
        .answers(&[("nodes", "array")]),
    ]
}

async fn get(call: Call) -> Result<Value, Fault> {
    answer(&call.deps.odb.cluster().get().await?)
}

async fn edit(call: Call) -> Result<Value, Fault> {
    let clusters = call.deps.odb.cluster();
    let current = clusters.get().await?;
    let text = |field, old: String| call.input.opt_text(field).map_or(old, str::to_owned);
    let write = ClusterWrite {
        name: text("name", current.name),
        description: text("description", current.description),
        colour: text("colour", current.colour),
        guarded: call.input.flag("guarded", current.guarded),
    };
    let faults = faults(&write);
    if !faults.is_empty() {
        return Err(Fault::violations(faults));
    }
    answer(&clusters.edit(write).await?)
}

fn faults(write: &ClusterWrite) -> Vec<Violation> {
    let mut faults = Vec::new();
    if write.description.len() > DESCRIPTION_BYTES {
        let message = format!("may not be longer than {DESCRIPTION_BYTES} bytes");
        faults.push(Violation::new("description", message));
    }
    let colour = write.colour.as_bytes();
    let hexadecimal = match colour {
        [b'#', digits @ ..] => digits.len() == 6 && digits.iter().all(u8::is_ascii_hexdigit),
        other => other.is_empty(),
    };
    if !hexadecimal {
        faults.push(Violation::new("colour", "must be #rrggbb, or empty"));
    }
    faults
}

async fn roster(call: Call) -> Result<Value, Fault> {
    let holder = call.deps.node.role_holder();
    let nodes: Vec<Value> = call
        .deps
        .odb
        .nodes()
        .list()
        .await?
        .into_iter()
        .map(|node| {
            json!({
                "name": node.name,
                "role_holder": holder.as_deref() == Some(node.name.as_str()),
                "state": node.state,
                "revision": node.revision,
                "incarnation": node.incarnation,
                "address": node.address,
                "admin_address": node.admin_address,
                "seen_ms": node.seen_ms,
                "info": node.info,
            })
        })
        .collect();
    Ok(json!({"nodes": nodes}))
}
