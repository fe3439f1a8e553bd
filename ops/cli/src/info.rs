//! `busker info`: what the nodes of an environment are, from their processes and their API.

use std::path::Path;
use std::process::Command;

use busker_kit::clock;
use busker_node::NodeConfig;
use nix::unistd::{User, getuid};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use crate::args::Format;
use crate::client::{self, Client};
use crate::environment::{Environment, authority, base_url};
use crate::exit::Failure;
use crate::output;
use crate::pid::{Life, life};
use crate::quickstart::folder::INFO_FILE;

mod process;
mod table;

/// Prints it.
pub(crate) async fn run(environment: &Environment, format: Format) -> Result<(), Failure> {
    if format == Format::Table {
        for node in &environment.nodes {
            output::say(&table::draw(&details(environment, node).await))?;
        }
        return Ok(());
    }
    let mut nodes = Vec::new();
    for node in &environment.nodes {
        nodes.push(summary(environment, node).await);
    }
    let value = json!({ "cluster": environment.cluster(), "nodes": nodes });
    output::structured(format, &value).unwrap_or(Ok(()))
}

/// A node for programs.
async fn summary(environment: &Environment, node: &NodeConfig) -> Value {
    let state = state(node).await;
    let pid = match life(node) {
        Life::Alive(pid) => json!(pid),
        Life::Stopped | Life::Crashed => Value::Null,
    };
    let mut summary = Map::new();
    summary.insert("name".into(), json!(node.node.name));
    summary.insert("pid".into(), pid);
    summary.insert("state".into(), json!(state));
    summary.insert("address".into(), json!(node.http.listen.to_string()));
    summary.insert("api".into(), json!(base_url(node)));
    summary.insert("path".into(), json!(node.dir.display().to_string()));
    summary.insert("http_workers".into(), json!(node.http.workers));
    summary.insert("python_pool_size".into(), json!(node.python_workers()));
    let shown = component(node, &state).into_iter();
    summary.extend(shown.map(|(name, text)| {
        // Objects, lists and numbers as what they are; times and names are no JSON.
        let value = serde_json::from_str(&text).unwrap_or(Value::String(text));
        (name, value)
    }));
    if answers(&state) {
        for (name, value) in told_by_node(environment, node).await {
            summary.entry(name).or_insert(value);
        }
    }
    Value::Object(summary)
}

/// Whether a node in this state can be asked.
fn answers(state: &str) -> bool {
    matches!(state, "running" | "standby")
}

/// `running`, `starting`, `draining`, `standby`, `stopped` or `failed`.
async fn state(node: &NodeConfig) -> String {
    match life(node) {
        Life::Stopped => "stopped".to_owned(),
        Life::Crashed => "failed".to_owned(),
        Life::Alive(_) => {
            let ready = client::ready(&base_url(node), authority(node).as_deref()).await;
            match ready {
                Some((200, _)) => "running".to_owned(),
                Some((_, word)) if ["draining", "standby", "failed"].contains(&word.as_str()) => {
                    word
                }
                Some(_) | None => "starting".to_owned(),
            }
        }
    }
}

/// What only the node knows, such as its interpreter and pools; nothing when it does not say.
async fn told_by_node(environment: &Environment, node: &NodeConfig) -> Map<String, Value> {
    let Ok(target) = environment.target_of(node) else {
        return Map::new();
    };
    let Ok(client) = Client::new(target) else {
        return Map::new();
    };
    match client.call("busker.node.get-info", &json!({})).await {
        Ok(Value::Object(facts)) => facts,
        Ok(_) | Err(_) => Map::new(),
    }
}

/// A node for people: its process, its settings, and what only it knows.
async fn details(environment: &Environment, node: &NodeConfig) -> Vec<(String, String)> {
    let state = state(node).await;
    let mut rows = component(node, &state);
    rows.push(("http_workers".to_owned(), node.http.workers.to_string()));
    rows.push((
        "python_pool_size".to_owned(),
        node.python_workers().to_string(),
    ));
    if answers(&state) {
        for (name, value) in told_by_node(environment, node).await {
            if !rows.iter().any(|(known, _)| *known == name) {
                rows.push((name, output::cell(&value)));
            }
        }
    }
    rows
}

