//! The cluster itself and its nodes.

use busker_model::Fault;
use busker_model::invocation::Role;
use busker_model::object::Violation;
use busker_odb::cluster::ClusterWrite;
use busker_odb::nodes::NodeRecord;
use busker_odb::roles::SCHEDULER;
use serde_json::{Value, json};

use crate::answers::{list_of, object};
use crate::guard;
use crate::input::Type;
use crate::operation::{AdminService, Call, answer};
use crate::ports::LiveNode;

/// Longest description, in bytes.
const DESCRIPTION_BYTES: usize = 2_000;
/// Terms in one answer unless told otherwise.
const TERMS: i64 = 100;
const CLUSTER: &[(&str, &str)] = &[
    ("id", "string"),
    ("name", "string"),
    ("description", "string"),
    ("colour", "string"),
    ("guarded", "boolean"),
    ("revision", "integer"),
    ("created_ms", "integer"),
];
const NODE: &[(&str, &str)] = &[
    ("name", "string"),
    ("role_holder", "boolean"),
    ("state", "string"),
    ("alive", "boolean"),
    ("suspected", "boolean"),
    ("connected", "boolean"),
    ("clock_ahead_ms", "integer"),
    ("in_flight", "integer"),
    ("revision", "integer"),
    ("incarnation", "string"),
    ("address", "string"),
    ("admin_address", "string"),
    ("seen_ms", "integer"),
    ("info", "json"),
];
const TERM: &[(&str, &str)] = &[
    ("role", "string"),
    ("epoch", "integer"),
    ("holder", "string"),
    ("since_ms", "integer"),
    ("ended_ms", "integer?"),
    ("how", "string?"),
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
        .optional(
            "guarded",
            Type::Boolean,
            "Whether its name has to be typed before something is taken away.",
        )
        .confirmed()
        .example(json!({"name": "production", "colour": "#a02020", "guarded": true}))
        .answers(CLUSTER)
        .writing(),
        AdminService::new(
            "busker.cluster.get-roster",
            Role::Viewer,
            "Lists the nodes: those that are alive as they are now, the others as they last reported.",
            roster,
        )
        .answers(&[])
        .and("nodes", list_of(object(NODE))),
        AdminService::new(
            "busker.cluster.get-role-history",
            Role::Viewer,
            "Lists who held the role of the scheduler, newest first, and how each term ended.",
            role_history,
        )
        .optional(
            "limit",
            Type::Integer(1, busker_odb::roles::TERMS_KEPT),
            "Most terms to answer; 100 unless given.",
        )
        .example(json!({"limit": 10}))
        .answers(&[])
        .and("terms", list_of(object(TERM))),
    ]
}

async fn get(call: Call) -> Result<Value, Fault> {
    answer(&call.deps.odb.cluster().get().await?)
}

async fn edit(call: Call) -> Result<Value, Fault> {
    if !call.input.flag("guarded", true) {
        guard::confirmed(&call).await?;
    }
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
    let live = call.deps.node.roster();
    let nodes: Vec<Value> = call
        .deps
        .odb
        .nodes()
        .list()
        .await?
        .into_iter()
        .map(|node| {
            let is_holder = holder.as_deref() == Some(node.name.as_str());
            listed(node, is_holder, live.as_deref())
        })
        .collect();
    Ok(json!({"nodes": nodes}))
}

/// A node as it is in the roster. One that is not there was stopped if its last word was that it drains, else it is `gone`;
/// a node that is alone knows only the rows.
fn listed(node: NodeRecord, is_holder: bool, live: Option<&[LiveNode]>) -> Value {
    let found = live.and_then(|live| live.iter().find(|live| live.name == node.name));
    let state = match (found, live) {
        (Some(found), _) => found.state.clone(),
        (None, Some(_)) if ["stopped", "draining"].contains(&node.state.as_str()) => {
            "stopped".to_owned()
        }
        (None, Some(_)) => "gone".to_owned(),
        (None, None) => node.state,
    };
    json!({
        "name": node.name,
        "role_holder": is_holder,
        "state": state,
        "alive": live.is_none() || found.is_some(),
        "suspected": found.is_some_and(|found| found.suspected),
        "connected": found.map_or_else(|| live.is_none(), |found| found.connected),
        "clock_ahead_ms": found.map_or(0, |found| found.clock_ahead_ms),
        "in_flight": found.map_or(0, |found| found.in_flight),
        "revision": found.map_or(node.revision, |found| found.revision),
        "incarnation": found.map_or(node.incarnation, |found| found.incarnation.clone()),
        "address": node.address,
        "admin_address": node.admin_address,
        "seen_ms": node.seen_ms,
        "info": node.info,
    })
}

async fn role_history(call: Call) -> Result<Value, Fault> {
    let limit = call.input.integer("limit").unwrap_or(TERMS);
    let terms = call.deps.odb.roles().terms(SCHEDULER, limit).await?;
    Ok(json!({"terms": terms}))
}
