//! The thread that writes, with group commit, and the thread that reads.
//!
//! Everything queued while one transaction is committed goes into the next, so one fsync serves all who wait for it and
//! nobody waits for company: the linger is the time of one commit. A transaction is synced to the disk when at least one
//! operation in it asks for that.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::schema;
use super::shelf::Shelf;
use crate::error::{BusError, Result};

/// Operations that may wait for a thread; more wait outside, where their own bounds apply.
const QUEUE: usize = 4_096;
/// Most operations of one transaction.
const GROUP_MAX: usize = 512;

/// Whether a commit reaches the disk before it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sync {
    /// It survives a power cut.
    Full,
    /// It survives the end of the process; a power cut may take the last of them.
    Normal,
}

/// Tells the one who waits what became of the transaction its operation was in.
type Answer = Box<dyn FnOnce(&Result<()>)>;
type Work = Box<dyn FnOnce(&mut Shelf) -> Result<Answer> + Send>;

struct Job {
    sync: Sync,
    work: Work,
}

/// Handle to the thread that writes; it ends when the last one is dropped. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Writer(mpsc::Sender<Job>);

impl Writer {
    pub(super) async fn start(path: PathBuf) -> Result<Self> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        start(
            "bus-writer",
            move || Shelf::open(schema::connect(&path)?),
            move |shelf| write(shelf, queue),
        )
        .await?;
        Ok(Self(jobs))
    }

    /// Runs `work` in a transaction; answers when it is committed. An error of the store undoes all of the transaction;
    /// any other error must come before `work` has changed something.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        sync: Sync,
        work: impl FnOnce(&mut Shelf) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let work: Work = Box::new(move |shelf| {
            let outcome = work(shelf);
            let fault = outcome
                .as_ref()
                .err()
                .filter(|error| error.is_of_the_store());
            if let Some(error) = fault.cloned() {
                drop(reply.send(outcome));
                return Err(error);
            }
            Ok(Box::new(move |committed: &Result<()>| {
                // Who went away does not want to know.
                drop(reply.send(committed.clone().and(outcome)));
            }))
        });
        self.0.send(Job { sync, work }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

fn write(shelf: &mut Shelf, mut queue: mpsc::Receiver<Job>) {
    let mut group = Vec::with_capacity(GROUP_MAX);
    while let Some(first) = queue.blocking_recv() {
        group.push(first);
        while group.len() < GROUP_MAX {
            match queue.try_recv() {
                Ok(job) => group.push(job),
                Err(_) => break,
            }
        }
        let mut answers = Vec::with_capacity(group.len());
        let committed = transact(shelf, group.drain(..), &mut answers);
        if let Err(error) = &committed {
            tracing::error!("a transaction of the bus failed: {error:?}");
        }
        for answer in answers {
            answer(&committed);
        }
    }
}

fn transact(
    shelf: &mut Shelf,
    group: impl ExactSizeIterator<Item = Job>,
    answers: &mut Vec<Answer>,
) -> Result<()> {
    let jobs: Vec<Job> = group.collect();
    let full = jobs.iter().any(|job| job.sync == Sync::Full);
    shelf.begin(full)?;
    for job in jobs {
        let work = AssertUnwindSafe(|| (job.work)(shelf));
        let done = catch_unwind(work)
            .unwrap_or_else(|_| Err(BusError::unavailable("an operation panicked")));
        match done {
            Ok(answer) => answers.push(answer),
            Err(error) => {
                shelf.undo()?;
                return Err(error);
            }
        }
    }
    shelf.commit()
}

type Question = Box<dyn FnOnce(&mut Connection) + Send>;

/// Handle to the thread that reads. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Reader(mpsc::Sender<Question>);

impl Reader {
    pub(super) async fn start(path: PathBuf) -> Result<Self> {
        let (questions, mut queue) = mpsc::channel::<Question>(QUEUE);
        let open = move || schema::connect_to_read(&path);
        start("bus-reader", open, move |db| {
            while let Some(question) = queue.blocking_recv() {
                if catch_unwind(AssertUnwindSafe(|| question(db))).is_err() {
                    tracing::error!("a question to the bus panicked");
                }
            }
        })
        .await?;
        Ok(Self(questions))
    }

    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let question: Question = Box::new(move |db| drop(reply.send(work(db))));
        self.0.send(question).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

/// A thread that owns what `open` makes on it.
async fn start<T, O, R>(name: &str, open: O, run: R) -> Result<()>
where
    O: FnOnce() -> Result<T> + Send + 'static,
    R: FnOnce(&mut T) + Send + 'static,
{
    let (opened, answer) = oneshot::channel();
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || match open() {
            Ok(mut owned) => {
                drop(opened.send(Ok(())));
                run(&mut owned);
            }
            Err(error) => drop(opened.send(Err(error))),
        })
        .map_err(BusError::unavailable)?;
    answer.await.map_err(|_| gone())?
}

fn gone() -> BusError {
    BusError::unavailable("the thread of the SQLite connection has ended or its operation panicked")
}
