//! PostgreSQL: a pool of connections, and one more that listens for commits of other nodes.

use std::time::Duration;

use busker_model::Secret;
use deadpool_postgres::{
    Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, TimeoutType,
    Timeouts, Transaction,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::{oneshot, watch};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Config, IsolationLevel};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{OdbError, Result};
use crate::migrate;
use crate::store::sqlite::raise;
use crate::store::{Tx, Work, listener};
use crate::value::{Row, SqlValue};

/// How long to try to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait for a free connection before `Busy`.
const WAIT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the server may work on one statement, and wait for a lock, in milliseconds.
const SESSION_OPTIONS: &str = "-c statement_timeout=30000 -c lock_timeout=15000 \
     -c idle_in_transaction_session_timeout=60000";
/// Key of the advisory lock migrations are done under: "BUSKER" in ASCII.
const MIGRATION_LOCK: i64 = 0x42_55_53_4b_45_52;
/// Channel of NOTIFY; its payload is a revision and nothing else.
pub(crate) const CHANNEL: &str = "busker_revision";

/// The server.
#[derive(Debug)]
pub(crate) struct Postgres {
    pool: Pool,
    hint: watch::Sender<i64>,
    /// The listener ends when this goes.
    _listening: oneshot::Sender<()>,
}

/// Reads the URL and decides on TLS: see [`crate::OdbConfig::Postgres`].
pub(crate) fn parse(url: &str, password: Option<&Secret>) -> Result<Config> {
    // The error of the parser may quote the URL, and so a password.
    let mut config: Config = url.parse().map_err(|_| {
        OdbError::Invalid("the ODB's URL is not postgresql://user@host:port/database".into())
    })?;
    if let Some(password) = password {
        config.password(password.expose());
    }
    config
        .application_name("busker")
        .connect_timeout(CONNECT_TIMEOUT)
        .keepalives_idle(Duration::from_secs(30))
        .options(SESSION_OPTIONS);
    // `prefer` is what the driver assumes when nothing is said. It would fall back to plain text by itself, so it is
    // never used.
    if config.get_ssl_mode() == SslMode::Prefer {
        let near = config.get_hosts().iter().all(is_loopback);
        config.ssl_mode(if near {
            SslMode::Disable
        } else {
            SslMode::Require
        });
    }
    Ok(config)
}

fn is_loopback(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost"
                || name
                    .parse::<std::net::IpAddr>()
                    .is_ok_and(|address| address.is_loopback())
        }
    }
}

impl Postgres {
    /// Makes the pool and starts listening; the first connection is made when it is needed.
    pub(crate) fn open(
        config: Config,
        tls: MakeRustlsConnect,
        pool_size: usize,
        hint: watch::Sender<i64>,
    ) -> Result<Self> {
        if pool_size == 0 {
            return Err(OdbError::Invalid("pool_size must be at least 1".into()));
        }
        let recycling = ManagerConfig {
            // One round trip per use; without it, the first operations after a cut each meet a dead connection.
            recycling_method: RecyclingMethod::Verified,
        };
        let manager = Manager::from_config(config.clone(), tls.clone(), recycling);
        let pool = Pool::builder(manager)
            .max_size(pool_size)
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts {
                wait: Some(WAIT_TIMEOUT),
                create: Some(CONNECT_TIMEOUT),
                recycle: Some(CONNECT_TIMEOUT),
            })
            .build()
            .map_err(OdbError::unavailable)?;
        let (listening, stop) = oneshot::channel();
        listener::start(config, tls, hint.clone(), stop)?;
        Ok(Self {
            pool,
            hint,
            _listening: listening,
        })
    }

    async fn connection(&self) -> Result<Object> {
        self.pool.get().await.map_err(|error| match error {
            PoolError::Timeout(TimeoutType::Wait) => OdbError::Busy,
            other @ (PoolError::Timeout(_)
            | PoolError::Backend(_)
            | PoolError::Closed
            | PoolError::NoRuntimeSpecified
            | PoolError::PostCreateHook(_)) => OdbError::unavailable(chain(&other)),
        })
    }

    /// One statement.
    pub(crate) async fn query(&self, sql: &'static str, values: Vec<SqlValue>) -> Result<Vec<Row>> {
        let client = self.connection().await?;
        let statement = client.prepare_cached(sql).await.map_err(|e| refused(&e))?;
        let parameters = parameters(&values);
        let rows = client
            .query(&statement, &parameters)
            .await
            .map_err(|e| refused(&e))?;
        rows.iter().map(row_of).collect()
    }

    /// A transaction that writes.
    pub(crate) async fn write<T: Send + 'static>(&self, work: Work<T>) -> Result<T> {
        self.transact(work, IsolationLevel::ReadCommitted, Access::Write)
            .await
    }

    /// A transaction that reads one moment.
    pub(crate) async fn read<T: Send + 'static>(&self, work: Work<T>) -> Result<T> {
        self.transact(work, IsolationLevel::RepeatableRead, Access::Read)
            .await
    }

    async fn transact<T: Send + 'static>(
        &self,
        work: Work<T>,
        isolation: IsolationLevel,
        access: Access,
    ) -> Result<T> {
        let mut client = self.connection().await?;
        let transaction = client
            .build_transaction()
            .isolation_level(isolation)
            .read_only(access == Access::Read)
            .start()
            .await
            .map_err(|error| refused(&error))?;
        let mut tx = PostgresTx {
            transaction,
            announced: None,
            discarded: false,
        };
        // On an error the transaction is dropped, and dropping it rolls it back.
        let value = work(&mut tx).await?;
        if tx.discarded {
            tx.transaction
                .rollback()
                .await
                .map_err(|error| refused(&error))?;
            return Ok(value);
        }
        let announced = tx.announced;
        if let Some(revision) = announced {
            let payload = revision.to_string();
            tx.query(
                "SELECT pg_notify($1, $2)",
                vec![CHANNEL.into(), payload.into()],
            )
            .await?;
        }
        tx.transaction
            .commit()
            .await
            .map_err(|error| refused(&error))?;
        if let Some(revision) = announced {
            raise(&self.hint, revision);
        }
        Ok(value)
    }

    /// Migrates under an advisory lock: refinery takes none.
    pub(crate) async fn migrate(&self) -> Result<usize> {
        let mut client = self.connection().await?;
        let refuse = |error: tokio_postgres::Error| refused(&error);
        client
            .batch_execute("SET statement_timeout = 0; SET lock_timeout = 0")
            .await
            .map_err(refuse)?;
        client
            .query("SELECT pg_advisory_lock($1)", &[&MIGRATION_LOCK])
            .await
            .map_err(refuse)?;
        let report = migrate::runner()
            .run_async(&mut **client)
            .await
            .map_err(migrate::failed);
        // The session goes with its settings and its lock, whatever happened.
        drop(Object::take(client));
        Ok(report?.applied_migrations().len())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
}

