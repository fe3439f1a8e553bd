//! A lane: one SQLite connection on a thread of its own, fed through a bounded queue.
//!
//! SQLite blocks, and a connection is not shared between threads; so each has its thread, which ends when the last
//! handle to the lane is dropped.

use std::sync::Arc;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::error::{OdbError, Result};

/// Operations that may wait for one connection before `Busy` is the answer.
pub(crate) const LANE_QUEUE: usize = 1024;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// Handle to the thread.
#[derive(Debug, Clone)]
pub(crate) struct Lane {
    jobs: mpsc::Sender<Job>,
}

impl Lane {
    /// Starts the thread and opens the connection on it.
    pub(crate) async fn start<F>(name: &str, open: F) -> Result<Self>
    where
        F: FnOnce() -> Result<Connection> + Send + 'static,
    {
        let (jobs, mut queue) = mpsc::channel::<Job>(LANE_QUEUE);
        let (opened, answer) = oneshot::channel();
        std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                let mut connection = match open() {
                    Ok(connection) => connection,
                    Err(error) => {
                        drop(opened.send(Err(error)));
                        return;
                    }
                };
                drop(opened.send(Ok(())));
                while let Some(job) = queue.blocking_recv() {
                    job(&mut connection);
                }
            })
            .map_err(OdbError::unavailable)?;
        answer.await.map_err(|_| gone())??;
        Ok(Self { jobs })
    }

    /// Runs `work` on the thread.
    pub(crate) async fn run<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |connection| {
            // A panic must not take the connection from everybody else; the caller sees its reply vanish.
            let outcome =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(connection)));
            if let Ok(result) = outcome {
                drop(reply.send(result));
            }
        });
        self.jobs.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => OdbError::Busy,
            mpsc::error::TrySendError::Closed(_) => gone(),
        })?;
        answer.await.map_err(|_| gone())?
    }

    /// Operations that could still be queued.
    fn room(&self) -> usize {
        self.jobs.capacity()
    }
}

/// Several lanes that do the same.
#[derive(Debug, Clone)]
pub(crate) struct Lanes(Arc<[Lane]>);

impl Lanes {
    /// A pool of these; must not be empty.
    pub(crate) fn new(lanes: Vec<Lane>) -> Self {
        Self(lanes.into())
    }

    /// The lane with the shortest queue.
    pub(crate) fn idlest(&self) -> Result<&Lane> {
        self.0
            .iter()
            .max_by_key(|lane| lane.room())
            .ok_or_else(gone)
    }
}

fn gone() -> OdbError {
    OdbError::unavailable("the thread of the SQLite connection has ended or its operation panicked")
}
