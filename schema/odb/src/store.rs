//! The statement layer: one SQL text, `$1` parameters, five types, two databases.
//!
//! A transaction is an asynchronous closure over a [`Tx`]. On PostgreSQL it runs where it is awaited; on SQLite it
//! runs whole on the thread that owns the connection, where every query is ready at once.

pub(crate) mod bulk;
pub(crate) mod lane;
pub(crate) mod listener;
pub(crate) mod postgres;
pub(crate) mod sqlite;
pub(crate) mod tls;

use futures::future::BoxFuture;
use tokio::sync::watch;

use crate::config::OdbConfig;
use crate::error::Result;
use crate::value::{Row, SqlValue};

/// An open transaction.
pub(crate) trait Tx: Send {
    /// Runs one statement and returns all rows it gives back.
    fn query<'a>(
        &'a mut self,
        sql: &'a str,
        values: Vec<SqlValue>,
    ) -> BoxFuture<'a, Result<Vec<Row>>>;

    /// Says that the cluster is at `revision` once this commits; listeners hear it then.
    fn announce(&mut self, revision: i64);

    /// Rolls this back at its end, whatever comes of it; nobody hears what it announced.
    fn discard(&mut self);
}

/// What runs inside a transaction; an error rolls it back.
pub(crate) type Work<T> =
    Box<dyn for<'a> FnOnce(&'a mut dyn Tx) -> BoxFuture<'a, Result<T>> + Send>;

/// One of the two databases.
#[derive(Debug)]
pub(crate) enum Store {
    /// Embedded.
    Sqlite(sqlite::Sqlite),
    /// Server.
    Postgres(postgres::Postgres),
}

impl Store {
    /// Opens the database; nothing is migrated yet.
    pub(crate) async fn open(config: OdbConfig, hint: watch::Sender<i64>) -> Result<Self> {
        match config {
            OdbConfig::Sqlite { path, sync } => {
                Ok(Self::Sqlite(sqlite::Sqlite::open(path, sync, hint).await?))
            }
            OdbConfig::Postgres {
                url,
                pool_size,
                password,
                root_certificate,
            } => {
                let config = postgres::parse(&url, password.as_ref())?;
                let tls = tls::connector(root_certificate.as_deref())?;
                postgres::Postgres::open(config, tls, pool_size, hint).map(Self::Postgres)
            }
        }
    }

    /// Runs one statement on its own.
    pub(crate) async fn query(&self, sql: &'static str, values: Vec<SqlValue>) -> Result<Vec<Row>> {
        match self {
            Self::Sqlite(store) => store.query(sql, values).await,
            Self::Postgres(store) => store.query(sql, values).await,
        }
    }

    /// A transaction that writes.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut dyn Tx) -> BoxFuture<'a, Result<T>> + Send + 'static,
    {
        match self {
            Self::Sqlite(store) => store.write(Box::new(work)).await,
            Self::Postgres(store) => store.write(Box::new(work)).await,
        }
    }

    /// A transaction that reads: all its statements see the same moment.
    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut dyn Tx) -> BoxFuture<'a, Result<T>> + Send + 'static,
    {
        match self {
            Self::Sqlite(store) => store.read(Box::new(work)).await,
            Self::Postgres(store) => store.read(Box::new(work)).await,
        }
    }

    /// Brings the schema up to date; safe when several do it at once.
    pub(crate) async fn migrate(&self) -> Result<usize> {
        match self {
            Self::Sqlite(store) => store.migrate().await,
            Self::Postgres(store) => store.migrate().await,
        }
    }
}