/// A node as a process, in Zato's words and their order.
fn component(node: &NodeConfig, state: &str) -> Vec<(String, String)> {
    let now = clock::unix_ms();
    let info = std::fs::read_to_string(node.dir.join(INFO_FILE)).unwrap_or_default();
    let mut rows = Vec::new();
    let mut row = |name: &str, value: String| rows.push((name.to_owned(), value));
    row("component_details", info.trim().to_owned());
    row("component_full_path", node.dir.display().to_string());
    row("component_host", format!("{}/{}", host(), host()));
    row("component_running", python_bool(answers(state)).to_owned());
    row("component_state", state.to_owned());
    row("current_time", local(now));
    row("current_time_utc", utc(now));
    if let Life::Alive(pid) = life(node)
        && let Some(process) = process::read(pid)
    {
        row("master_proc_connections", process.connections());
        row("master_proc_create_time", local(process.created_ms));
        row(
            "master_proc_create_time_utc",
            format!("{}+00:00", utc(process.created_ms)),
        );
        row("master_proc_name", process.name.clone());
        row("master_proc_pid", pid.to_string());
        row("master_proc_username", process.user.clone());
        row("master_proc_workers_no", process.workers.len().to_string());
        row("master_proc_workers_pids", format!("{:?}", process.workers));
    }
    rows
}

/// Zato printed Python's words.
const fn python_bool(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

/// `dev1@box1`.
pub(crate) fn user_at_host() -> String {
    let uid = getuid();
    let user = User::from_uid(uid).ok().flatten();
    let name = user.map_or_else(|| uid.to_string(), |user| user.name);
    format!("{name}@{}", host())
}

fn host() -> String {
    let text = std::fs::read_to_string(Path::new("/proc/sys/kernel/hostname"));
    text.map_or_else(|_| "localhost".to_owned(), |text| text.trim().to_owned())
}

/// `2013-06-20T13:05:12.078000`.
pub(crate) fn utc(unix_ms: i64) -> String {
    let nanos = i128::from(unix_ms) * 1_000_000;
    let at = OffsetDateTime::from_unix_timestamp_nanos(nanos).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (hour, minute, second, micro) = at.to_hms_micro();
    format!("{}T{hour:02}:{minute:02}:{second:02}.{micro:06}", at.date())
}

/// The same in local time. `date` is asked, since only the C library knows the zone and its history, and it may not be
/// asked from a process with threads; without it, UTC.
fn local(unix_ms: i64) -> String {
    let (seconds, millis) = (unix_ms.div_euclid(1000), unix_ms.rem_euclid(1000));
    let asked = Command::new("date")
        .arg(format!("--date=@{seconds}"))
        .arg("+%Y-%m-%dT%H:%M:%S")
        .output();
    match asked {
        Ok(answer) if answer.status.success() => {
            let text = String::from_utf8_lossy(&answer.stdout);
            format!("{}.{:06}", text.trim(), millis * 1000)
        }
        Ok(_) | Err(_) => utc(unix_ms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_zato_wrote_them() {
        assert_eq!(utc(1_371_733_512_078), "2013-06-20T13:05:12.078000");
        assert_eq!(
            local(1_371_733_512_078).len(),
            "2013-06-20T13:05:12.078000".len()
        );
    }

    #[tokio::test]
    async fn a_stopped_node_is_shown_with_no_pid() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("node1");
        std::fs::create_dir_all(folder.join("data")).unwrap();
        let text = "[node]\nname = \"node1\"\ncluster = \"c\"\n[http]\nlisten = \"127.0.0.1:17010\"\n[admin]\nlisten = \"127.0.0.1:8183\"\n";
        std::fs::write(folder.join("busker.toml"), text).unwrap();
        let environment = Environment::open(dir.path()).unwrap();
        let node = summary(&environment, &environment.nodes[0]).await;
        assert_eq!(node["pid"], Value::Null);
        assert_eq!(
            (&node["state"], &node["address"]),
            (&json!("stopped"), &json!("127.0.0.1:17010"))
        );
        let rows = details(&environment, &environment.nodes[0]).await;
        let running = rows
            .iter()
            .find(|(name, _)| name == "component_running")
            .unwrap();
        assert_eq!(running.1, "False");
    }
}
