//! The tables of `bus.db`.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use crate::error::{BusError, Result};

/// How long a statement waits for another connection that holds the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Prepared statements kept per connection; the crate has fewer texts than that.
const PREPARED: usize = 64;
/// Pages of the log after which it is written back; larger than SQLite's own 1,000, since traffic deletes what it wrote.
const CHECKPOINT_PAGES: u32 = 4_000;

/// States of a row of `message`.
pub(super) mod state {
    /// It can start.
    pub(crate) const READY: i64 = 0;
    /// It was handed over to start later; it takes its place in a line when it is due.
    pub(crate) const DELAYED: i64 = 1;
    /// It is in the line of its key, behind another.
    pub(crate) const HELD: i64 = 2;
    /// A lease is out; `due_ms` is when it ends.
    pub(crate) const RUNNING: i64 = 3;
    /// It failed and is tried again; it keeps its place in a line.
    pub(crate) const RETRYING: i64 = 4;
    /// In `ended`.
    pub(crate) const DONE: i64 = 10;
    /// In `ended`.
    pub(crate) const EXPIRED: i64 = 11;
    /// In `ended`.
    pub(crate) const DISCARDED: i64 = 12;
}

/// Statements name the states by number, because SQLite uses a partial index only where it sees the same literal.
const TABLES: &str = "
CREATE TABLE IF NOT EXISTS message (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    cid BLOB NOT NULL UNIQUE,
    service TEXT NOT NULL,
    class INTEGER NOT NULL,
    state INTEGER NOT NULL,
    due_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    line TEXT,
    accepted_ms INTEGER NOT NULL,
    failure TEXT,
    envelope BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS message_ready ON message (service, seq) WHERE state = 0;
CREATE INDEX IF NOT EXISTS message_delayed ON message (due_ms) WHERE state = 1;
CREATE INDEX IF NOT EXISTS message_running ON message (due_ms) WHERE state = 3;
CREATE INDEX IF NOT EXISTS message_retrying ON message (due_ms) WHERE state = 4;
CREATE INDEX IF NOT EXISTS message_count ON message (service, class);
CREATE INDEX IF NOT EXISTS message_line ON message (service, line, seq) WHERE line IS NOT NULL;
CREATE TABLE IF NOT EXISTS ended (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    cid BLOB NOT NULL UNIQUE,
    service TEXT NOT NULL,
    class INTEGER NOT NULL,
    state INTEGER NOT NULL,
    accepted_ms INTEGER NOT NULL,
    ended_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    failure TEXT,
    result_kind INTEGER NOT NULL,
    result BLOB
);
CREATE TABLE IF NOT EXISTS dead (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    cid BLOB NOT NULL UNIQUE,
    service TEXT NOT NULL,
    class INTEGER NOT NULL,
    accepted_ms INTEGER NOT NULL,
    died_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    failure TEXT NOT NULL,
    version TEXT NOT NULL,
    envelope BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS ledger (
    service TEXT NOT NULL,
    class INTEGER NOT NULL,
    accepted INTEGER NOT NULL,
    done INTEGER NOT NULL,
    dead INTEGER NOT NULL,
    discarded INTEGER NOT NULL,
    expired INTEGER NOT NULL,
    PRIMARY KEY (service, class)
) WITHOUT ROWID;
";

/// A file only its owner reads: SQLite gives what it puts beside it the same mode.
pub(super) fn private_file(path: &Path) -> Result<File> {
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path);
    opened.map_err(|error| BusError::unavailable(format!("{}: {error}", path.display())))
}

/// Opens the file and sees to its tables.
pub(super) fn connect(path: &Path) -> Result<Connection> {
    drop(private_file(path)?);
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.set_prepared_statement_cache_capacity(PREPARED);
    connection.execute_batch(TABLES)?;
    Ok(connection)
}

/// The same for reading only; the tables are there by then.
pub(super) fn connect_to_read(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "query_only", "ON")?;
    connection.set_prepared_statement_cache_capacity(PREPARED);
    Ok(connection)
}
