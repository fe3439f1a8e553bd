//! SQLite: one connection that writes, a few that read, each on its own thread.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::FutureExt;
use futures::executor::block_on;
use futures::future::{BoxFuture, ready};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode};
use tokio::sync::watch;

use crate::config::SqliteSync;
use crate::error::{OdbError, Result};
use crate::migrate;
use crate::store::lane::{Lane, Lanes};
use crate::store::{Tx, Work};
use crate::value::{Row, SqlValue};

/// Connections that read.
const READERS: usize = 3;
/// How long a statement waits for another process that holds the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Prepared statements kept per connection; the crate has fewer texts than that.
const PREPARED: usize = 160;

/// The embedded database.
#[derive(Debug)]
pub(crate) struct Sqlite {
    path: PathBuf,
    writer: Lane,
    readers: Lanes,
    hint: watch::Sender<i64>,
}

impl Sqlite {
    /// Opens the file, making it when it is not there.
    pub(crate) async fn open(
        path: PathBuf,
        sync: SqliteSync,
        hint: watch::Sender<i64>,
    ) -> Result<Self> {
        let file = path.clone();
        let writer = Lane::start("odb-writer", move || connect(&file, sync)).await?;
        let mut readers = Vec::with_capacity(READERS);
        for number in 1..=READERS {
            let file = path.clone();
            let open = move || {
                let connection = connect(&file, sync)?;
                connection
                    .pragma_update(None, "query_only", "ON")
                    .map_err(refused)?;
                Ok(connection)
            };
            readers.push(Lane::start(&format!("odb-reader-{number}"), open).await?);
        }
        Ok(Self {
            path,
            writer,
            readers: Lanes::new(readers),
            hint,
        })
    }

    /// One statement; those that write go to the writer.
    pub(crate) async fn query(&self, sql: &'static str, values: Vec<SqlValue>) -> Result<Vec<Row>> {
        let lane = if sql.trim_start().starts_with("SELECT") {
            self.readers.idlest()?
        } else {
            &self.writer
        };
        lane.run(move |connection| run(connection, sql, &values))
            .await
    }

    /// A transaction that writes.
    pub(crate) async fn write<T: Send + 'static>(&self, work: Work<T>) -> Result<T> {
        let hint = self.hint.clone();
        self.writer
            .run(move |connection| {
                let (value, announced) = transact(connection, "BEGIN IMMEDIATE", work)?;
                if let Some(revision) = announced {
                    raise(&hint, revision);
                }
                Ok(value)
            })
            .await
    }

    /// A transaction that reads.
    pub(crate) async fn read<T: Send + 'static>(&self, work: Work<T>) -> Result<T> {
        let lane = self.readers.idlest()?;
        lane.run(move |connection| {
            transact(connection, "BEGIN DEFERRED", work).map(|(value, _)| value)
        })
        .await
    }

    /// Migrates under a lock file: refinery opens its own transactions and takes no lock.
    pub(crate) async fn migrate(&self) -> Result<usize> {
        let mut lock_path = self.path.clone().into_os_string();
        lock_path.push(".migrate.lock");
        let lock_path = PathBuf::from(lock_path);
        self.writer
            .run(move |connection| {
                let lock = private_file(&lock_path)?;
                lock.lock().map_err(OdbError::unavailable)?;
                let report = migrate::runner().run(connection).map_err(migrate::failed)?;
                Ok(report.applied_migrations().len())
            })
            .await
    }
}

/// Moves the hint forward, never back.
pub(crate) fn raise(hint: &watch::Sender<i64>, revision: i64) {
    hint.send_if_modified(|known| {
        let newer = revision > *known;
        if newer {
            *known = revision;
        }
        newer
    });
}

fn private_file(path: &Path) -> Result<std::fs::File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|error| OdbError::unavailable(format!("{}: {error}", path.display())))
}

fn connect(path: &Path, sync: SqliteSync) -> Result<Connection> {
    drop(private_file(path)?);
    let connection = Connection::open(path).map_err(refused)?;
    let setup = || {
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "foreign_keys", "ON")?;
        let synchronous = match sync {
            SqliteSync::Full => "FULL",
            SqliteSync::Normal => "NORMAL",
        };
        connection.pragma_update(None, "synchronous", synchronous)
    };
    setup().map_err(refused)?;
    connection.set_prepared_statement_cache_capacity(PREPARED);
    Ok(connection)
}