struct PostgresTx<'c> {
    transaction: Transaction<'c>,
    announced: Option<i64>,
    discarded: bool,
}

impl Tx for PostgresTx<'_> {
    fn query<'a>(
        &'a mut self,
        sql: &'a str,
        values: Vec<SqlValue>,
    ) -> BoxFuture<'a, Result<Vec<Row>>> {
        async move {
            let refuse = |error: tokio_postgres::Error| refused(&error);
            let statement = self.transaction.prepare_cached(sql).await.map_err(refuse)?;
            let parameters = parameters(&values);
            let rows = self
                .transaction
                .query(&statement, &parameters)
                .await
                .map_err(refuse)?;
            rows.iter().map(row_of).collect()
        }
        .boxed()
    }

    fn announce(&mut self, revision: i64) {
        self.announced = Some(revision);
    }

    fn discard(&mut self) {
        self.discarded = true;
    }
}

fn parameters(values: &[SqlValue]) -> Vec<&(dyn ToSql + Sync)> {
    values
        .iter()
        .map(|value| value as &(dyn ToSql + Sync))
        .collect()
}

fn row_of(row: &tokio_postgres::Row) -> Result<Row> {
    let mut columns = Vec::with_capacity(row.len());
    for (index, column) in row.columns().iter().enumerate() {
        columns.push(match *column.type_() {
            Type::INT8 => get(row, index, SqlValue::Int)?,
            Type::TEXT => get(row, index, SqlValue::Text)?,
            Type::BOOL => get(row, index, SqlValue::Bool)?,
            Type::BYTEA => get(row, index, SqlValue::Bytes)?,
            // What pg_notify and the like return.
            Type::VOID => SqlValue::Null,
            ref other => {
                return Err(OdbError::corrupt(format!(
                    "column {} is {other}",
                    column.name()
                )));
            }
        });
    }
    Ok(Row::new(columns))
}

fn get<'a, T, F>(row: &'a tokio_postgres::Row, index: usize, wrap: F) -> Result<SqlValue>
where
    T: tokio_postgres::types::FromSql<'a>,
    F: FnOnce(T) -> SqlValue,
{
    let value: Option<T> = row.try_get(index).map_err(OdbError::corrupt)?;
    Ok(value.map_or(SqlValue::Null, wrap))
}

/// Sorts an error of the driver: ours, theirs, or the wire's.
pub(crate) fn refused(error: &tokio_postgres::Error) -> OdbError {
    let detail = chain(error);
    let Some(state) = error.code() else {
        return OdbError::Unavailable { detail };
    };
    // Class 08 is connections, 53 is resources, 57 is an operator's intervention, 58 is the system.
    let class = state.code().get(..2).unwrap_or_default();
    if *state == SqlState::UNIQUE_VIOLATION {
        OdbError::Conflict("that exists already".into())
    } else if *state == SqlState::LOCK_NOT_AVAILABLE || *state == SqlState::QUERY_CANCELED {
        OdbError::Busy
    } else if matches!(class, "08" | "53" | "57" | "58") {
        OdbError::Unavailable { detail }
    } else {
        OdbError::Refused { detail }
    }
}

/// The error with its causes; the driver's own text leaves them out.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
