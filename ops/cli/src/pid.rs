//! Which process is a node: its pid in a file that the process keeps locked as long as it lives.
//!
//! The lock, not the number, says that a node runs: a number outlives its process and may be given to another.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use busker_node::NodeConfig;
use nix::fcntl::{Flock, FlockArg};

use crate::exit::{Exit, Failure};

/// Attempts of a node to get the lock; another command may be looking at it for a moment.
const ATTEMPTS: u32 = 20;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(50);

/// What the pid file tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    /// The process with this pid is the node; 0 when it has not written it yet.
    Alive(u32),
    /// It ended as it should, or was never started.
    Stopped,
    /// It ended without taking its pid file away.
    Crashed,
}

/// Held by a running node.
#[derive(Debug)]
pub(crate) struct PidLock {
    path: PathBuf,
    _file: Flock<File>,
}

fn path(node: &NodeConfig) -> PathBuf {
    node.data_path().join("node.pid")
}

/// Whether a node runs.
pub(crate) fn life(node: &NodeConfig) -> Life {
    life_of(&path(node))
}

fn life_of(path: &Path) -> Life {
    let Ok(file) = File::open(path) else {
        return Life::Stopped;
    };
    match Flock::lock(file, FlockArg::LockSharedNonblock) {
        Ok(_) => Life::Crashed,
        Err((mut file, _)) => {
            let mut text = String::new();
            let read = file.read_to_string(&mut text);
            Life::Alive(
                read.ok()
                    .and_then(|_| text.trim().parse().ok())
                    .unwrap_or(0),
            )
        }
    }
}

/// Whether a process has ended. A node gives its pid file up before the last of its memory and files, of which the next
/// one needs some.
pub(crate) fn has_ended(pid: u32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return true;
    };
    // The state is behind the name, which stands in parentheses. A zombie has given everything back once it is the last
    // of its threads: the others may still have the files.
    let state = stat.rsplit_once(')').map(|(_, rest)| rest.trim_start());
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    threads <= 1 && state.is_some_and(|state| state.starts_with('Z'))
}

impl PidLock {
    /// Takes the lock and writes the pid of this process.
    pub(crate) async fn take(node: &NodeConfig) -> Result<Self, Failure> {
        Self::take_path(path(node), &node.node.name).await
    }

    async fn take_path(path: PathBuf, name: &str) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::file(&path, &error);
        let open = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path);
        let mut file = open.map_err(failed)?;
        for _ in 0..ATTEMPTS {
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(mut held) => {
                    let written = held
                        .set_len(0)
                        .and_then(|()| held.rewind())
                        .and_then(|()| writeln!(held, "{}", std::process::id()));
                    written.map_err(failed)?;
                    return Ok(Self { path, _file: held });
                }
                Err((back, _)) => file = back,
            }
            tokio::time::sleep(BETWEEN_ATTEMPTS).await;
        }
        Err(Failure::new(
            Exit::Conflict,
            format!("{name} is running already"),
        ))
    }
}

impl Drop for PidLock {
    fn drop(&mut self) {
        // Gone before the lock, so that nobody sees a file without a lock after a clean stop.
        drop(std::fs::remove_file(&self.path));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_process_has_ended_when_its_files_are_closed() {
        assert!(!has_ended(std::process::id()));
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        // A zombie, as long as nobody asks for its end.
        let end = async {
            while !has_ended(pid) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let within = Duration::from_secs(20);
        tokio::time::timeout(within, end).await.unwrap();
        child.wait().unwrap();
        assert!(has_ended(pid));
    }

    #[tokio::test(start_paused = true)]
    async fn the_lock_says_whether_a_node_lives() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node.pid");
        assert_eq!(life_of(&path), Life::Stopped);
        let lock = PidLock::take_path(path.clone(), "node1").await.unwrap();
        assert_eq!(life_of(&path), Life::Alive(std::process::id()));
        let second = PidLock::take_path(path.clone(), "node1").await.unwrap_err();
        assert_eq!(second.exit, Exit::Conflict);
        drop(lock);
        assert_eq!(life_of(&path), Life::Stopped);
        std::fs::write(&path, "1\n").unwrap();
        assert_eq!(life_of(&path), Life::Crashed);
    }
}
