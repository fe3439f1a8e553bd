//! The backend of a single node: one SQLite file, one thread that writes, one that reads.
//!
//! The file belongs to one process, which a lock beside it makes sure of; so what a process that ended had claimed is
//! taken back as soon as the next one opens the file.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use busker_kit::clock::unix_ms;
use busker_model::bus::{DeadLetter, Envelope, InvocationStatus, LedgerRow, Loss};
use busker_model::{Cid, Delivery};
use busker_service::BoxFuture;
use bytes::Bytes;
use tokio::sync::watch;

use crate::error::{BusError, Result};
use crate::limits::{Limits, ROUND_MAX, millis};
use crate::store::{Claimed, DeadFilter, DeadPage, End, Lease, Store, Want};

mod care;
mod letters;
mod read;
mod schema;
mod shelf;
mod traffic;
mod writer;

use writer::{Reader, Sync, Writer};

/// Time as the store sees it, Unix milliseconds.
pub type Clock = Arc<dyn Fn() -> i64 + Send + std::marker::Sync>;

/// Where and how to keep it.
#[derive(Clone)]
pub struct SqliteConfig {
    /// The file; its folder must exist.
    pub path: PathBuf,
    /// Bounds.
    pub limits: Limits,
    /// Time.
    pub clock: Clock,
}

impl std::fmt::Debug for SqliteConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteConfig")
            .field("path", &self.path)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl SqliteConfig {
    /// A file, with the usual bounds and the real clock.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            limits: Limits::default(),
            clock: Arc::new(unix_ms),
        }
    }
}

/// The store over one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    config: SqliteConfig,
    writer: Writer,
    reader: Reader,
    bell: watch::Sender<u64>,
    /// Held as long as the store is.
    _lock: File,
}

impl SqliteStore {
    /// Opens the file, making it when it is not there.
    ///
    /// # Errors
    /// `Unavailable` when another process has it open or it cannot be written.
    pub async fn open(config: SqliteConfig) -> Result<Self> {
        let lock = lock(&config.path)?;
        let writer = Writer::start(config.path.clone()).await?;
        let reader = Reader::start(config.path.clone()).await?;
        let store = Self {
            config,
            writer,
            reader,
            bell: watch::Sender::new(0),
            _lock: lock,
        };
        let freed = store.writer.run(Sync::Normal, care::free_all).await?;
        if freed > 0 {
            while store.reclaim().await? == ROUND_MAX {}
            tracing::info!(
                "{freed} asynchronous invocations were running when their node ended; they run again"
            );
        }
        Ok(store)
    }

    fn now(&self) -> i64 {
        (self.config.clock)()
    }

    /// Runs a change, and rings the bell when it answers that there may be something to claim.
    fn change<T: Send + 'static>(
        &self,
        sync: Sync,
        work: impl FnOnce(&mut shelf::Shelf) -> Result<T> + Send + 'static,
        rings: impl FnOnce(&T) -> bool + Send + 'static,
    ) -> BoxFuture<'static, Result<T>> {
        let (writer, bell) = (self.writer.clone(), self.bell.clone());
        Box::pin(async move {
            let value = writer.run(sync, work).await?;
            if rings(&value) {
                bell.send_modify(|rung| *rung = rung.wrapping_add(1));
            }
            Ok(value)
        })
    }

    fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut rusqlite::Connection) -> Result<T> + Send + 'static,
    ) -> BoxFuture<'static, Result<T>> {
        let reader = self.reader.clone();
        Box::pin(async move { reader.run(work).await })
    }
}

fn lock(path: &Path) -> Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let file = schema::private_file(Path::new(&name))?;
    let failed = |error: &dyn std::fmt::Display| {
        Err(BusError::unavailable(format!(
            "{}: {error}",
            path.display()
        )))
    };
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => failed(&"another process has it open"),
        Err(TryLockError::Error(error)) => failed(&error),
    }
}