fn transact<T>(
    connection: &mut Connection,
    begin: &'static str,
    work: Work<T>,
) -> Result<(T, Option<i64>)> {
    if !connection.is_autocommit() {
        // The transaction before this one panicked halfway.
        connection.execute_batch("ROLLBACK").map_err(refused)?;
    }
    connection.execute_batch(begin).map_err(refused)?;
    let mut tx = SqliteTx {
        connection,
        announced: None,
        discarded: false,
    };
    let outcome = block_on(work(&mut tx));
    let SqliteTx {
        connection,
        announced,
        discarded,
    } = tx;
    match outcome {
        Ok(value) if discarded => {
            connection.execute_batch("ROLLBACK").map_err(refused)?;
            Ok((value, None))
        }
        Ok(value) => {
            connection.execute_batch("COMMIT").map_err(refused)?;
            Ok((value, announced))
        }
        Err(error) => {
            connection.execute_batch("ROLLBACK").map_err(refused)?;
            Err(error)
        }
    }
}

/// A transaction on the thread of the connection: its futures are ready when they are made.
struct SqliteTx<'c> {
    connection: &'c mut Connection,
    announced: Option<i64>,
    discarded: bool,
}

impl Tx for SqliteTx<'_> {
    fn query<'a>(
        &'a mut self,
        sql: &'a str,
        values: Vec<SqlValue>,
    ) -> BoxFuture<'a, Result<Vec<Row>>> {
        ready(run(self.connection, sql, &values)).boxed()
    }

    fn announce(&mut self, revision: i64) {
        self.announced = Some(revision);
    }

    fn discard(&mut self) {
        self.discarded = true;
    }
}

/// Binds by name: SQLite numbers `$n` by where it first appears, not by n.
fn run(connection: &Connection, sql: &str, values: &[SqlValue]) -> Result<Vec<Row>> {
    let mut statement = connection.prepare_cached(sql).map_err(refused)?;
    let wrong = |what: String| OdbError::Refused {
        detail: format!("{what} in {sql}"),
    };
    if statement.parameter_count() != values.len() {
        return Err(wrong(format!(
            "{} values are not what is asked for",
            values.len()
        )));
    }
    for (index, value) in values.iter().enumerate() {
        let name = format!("${}", index + 1);
        let position = statement.parameter_index(&name).map_err(refused)?;
        let position = position.ok_or_else(|| wrong(format!("there is no {name}")))?;
        statement
            .raw_bind_parameter(position, value)
            .map_err(refused)?;
    }
    let width = statement.column_count();
    let mut rows = statement.raw_query();
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(refused)? {
        let columns: Result<Vec<SqlValue>> = (0..width)
            .map(|index| value_of(row.get_ref(index).map_err(refused)?))
            .collect();
        found.push(Row::new(columns?));
    }
    Ok(found)
}

fn value_of(value: ValueRef<'_>) -> Result<SqlValue> {
    match value {
        ValueRef::Null => Ok(SqlValue::Null),
        ValueRef::Integer(value) => Ok(SqlValue::Int(value)),
        ValueRef::Text(value) => String::from_utf8(value.to_vec())
            .map(SqlValue::Text)
            .map_err(OdbError::corrupt),
        ValueRef::Blob(value) => Ok(SqlValue::Bytes(value.to_vec())),
        ValueRef::Real(_) => Err(OdbError::corrupt("a floating point number is stored")),
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "shaped for map_err, which hands the error over"
)]
fn refused(error: rusqlite::Error) -> OdbError {
    let detail = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation) => OdbError::Conflict("that exists already".into()),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => OdbError::Busy,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => OdbError::Corrupt { detail },
        Some(
            ErrorCode::CannotOpen
            | ErrorCode::DiskFull
            | ErrorCode::ReadOnly
            | ErrorCode::SystemIoFailure
            | ErrorCode::PermissionDenied,
        ) => OdbError::Unavailable { detail },
        Some(_) | None => OdbError::Refused { detail },
    }
}
