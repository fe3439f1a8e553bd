//! Keys of the vault: which seals, who has them, and another one in its place.

use busker_model::invocation::Role;
use busker_model::{ErrorClass, Fault};
use busker_odb::nodes::NodeRecord;
use serde_json::{Value, json};

use crate::answers::{list_of, object};
use crate::input::Type;
use crate::operation::{AdminService, Call};

/// Transactions of one call; a caller goes on from where it ended.
const TRANSACTIONS: usize = 25;
/// Objects named in one answer because a secret of theirs does not open; there may be more.
const CLOSED_SHOWN: usize = 100;
/// Where a node's row tells which keys it has.
const KEYS: &str = "vault_keys";

const KEY: &[(&str, &str)] = &[
    ("id", "string"),
    ("seals", "boolean"),
    ("secrets", "integer"),
];
const NODE: &[(&str, &str)] = &[("name", "string"), ("keys", "string[]")];

pub(crate) fn operations() -> Vec<AdminService> {
    vec![
        AdminService::new(
            "busker.crypto.status",
            Role::Admin,
            "Answers which key seals, how many secrets each key sealed, and which node has which keys.",
            status,
        )
        .answers(&[("key", "string")])
        .and("keys", list_of(object(KEY)))
        .and("nodes", list_of(object(NODE))),
        AdminService::new(
            "busker.crypto.rotate",
            Role::Admin,
            "Lets a key seal from now on, and seals again with it what others sealed; call it until next is null.",
            rotate,
        )
        .required(
            "name",
            Type::Name,
            "Id of the key; the key file of every node must have it.",
        )
        .optional(
            "after",
            Type::Integer(0, i64::MAX),
            "Where to go on: next of the answer before.",
        )
        .example(json!({"name": "0f3c9a1e"}))
        .answers(&[
            ("key", "string"),
            ("objects", "integer"),
            ("closed", "string[]"),
            ("next", "integer?"),
        ])
        .writing(),
    ]
}

async fn status(call: Call) -> Result<Value, Fault> {
    let sealing = call.deps.odb.sealing();
    let nodes = keys_by_node(&call).await?;
    let key = sealing.key().await?;
    let uses = sealing.uses().await?;
    let mut ids: Vec<&String> = nodes.iter().flat_map(|(_, keys)| keys).collect();
    ids.extend(uses.keys().chain([&key]));
    ids.sort_unstable();
    ids.dedup();
    let keys: Vec<Value> = ids
        .into_iter()
        .map(|id| {
            json!({
                "id": id,
                "seals": *id == key,
                "secrets": uses.get(id).copied().unwrap_or_default(),
            })
        })
        .collect();
    let nodes: Vec<Value> = nodes
        .iter()
        .map(|(node, keys)| json!({"name": node.name, "keys": keys}))
        .collect();
    Ok(json!({"key": key, "keys": keys, "nodes": nodes}))
}

/// All nodes with their keys: this one's as they are now, those of others as they last reported.
async fn keys_by_node(call: &Call) -> Result<Vec<(NodeRecord, Vec<String>)>, Fault> {
    let own = call.deps.odb.sealing().known()?;
    let (ours, nodes) = (call.deps.node.name(), call.deps.odb.nodes().list().await?);
    let told = |node: &NodeRecord| -> Vec<String> {
        let keys = node.info[KEYS].as_array();
        let keys = keys.into_iter().flatten();
        keys.filter_map(|key| key.as_str().map(str::to_owned))
            .collect()
    };
    let with_keys = nodes.into_iter().map(|node| {
        let keys = if node.name == ours {
            own.clone()
        } else {
            told(&node)
        };
        (node, keys)
    });
    Ok(with_keys.collect())
}

async fn rotate(call: Call) -> Result<Value, Fault> {
    let key = call.input.text("name");
    let sealing = call.deps.odb.sealing();
    if !sealing.known()?.iter().any(|known| known == key) {
        return Err(Fault::not_found(format!(
            "name: the key file of {} has no key {key:?}: `busker crypto DIR rotate` adds one",
            call.deps.node.name()
        )));
    }
    all_have(&call, key).await?;
    if sealing.key().await? != key {
        sealing.choose(key).await?;
    }
    let mut objects = 0;
    let mut closed: Vec<Value> = Vec::new();
    let mut next = Some(call.input.integer("after").unwrap_or_default());
    for _ in 0..TRANSACTIONS {
        let Some(after) = next else { break };
        let done = sealing.reseal(after, call.who()).await?;
        objects += done.objects;
        closed.extend(done.closed.iter().map(|key| json!(key.to_string())));
        next = done.next;
    }
    closed.truncate(CLOSED_SHOWN);
    Ok(json!({"key": key, "objects": objects, "closed": closed, "next": next}))
}

/// A node without the key could open nothing from now on, also one that is only stopped.
async fn all_have(call: &Call, key: &str) -> Result<(), Fault> {
    let nodes = keys_by_node(call).await?;
    let lacking: Vec<&str> = nodes
        .iter()
        .filter(|(_, keys)| !keys.iter().any(|known| known == key))
        .map(|(node, _)| node.name.as_str())
        .collect();
    if lacking.is_empty() {
        return Ok(());
    }
    let message = format!(
        "name: {} did not report key {key:?} yet: put this node's busker.key into the folder of each \
         (mode 0600; a running node reads it within 10 s), start those that are stopped, and delete \
         those that will not come back with busker.node.delete",
        lacking.join(", ")
    );
    Err(Fault::new(ErrorClass::Conflict, message).code("key-missing"))
}
