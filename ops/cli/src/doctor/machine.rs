//! The machine: listeners and the process behind them, disk, Python, and the clock.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use busker_node::NodeConfig;
use nix::sys::statvfs::statvfs;
use serde_json::Value;
use tokio::process::Command;

use super::Check;
use crate::environment::{Environment, authority, base_url};
use crate::pid::{Life, life};
use crate::{client, lifecycle, output};

const MIB: u64 = 1024 * 1024;
/// Free space in MiB below which a node is in danger, and below which it is worth a word.
const DISK_MIB: (u64, u64) = (256, 2_048);
/// Milliseconds that clocks of nodes may differ.
const CLOCK_MS: i64 = 500;
/// Modules of Python that Zato's face uses.
const MODULES: [&str; 2] = ["lxml", "greenlet"];
/// Longest wait for an import.
const IMPORT: Duration = Duration::from_secs(10);

/// Whether its process lives and answers; a node that is stopped could listen.
pub(super) async fn listeners(environment: &Environment, node: &NodeConfig) -> Vec<Check> {
    let place = node.node.name.as_str();
    let cluster = node.cluster.as_ref().and_then(|cluster| cluster.listen);
    let mut sections = vec![("http", node.http.listen), ("admin", node.admin.listen)];
    sections.extend(cluster.map(|listen| ("cluster", listen)));
    match life(node) {
        Life::Alive(pid) => {
            let ready = client::ready(&base_url(node), authority(node).as_deref()).await;
            vec![match ready {
                Some((200, _)) => Check::ok("process", place, format!("runs (pid {pid})")),
                Some((_, word)) => {
                    let what = format!("is {word} (pid {pid})");
                    let remedy = "a drained node comes back with `busker node DIR resume`";
                    Check::warn("process", place, what, remedy)
                }
                None => {
                    let what = format!("pid {pid} lives, and its API does not answer");
                    let log = node.log_path().display().to_string();
                    Check::fail("process", place, what, &format!("see {log}"))
                }
            }]
        }
        Life::Crashed => {
            let remedy = format!("busker start {}", environment.dir.display());
            vec![Check::fail(
                "process",
                place,
                "ended without a word",
                &remedy,
            )]
        }
        Life::Stopped => sections
            .into_iter()
            .map(|(section, listen)| free(place, section, listen))
            .collect(),
    }
}

fn free(place: &str, section: &str, listen: SocketAddr) -> Check {
    match lifecycle::free(section, listen) {
        Ok(()) => Check::ok("port", place, format!("{listen} is free")),
        Err(failure) => {
            let remedy = "`ss -ltnp` shows who listens there";
            Check::fail("port", place, failure.message, remedy)
        }
    }
}

/// Room for the database, the bus and logs.
pub(super) fn disk(node: &NodeConfig) -> Check {
    let (place, folder) = (node.node.name.as_str(), node.data_path());
    match statvfs(&folder) {
        Err(error) => {
            let what = format!("{}: {error}", folder.display());
            Check::fail("disk", place, what, "see `busker check-config DIR`")
        }
        Ok(found) => room(
            place,
            found.blocks_available() * found.fragment_size() / MIB,
        ),
    }
}

fn room(place: &str, mib: u64) -> Check {
    let what = format!("{mib} MiB are left");
    let remedy = "make room: databases and logs of the node are there";
    if mib < DISK_MIB.0 {
        Check::fail("disk", place, what, remedy)
    } else if mib < DISK_MIB.1 {
        Check::warn("disk", place, what, remedy)
    } else {
        Check::ok("disk", place, what)
    }
}

/// The interpreter, and the modules that services of Zato expect.
pub(super) async fn python(node: &NodeConfig) -> Vec<Check> {
    let place = node.node.name.as_str();
    let (path, version) = match busker_node::interpreter(node).await {
        Ok(found) => found,
        Err(fault) => {
            let remedy = "services in Python do not run without one";
            return vec![Check::fail("python", place, &fault.message, remedy)];
        }
    };
    let found = format!("{} {version}", path.display());
    let mut checks = vec![Check::ok("python", place, found)];
    for module in MODULES {
        let mut import = Command::new(&path);
        import
            .args(["-c", &format!("import {module}")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let imported = tokio::time::timeout(IMPORT, import.status()).await;
        if !matches!(imported, Ok(Ok(status)) if status.success()) {
            let what = format!("{} has no module {module}", path.display());
            let remedy = format!("apt-get install python3-{module}, or pip install {module}");
            checks.push(Check::warn("python", place, what, &remedy));
        }
    }
    checks
}

/// Whether the clocks of nodes agree, as the node that was asked sees them.
pub(super) fn clocks(place: &str, roster: &Value) -> Check {
    let nodes = roster["nodes"].as_array().into_iter().flatten();
    let ahead = |node: &Value| node["clock_ahead_ms"].as_i64().unwrap_or_default();
    let worst = nodes.max_by_key(|node| ahead(node).abs());
    match worst {
        Some(node) if ahead(node).abs() > CLOCK_MS => {
            let name = output::cell(&node["name"]);
            let what = format!("the clock of {name} is {} ms ahead", ahead(node));
            let remedy = "keep clocks with NTP: jobs fire by them";
            Check::warn("clock", place, what, remedy)
        }
        Some(_) | None => Check::ok("clock", place, format!("no node is off by {CLOCK_MS} ms")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Verdict;
    use super::*;

    #[test]
    fn little_room_is_a_warning_and_next_to_none_a_failure() {
        let verdicts = [100, 1_000, 10_000].map(|mib| room("node1", mib).verdict);
        assert_eq!(verdicts, [Verdict::Fail, Verdict::Warn, Verdict::Ok]);
    }

    #[test]
    fn the_clock_that_is_off_most_is_named() {
        let roster = json!({"nodes": [
            {"name": "node1", "clock_ahead_ms": 3}, {"name": "node2", "clock_ahead_ms": -900},
        ]});
        let check = clocks("c", &roster);
        assert_eq!(check.verdict, Verdict::Warn);
        assert!(check.what.contains("node2"), "{check:?}");
        assert_eq!(clocks("c", &json!({"nodes": []})).verdict, Verdict::Ok);
    }

    #[test]
    fn a_port_of_somebody_else_is_a_failure() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let check = free("node1", "http", taken.local_addr().unwrap());
        assert_eq!(check.verdict, Verdict::Fail);
    }
}
