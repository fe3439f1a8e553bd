//! The cluster and its nodes: `busker node DIR ...` and `busker cluster DIR ...`.

use serde_json::{Value, json};

use super::Client;
use crate::args::{ClusterVerb, NamedNode, NodeVerb};
use crate::exit::Failure;
use crate::output;

/// Runs one verb about nodes.
pub(crate) async fn node(client: &Client, verb: NodeVerb) -> Result<(), Failure> {
    let (word, NamedNode { name, print }) = match verb {
        NodeVerb::List(print) => {
            let answer = client.call("busker.cluster.get-roster", &json!({})).await?;
            return output::print(print.format, &answer, roster);
        }
        NodeVerb::Ping(named) => ("ping", named),
        NodeVerb::Drain(named) => ("drain", named),
        NodeVerb::Resume(named) => ("resume", named),
        NodeVerb::Delete(named) => ("delete", named),
    };
    let service = format!("busker.node.{word}");
    let answer = client.call(&service, &json!({ "node": name })).await?;
    output::print(print.format, &answer, output::fields)
}

fn roster(answer: &Value) -> String {
    let shown = [
        ("NAME", "name"),
        ("STATE", "state"),
        ("ROLE", "role_holder"),
        ("REVISION", "revision"),
        ("IN FLIGHT", "in_flight"),
        ("CHANNELS", "address"),
        ("API", "admin_address"),
        ("VERSION", "info.version"),
    ];
    output::rows(&answer["nodes"], &shown)
}

/// Runs one verb about the cluster.
pub(crate) async fn cluster(client: &Client, verb: ClusterVerb) -> Result<(), Failure> {
    let (word, input, print) = match verb {
        ClusterVerb::RoleHistory { limit, print } => {
            let service = "busker.cluster.get-role-history";
            let answer = client.call(service, &json!({ "limit": limit })).await?;
            return output::print(print.format, &answer, terms);
        }
        ClusterVerb::Get(print) => ("get", json!({}), print),
        ClusterVerb::Edit {
            name,
            description,
            colour,
            guarded,
            print,
        } => {
            let input = json!({
                "name": name, "description": description, "colour": colour, "guarded": guarded,
            });
            ("edit", input, print)
        }
    };
    let service = format!("busker.cluster.{word}");
    let answer = client.call(&service, &input).await?;
    output::print(print.format, &answer, output::fields)
}

fn terms(answer: &Value) -> String {
    let rows = answer["terms"].as_array().map_or(&[][..], Vec::as_slice);
    let time = |value: &Value| value.as_i64().map(crate::info::utc).unwrap_or_default();
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|term| {
            vec![
                output::cell(&term["epoch"]),
                output::cell(&term["holder"]),
                time(&term["since_ms"]),
                time(&term["ended_ms"]),
                output::cell(&term["how"]),
            ]
        })
        .collect();
    output::columns(&["EPOCH", "HOLDER", "SINCE", "ENDED", "HOW"], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_one_line() {
        let answer = json!({"nodes": [{
            "name": "node1", "state": "running", "role_holder": true, "revision": 7, "in_flight": 0,
            "address": "127.0.0.1:17010", "admin_address": "127.0.0.1:8183", "info": {"version": "0.1.0"},
        }]});
        let expected = "\
NAME   STATE    ROLE  REVISION  IN FLIGHT  CHANNELS         API             VERSION
node1  running  true  7         0          127.0.0.1:17010  127.0.0.1:8183  0.1.0";
        assert_eq!(roster(&answer), expected);
    }
}
