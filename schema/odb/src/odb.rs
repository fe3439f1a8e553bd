//! The handle everybody holds.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::watch;

use crate::audit::Audit;
use crate::cluster::Clusters;
use crate::config::OdbConfig;
use crate::dictionaries::Dictionaries;
use crate::error::{OdbError, Result};
use crate::jobs::Jobs;
use crate::joins::Joins;
use crate::lives::Lives;
use crate::nodes::Nodes;
use crate::nonces::Nonces;
use crate::objects::{Objects, Sealing};
use crate::outbox::Outbox;
use crate::packages::Packages;
use crate::roles::Roles;
use crate::samples::Samples;
use crate::store::{Store, Tx};
use crate::tokens::Tokens;
use crate::users::Users;
use crate::value::{Row, SqlValue};
use crate::vault::Vault;
use crate::wsdls::Wsdls;

/// The operational database. Cheap to clone; connections close when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct Odb {
    inner: Arc<Inner>,
    vault: Option<Arc<Vault>>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    hint: watch::Sender<i64>,
}

impl Odb {
    /// Opens the database. Call [`Odb::migrate`] before anything else.
    ///
    /// # Errors
    /// `Unavailable` when an SQLite file cannot be opened; a PostgreSQL server is first asked when it is needed.
    /// `Invalid` when the configuration cannot be right.
    pub async fn open(config: OdbConfig) -> Result<Self> {
        let (hint, _) = watch::channel(0);
        let store = Store::open(config, hint.clone()).await?;
        let inner = Arc::new(Inner { store, hint });
        Ok(Self { inner, vault: None })
    }

    /// The same database with the vault that seals secret settings.
    #[must_use]
    pub fn with_vault(mut self, vault: Arc<Vault>) -> Self {
        self.vault = Some(vault);
        self
    }

    /// Brings the schema up to date and makes the cluster's row; answers how many migrations were applied.
    /// Any number of nodes may do it at once.
    ///
    /// # Errors
    /// `Refused` when a migration fails, or one that was applied has changed since.
    pub async fn migrate(&self) -> Result<usize> {
        let applied = self.inner.store.migrate().await?;
        let revision = self.cluster().ensure().await?;
        crate::store::sqlite::raise(&self.inner.hint, revision);
        Ok(applied)
    }

    /// The newest revision heard of; changes after each commit on this node, and soon after one on another.
    /// A hint: what changed is read by [`Objects::changes_since`].
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<i64> {
        self.inner.hint.subscribe()
    }

    /// How many of the migrations of this version the database has, and how many there are. Changes nothing.
    ///
    /// # Errors
    /// `Refused` when it was never migrated.
    pub async fn migrations(&self) -> Result<(i64, i64)> {
        const SQL: &str = "SELECT COUNT(*) FROM refinery_schema_history";
        let applied = one(self.query(SQL, Vec::new()).await?, "migrations")?.int()?;
        Ok((applied, crate::migrate::count()))
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// `Unavailable` or `Busy`.
    pub async fn ping(&self) -> Result<()> {
        self.query("SELECT revision FROM cluster", Vec::new())
            .await
            .map(drop)
    }

    /// Channels, outgoing connections, definitions, jobs: what is configured.
    #[must_use]
    pub fn objects(&self) -> Objects<'_> {
        Objects::new(self)
    }

    /// The cluster itself.
    #[must_use]
    pub fn cluster(&self) -> Clusters<'_> {
        Clusters::new(self)
    }

    /// People.
    #[must_use]
    pub fn users(&self) -> Users<'_> {
        Users::new(self)
    }

    /// Bearer tokens and sessions.
    #[must_use]
    pub fn tokens(&self) -> Tokens<'_> {
        Tokens::new(self)
    }

    /// Hot-deployed code.
    #[must_use]
    pub fn packages(&self) -> Packages<'_> {
        Packages::new(self)
    }

    /// Key/value data dictionaries.
    #[must_use]
    pub fn dictionaries(&self) -> Dictionaries<'_> {
        Dictionaries::new(self)
    }

    /// Invocations kept to be looked at.
    #[must_use]
    pub fn samples(&self) -> Samples<'_> {
        Samples::new(self)
    }

    /// Invitations of new nodes.
    #[must_use]
    pub fn joins(&self) -> Joins<'_> {
        Joins::new(self)
    }

    /// What was used and may not be used again.
    #[must_use]
    pub fn nonces(&self) -> Nonces<'_> {
        Nonces::new(self)
    }

    /// Nodes of the cluster.
    #[must_use]
    pub fn nodes(&self) -> Nodes<'_> {
        Nodes::new(self)
    }

    /// Jobs as they ran.
    #[must_use]
    pub fn jobs(&self) -> Jobs<'_> {
        Jobs::new(self)
    }

    /// Roles that one node holds.
    #[must_use]
    pub fn roles(&self) -> Roles<'_> {
        Roles::new(self)
    }

    /// Which key seals secrets, and which one sealed what.
    #[must_use]
    pub fn sealing(&self) -> Sealing<'_> {
        Sealing::new(self)
    }

    /// Durable asynchronous invocations.
    #[must_use]
    pub fn outbox(&self) -> Outbox<'_> {
        Outbox::new(self)
    }

    /// Data sets of Redis, and what was lost with them.
    #[must_use]
    pub fn lives(&self) -> Lives<'_> {
        Lives::new(self)
    }

    /// WSDL that people uploaded for services.
    #[must_use]
    pub fn wsdls(&self) -> Wsdls<'_> {
        Wsdls::new(self)
    }

    /// Who asked for what.
    #[must_use]
    pub fn audit(&self) -> Audit<'_> {
        Audit::new(self)
    }

    pub(crate) fn vault(&self) -> Option<&Arc<Vault>> {
        self.vault.as_ref()
    }

    /// One statement; the values are `$1`, `$2`, ...
    pub(crate) async fn query(&self, sql: &'static str, values: Vec<SqlValue>) -> Result<Vec<Row>> {
        self.inner.store.query(sql, values).await
    }

    /// A transaction that writes.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut dyn Tx) -> BoxFuture<'a, Result<T>> + Send + 'static,
    {
        self.inner.store.write(work).await
    }

    /// A transaction that reads one moment.
    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: for<'a> FnOnce(&'a mut dyn Tx) -> BoxFuture<'a, Result<T>> + Send + 'static,
    {
        self.inner.store.read(work).await
    }
}

/// What a write takes from the cluster's row. Taking it waits for the write before, so revisions become visible in
/// their order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ticket {
    /// Revision of this write.
    pub(crate) revision: i64,
    /// First of the numbers that were asked for.
    pub(crate) first_number: i64,
}

/// Takes the next revision and `numbers` new numbers.
pub(crate) fn take_ticket(tx: &mut dyn Tx, numbers: i64) -> BoxFuture<'_, Result<Ticket>> {
    const SQL: &str = "UPDATE cluster SET revision = revision + 1, next_number = next_number + $1 \
                       RETURNING revision, next_number";
    async move {
        let rows = tx.query(SQL, vec![numbers.into()]).await?;
        let mut row = one(rows, "the cluster's row")?;
        let ticket = Ticket {
            revision: row.int()?,
            first_number: row.int()? - numbers,
        };
        tx.announce(ticket.revision);
        Ok(ticket)
    }
    .boxed()
}

/// The only row, or `NotFound` with `what`.
pub(crate) fn one(rows: Vec<Row>, what: &str) -> Result<Row> {
    rows.into_iter()
        .next()
        .ok_or_else(|| OdbError::NotFound(what.to_owned()))
}
