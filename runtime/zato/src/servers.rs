//! Nodes, which Zato calls servers.

use busker_model::invocation::Role::{Admin, Viewer};
use busker_model::{ErrorClass, Fault};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::CLUSTER_ID;
use crate::call::{Call, no_such};
use crate::ids;
use crate::row::{Answer, Row};

/// States in which a node is up, in Zato's sense.
const UP: [&str; 3] = ["running", "standby", "starting"];
const SERVER: &str = "id,cluster_id,name,host | bind_host,bind_port,last_join_status,last_join_mod_date,\
    last_join_mod_by,up_status,up_mod_date";

pub(crate) fn rows() -> Vec<Row> {
    vec![
        Row::code("zato.server.delete", Admin, delete).takes("id"),
        Row::code("zato.server.edit", Admin, edit)
            .takes("id,name")
            .answers(SERVER),
        Row::code("zato.server.get-by-id", Viewer, get)
            .takes("id")
            .answers(SERVER),
    ]
}

/// Every node.
pub(crate) async fn roster(call: &Call) -> Result<Vec<Value>, Fault> {
    let roster = call.ours("busker.cluster.get-roster", json!({})).await?;
    Ok(roster["nodes"].as_array().cloned().unwrap_or_default())
}

async fn find(call: &Call) -> Result<Value, Fault> {
    let id = call.id("id")?;
    let nodes = roster(call).await?;
    let mut nodes = nodes.into_iter();
    nodes
        .find(|node| ids::server(name(node)) == id)
        .ok_or_else(|| no_such("id", id))
}

fn name(node: &Value) -> &str {
    node["name"].as_str().unwrap_or_default()
}

async fn get(call: Call) -> Answer {
    Ok(shown(&find(&call).await?))
}

/// Names of nodes are for life: certificates, folders and the roster have them.
async fn edit(call: Call) -> Answer {
    let node = find(&call).await?;
    if name(&node) == call.text("name") {
        return Ok(shown(&node));
    }
    let message = format!(
        "name: a node keeps its name; stop {:?}, delete it, and have a new one join",
        name(&node)
    );
    Err(Fault::new(ErrorClass::Conflict, message))
}

async fn delete(call: Call) -> Answer {
    let node = find(&call).await?;
    let input = json!({"node": name(&node)});
    call.ours("busker.node.delete", input).await
}

fn shown(node: &Value) -> Value {
    let address = node["address"].as_str().unwrap_or_default();
    let (host, port) = address.rsplit_once(':').unwrap_or((address, ""));
    let state = node["state"].as_str().unwrap_or_default();
    let is_up = UP.contains(&state);
    json!({
        "id": ids::server(name(node)),
        "cluster_id": CLUSTER_ID,
        "name": name(node),
        "host": host,
        "bind_host": host,
        "bind_port": port,
        "last_join_status": "accepted",
        "up_status": if is_up { "running" } else { "clean-down" },
        "up_mod_date": node["seen_ms"].as_i64().and_then(written),
    })
}

/// A date as Zato writes it, in UTC.
pub(crate) fn written(unix_ms: i64) -> Option<String> {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix_ms) * 1_000_000).ok()?;
    let form =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]");
    at.format(form).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_shown_as_a_server() {
        let node = json!({"name": "node1", "address": "127.0.0.1:17010", "state": "draining", "seen_ms": 1_500});
        let server = shown(&node);
        let of = |field: &str| server[field].as_str().unwrap();
        assert_eq!((of("bind_host"), of("bind_port")), ("127.0.0.1", "17010"));
        assert_eq!(of("up_status"), "clean-down");
        assert_eq!(of("up_mod_date"), "1970-01-01T00:00:01.500000");
    }
}