impl Store for SqliteStore {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn publish(&self, envelope: Envelope) -> BoxFuture<'static, Result<()>> {
        let stored = match envelope.encode() {
            Ok(stored) => stored,
            Err(fault) => return Box::pin(std::future::ready(Err(fault.into()))),
        };
        let sync = match envelope.delivery {
            Delivery::Durable => Sync::Full,
            Delivery::Fast => Sync::Normal,
        };
        let (now, most) = (self.now(), self.config.limits.pending_max);
        let work = move |shelf: &mut shelf::Shelf| {
            traffic::publish(shelf, &envelope, &stored, (now, most))
        };
        self.change(sync, work, |()| true)
    }

    fn claim(&self, wants: Vec<Want>, most: u32) -> BoxFuture<'static, Result<Vec<Claimed>>> {
        let until = self.now().saturating_add(millis(self.config.limits.lease));
        let work = move |shelf: &mut shelf::Shelf| traffic::claim(shelf, &wants, (most, until));
        self.change(Sync::Normal, work, |_| false)
    }

    fn renew(&self, held: Vec<Lease>) -> BoxFuture<'static, Result<()>> {
        let until = self.now().saturating_add(millis(self.config.limits.lease));
        let work = move |shelf: &mut shelf::Shelf| traffic::renew(shelf, &held, until);
        self.change(Sync::Normal, work, |()| false)
    }

    fn settle(&self, lease: Lease, end: End) -> BoxFuture<'static, Result<()>> {
        let now = self.now();
        // The next in the line of a key may start.
        let rings = lease.key.is_some();
        let work = move |shelf: &mut shelf::Shelf| traffic::settle(shelf, &lease, end, now);
        self.change(Sync::Normal, work, move |()| rings)
    }

    fn promote(&self) -> BoxFuture<'static, Result<u32>> {
        let now = self.now();
        let work = move |shelf: &mut shelf::Shelf| care::promote(shelf, now);
        self.change(Sync::Normal, work, |&moved| moved > 0)
    }

    fn reclaim(&self) -> BoxFuture<'static, Result<u32>> {
        let (now, limits) = (self.now(), self.config.limits);
        let work = move |shelf: &mut shelf::Shelf| care::reclaim(shelf, now, limits);
        self.change(Sync::Normal, work, |&moved| moved > 0)
    }

    fn sweep(&self) -> BoxFuture<'static, Result<u32>> {
        let (now, limits) = (self.now(), self.config.limits);
        let work = move |shelf: &mut shelf::Shelf| care::sweep(shelf, now, limits);
        self.change(Sync::Normal, work, |_| false)
    }

    fn bell(&self) -> watch::Receiver<u64> {
        self.bell.subscribe()
    }

    fn status(&self, cid: Cid) -> BoxFuture<'static, Result<Option<InvocationStatus>>> {
        self.ask(move |db| read::status(db, cid))
    }

    fn ledger(&self) -> BoxFuture<'static, Result<Vec<LedgerRow>>> {
        self.ask(read::ledger)
    }

    fn losses(&self) -> BoxFuture<'static, Result<Vec<Loss>>> {
        // A file loses nothing it has answered for: `fast` goes with the power only, and its counters with it.
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn checkpoint(&self) -> BoxFuture<'static, Result<()>> {
        // The counters are in the file, with what they count.
        Box::pin(std::future::ready(Ok(())))
    }

    fn relay(&self) -> BoxFuture<'static, Result<u32>> {
        // There is nowhere to send it on to.
        Box::pin(std::future::ready(Ok(0)))
    }

    fn flush(&self) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }

    fn dead_list(&self, filter: DeadFilter) -> BoxFuture<'static, Result<DeadPage>> {
        self.ask(move |db| letters::list(db, &filter))
    }

    fn dead_get(&self, cid: Cid) -> BoxFuture<'static, Result<DeadLetter>> {
        self.ask(move |db| letters::get(db, cid))
    }

    fn dead_edit(&self, cid: Cid, payload: Bytes) -> BoxFuture<'static, Result<()>> {
        let work = move |shelf: &mut shelf::Shelf| letters::edit(shelf, cid, payload);
        self.change(Sync::Full, work, |()| false)
    }

    fn dead_replay(&self, cid: Cid) -> BoxFuture<'static, Result<()>> {
        let work = move |shelf: &mut shelf::Shelf| letters::replay(shelf, cid);
        self.change(Sync::Full, work, |()| true)
    }

    fn dead_discard(&self, cid: Cid) -> BoxFuture<'static, Result<()>> {
        let now = self.now();
        let work = move |shelf: &mut shelf::Shelf| letters::discard(shelf, cid, now);
        self.change(Sync::Full, work, |()| false)
    }
}
