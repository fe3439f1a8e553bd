//! The handle to the zygote: a Python process with the package loaded that forks a worker in a few milliseconds.

mod actor;
mod process;

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use busker_kit::clock;
use busker_model::{ErrorClass, Fault};
use dashmap::DashMap;
use serde::Serialize;
use tokio::net::UnixStream;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::timeout_at;

use crate::config::PythonConfig;
use crate::interpreter::Interpreter;
use crate::wire::Wire;
pub(crate) use actor::zygote_spec;
pub(crate) use process::{Exit, Process, StderrTail};

/// Longest wait for a worker to be forked; covers a zygote that is being started again.
const FORK_TIMEOUT: Duration = Duration::from_secs(15);
/// Forks that may wait.
const MAX_ORDERS: usize = 64;

/// What the zygote is told about a worker.
#[derive(Debug, Serialize)]
struct Birth<'a> {
    worker: &'a str,
    pool: &'a str,
    node: &'a str,
}

/// One fork to be done.
#[derive(Debug)]
pub(crate) struct ForkOrder {
    /// JSON text, one line.
    line: Vec<u8>,
    /// The worker's end of its socket.
    socket: OwnedFd,
    reply: oneshot::Sender<Result<i32, String>>,
}

/// A new worker process.
#[derive(Debug)]
pub(crate) struct Born {
    pub(crate) wire: Wire,
    pub(crate) process: Process,
}

/// Whether workers can be forked.
#[derive(Debug)]
pub(crate) enum Condition {
    Starting,
    /// There is no usable interpreter; the fault has the remedy.
    Missing(Fault),
    Up {
        interpreter: Interpreter,
        orders: mpsc::Sender<ForkOrder>,
    },
    Down(String),
}

/// Shared by the zygote's actor, its workers and the host.
#[derive(Debug)]
pub(crate) struct Zygote {
    pub(crate) config: Arc<PythonConfig>,
    condition: ArcSwap<Condition>,
    changed: Notify,
    /// Children of the zygote: how they ended, once they did.
    exits: DashMap<i32, Option<Exit>>,
    exited: Notify,
    pub(crate) stderr: StderrTail,
}

impl Zygote {
    pub(crate) fn new(config: Arc<PythonConfig>) -> Arc<Self> {
        Arc::new(Self {
            config,
            condition: ArcSwap::from_pointee(Condition::Starting),
            changed: Notify::new(),
            exits: DashMap::new(),
            exited: Notify::new(),
            stderr: StderrTail::default(),
        })
    }

    pub(crate) fn condition(&self) -> Arc<Condition> {
        self.condition.load_full()
    }

    fn set(&self, condition: Condition) {
        self.condition.store(Arc::new(condition));
        self.changed.notify_waiters();
    }

    /// Forks a worker.
    ///
    /// # Errors
    /// `Unavailable`: code `python-missing` without an interpreter, else `no-worker`.
    pub(crate) async fn fork(self: &Arc<Self>, worker: &str, pool: &str) -> Result<Born, Fault> {
        let deadline = clock::now() + FORK_TIMEOUT;
        let orders = match timeout_at(deadline.into(), self.orders()).await {
            Ok(orders) => orders?,
            Err(_) => return Err(self.no_worker("the process that starts workers is not up")),
        };
        let birth = Birth {
            worker,
            pool,
            node: &self.config.node,
        };
        let (order, stream, born) =
            order(&birth).map_err(|error| self.no_worker(&error.to_string()))?;
        if orders.try_send(order).is_err() {
            return Err(self.no_worker("too many workers are being started"));
        }
        let pid = match timeout_at(deadline.into(), born).await {
            Ok(Ok(Ok(pid))) => pid,
            Ok(Ok(Err(why))) => return Err(self.no_worker(&why)),
            Ok(Err(_)) => return Err(self.no_worker("the process that starts workers ended")),
            Err(_) => return Err(self.no_worker("the process that starts workers did not answer")),
        };
        let process = Process::new(pid, Arc::clone(self));
        Ok(Born {
            wire: Wire::new(stream),
            process,
        })
    }

    async fn orders(&self) -> Result<mpsc::Sender<ForkOrder>, Fault> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            match &*self.condition() {
                Condition::Up { orders, .. } => return Ok(orders.clone()),
                Condition::Missing(fault) => return Err(fault.clone()),
                Condition::Starting | Condition::Down(_) => {}
            }
            changed.await;
        }
    }

    fn no_worker(&self, why: &str) -> Fault {
        Fault::new(
            ErrorClass::Unavailable,
            format!("no Python worker could be started: {why}"),
        )
        .code("no-worker")
        .operator(self.stderr.text())
    }

    /// Waits until a child has ended, at most for `grace`.
    pub(crate) async fn exit_of(&self, pid: i32, grace: Duration) -> Option<Exit> {
        let end = clock::now() + grace;
        loop {
            let exited = self.exited.notified();
            tokio::pin!(exited);
            exited.as_mut().enable();
            if let Some(exit) = self.exits.get(&pid).and_then(|entry| *entry) {
                return Some(exit);
            }
            if timeout_at(end.into(), exited).await.is_err() {
                return None;
            }
        }
    }
}

type Ordered = (
    ForkOrder,
    UnixStream,
    oneshot::Receiver<Result<i32, String>>,
);

fn order(birth: &Birth<'_>) -> io::Result<Ordered> {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let stream = UnixStream::from_std(ours)?;
    let mut line = serde_json::to_vec(birth)?;
    line.push(b'\n');
    let (reply, born) = oneshot::channel();
    Ok((
        ForkOrder {
            line,
            socket: theirs.into(),
            reply,
        },
        stream,
        born,
    ))
}
