//! Worker processes as the node sees them: how they end, and what the last words on standard error were.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Deserialize;

use super::Zygote;
use crate::logs;

/// Lines of standard error kept.
const TAIL_LINES: usize = 64;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) struct Exit {
    #[serde(default)]
    pub(crate) signal: Option<i32>,
    #[serde(default)]
    pub(crate) code: Option<i32>,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.signal, self.code) {
            (Some(number), _) => match Signal::try_from(number) {
                Ok(signal) => write!(f, "killed by {signal}"),
                Err(_) => write!(f, "killed by signal {number}"),
            },
            (None, Some(code)) => write!(f, "exited with code {code}"),
            (None, None) => f.write_str("ended"),
        }
    }
}

/// A worker process; killed when its owner drops it.
#[derive(Debug)]
pub(crate) struct Process {
    pid: i32,
    zygote: Arc<Zygote>,
}

impl Process {
    pub(super) fn new(pid: i32, zygote: Arc<Zygote>) -> Self {
        Self { pid, zygote }
    }

    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    /// Ends it at once, unless it has ended already: its number may be another's by then.
    pub(crate) fn kill(&self) {
        let running = self
            .zygote
            .exits
            .get(&self.pid)
            .is_some_and(|exit| exit.is_none());
        if running && let Err(error) = kill(Pid::from_raw(self.pid), Signal::SIGKILL) {
            tracing::debug!(pid = self.pid, "the worker could not be killed: {error}");
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        self.zygote.exits.remove(&self.pid);
    }
}

/// The last lines that the zygote and its workers wrote to standard error.
#[derive(Debug, Default)]
pub(crate) struct StderrTail(ArcSwap<VecDeque<Arc<str>>>);

impl StderrTail {
    /// Adds a line.
    pub(super) fn push(&self, line: &str) {
        let line: Arc<str> = logs::cut(line).into();
        self.0.rcu(|lines| {
            let mut lines = VecDeque::clone(lines);
            if lines.len() >= TAIL_LINES {
                lines.pop_front();
            }
            lines.push_back(Arc::clone(&line));
            lines
        });
    }

    /// The lines as one text, which are the last words of the process that just ended: the next one has its own.
    pub(crate) fn take(&self) -> String {
        joined(&self.0.swap(Arc::default()))
    }

    /// The lines as one text.
    pub(crate) fn text(&self) -> String {
        joined(&self.0.load())
    }
}

fn joined(lines: &VecDeque<Arc<str>>) -> String {
    let lines: Vec<&str> = lines.iter().map(|line| &**line).collect();
    lines.join("\n")
}
