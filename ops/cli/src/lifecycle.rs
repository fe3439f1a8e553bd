//! `busker start|stop|restart`: nodes as processes of their own.

use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use busker_kit::clock;
use busker_node::NodeConfig;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};

use crate::client;
use crate::environment::{Environment, authority, base_url, reachable};
use crate::exit::{Exit, Failure};
use crate::output;
use crate::pid::{Life, has_ended, life};

/// Longest wait for a node to be ready.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// Longest wait for a node to end, beyond the time its requests have.
const STOPPED_WITHIN: Duration = Duration::from_secs(30);
/// How long a node that runs is looked at before a start believes that it goes on: a process that was killed keeps its
/// files for a moment.
const SETTLED_AFTER: Duration = Duration::from_millis(300);
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(50);
/// The first file descriptor after the standard ones.
const FIRST_INHERITED: i32 = 3;
/// Most of a start's complaints that are shown, in bytes.
const COMPLAINT_BYTES: usize = 4096;

/// Starts what is not running; returns when all are ready.
pub(crate) async fn start(environment: &Environment) -> Result<(), Failure> {
    for node in &environment.nodes {
        let name = &node.node.name;
        if let Life::Alive(pid) = settled_life(node).await {
            output::say(&format!("{name} is running already (pid {pid})"))?;
            continue;
        }
        let began = clock::now();
        start_one(node, began).await?;
        let line = format!(
            "{name} is ready after {}: channels http://{}, API {}",
            seconds(began),
            reachable(node.http.listen),
            base_url(node)
        );
        output::say(&line)?;
    }
    Ok(())
}

/// Runs the only node in this process.
pub(crate) async fn foreground(environment: Environment) -> Result<u8, Failure> {
    let mut nodes = environment.nodes.into_iter();
    match (nodes.next(), nodes.next()) {
        (Some(node), None) => crate::host::run(node, true).await,
        (_, Some(_)) => Err(Failure::usage("--fg runs one node: name its folder")),
        (None, _) => Err(Failure::new(Exit::NotFound, "the environment has no node")),
    }
}

/// Stops what is running; returns when all have ended.
pub(crate) async fn stop(environment: &Environment) -> Result<(), Failure> {
    for node in environment.nodes.iter().rev() {
        let name = &node.node.name;
        let Life::Alive(pid) = life(node) else {
            output::say(&format!("{name} is not running"))?;
            continue;
        };
        let began = clock::now();
        stop_one(node, pid, began).await?;
        output::say(&format!(
            "{name} stopped after {} (pid {pid})",
            seconds(began)
        ))?;
    }
    Ok(())
}

/// Whether a node runs, once one that was just killed has had the time to be gone.
async fn settled_life(node: &NodeConfig) -> Life {
    let began = clock::now();
    loop {
        let life = life(node);
        if !matches!(life, Life::Alive(_)) || began.elapsed() > SETTLED_AFTER {
            return life;
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn start_one(node: &NodeConfig, began: Instant) -> Result<(), Failure> {
    // Asked here, since a foreign listener would also answer that it is ready.
    free("http", node.http.listen)?;
    free("admin", node.admin.listen)?;
    let console = node.log_path().with_file_name("console.log");
    let mut child = spawn(node, &console)?;
    let base = base_url(node);
    let authority = authority(node);
    while began.elapsed() < READY_WITHIN {
        if let Some(status) = child
            .try_wait()
            .map_err(|error| Failure::file(&node.dir, &error))?
        {
            return Err(ended(node, &console, status.code()));
        }
        if let Some((200, _)) = client::ready(&base, authority.as_deref()).await {
            return Ok(());
        }
        tokio::time::sleep(LOOK).await;
    }
    let message = format!(
        "{} is not ready after {} s; it goes on trying: see {}",
        node.node.name,
        READY_WITHIN.as_secs(),
        node.log_path().display()
    );
    Err(Failure::new(Exit::Timeout, message))
}

/// Whether an address can be listened on.
pub(crate) fn free(section: &str, listen: SocketAddr) -> Result<(), Failure> {
    match TcpListener::bind(listen) {
        Ok(_) => Ok(()),
        Err(error) => {
            let message = format!(
                "{listen} cannot be listened on ({error}): stop what uses it, or change listen in [{section}] of busker.toml"
            );
            Err(Failure::new(Exit::Conflict, message))
        }
    }
}

/// Starts this program again as the node. What it says before its log is open goes to `console`.
fn spawn(node: &NodeConfig, console: &Path) -> Result<Child, Failure> {
    let program = std::env::current_exe()
        .map_err(|error| Failure::new(Exit::Internal, format!("this program: {error}")))?;
    let file = File::create(console).map_err(|error| Failure::file(console, &error))?;
    // A lock or a pipe of whoever runs this command would be held as long as the node lives.
    close_fds::set_fds_cloexec(FIRST_INHERITED, &[]);
    Command::new(program)
        .args(["run-node", "--detached"])
        .arg(&node.dir)
        .current_dir(&node.dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(file)
        .spawn()
        .map_err(|error| Failure::new(Exit::Internal, format!("{}: {error}", node.node.name)))
}

/// Why a node ended before it was ready, in its own words and with its own exit code.
fn ended(node: &NodeConfig, console: &Path, code: Option<i32>) -> Failure {
    let said = std::fs::read(console).unwrap_or_default();
    let said = said.get(..COMPLAINT_BYTES).unwrap_or(&said);
    let text = String::from_utf8_lossy(said);
    let text = text.trim().trim_start_matches("busker: ");
    let name = &node.node.name;
    let message = if text.is_empty() {
        format!("{name} ended at once: see {}", node.log_path().display())
    } else {
        format!("{name} does not start: {text}")
    };
    Failure::new(
        code.and_then(Exit::of_code).unwrap_or(Exit::Internal),
        message,
    )
}

async fn stop_one(node: &NodeConfig, pid: u32, began: Instant) -> Result<(), Failure> {
    let name = &node.node.name;
    // 0 would be this command's own process group.
    let number = i32::try_from(pid).ok().filter(|&number| number > 0);
    let number = number.ok_or_else(|| {
        Failure::new(
            Exit::Busy,
            format!("{name} is just being started: try again"),
        )
    })?;
    kill(Pid::from_raw(number), Signal::SIGTERM)
        .map_err(|error| Failure::new(Exit::Forbidden, format!("{name} (pid {pid}): {error}")))?;
    let within = STOPPED_WITHIN + Duration::from_millis(node.limits.drain_timeout_ms);
    while matches!(life(node), Life::Alive(_)) || !has_ended(pid) {
        if began.elapsed() > within {
            let message = format!("{name} still runs after {} (pid {pid})", seconds(began));
            return Err(Failure::new(Exit::Timeout, message));
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

fn seconds(since: Instant) -> String {
    let took = clock::now().saturating_duration_since(since);
    format!("{}.{} s", took.as_secs(), took.subsec_millis() / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_taken_is_named_with_the_remedy() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let failure = free("admin", address).unwrap_err();
        assert_eq!(failure.exit, Exit::Conflict);
        let port = address.port().to_string();
        assert!(
            failure.message.contains(&port) && failure.message.contains("[admin]"),
            "{failure}"
        );
    }
}
