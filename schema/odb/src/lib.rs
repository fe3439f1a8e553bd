//! The operational database: everything a cluster knows and must not forget.
//!
//! It is SQLite for a single node and PostgreSQL for a cluster, with one SQL text per operation and one set of
//! migrations. It stores and counts; it does not know what a kind's settings mean, who may do what, or how a node
//! follows a change: those are the catalog, the admin services and reconcile. It is not the message bus either.
//!
//! Start with [`Odb`]: open it, migrate it, then ask it for [`objects`], [`users`], [`tokens`], [`packages`], [`nodes`],
//! [`dictionaries`], [`samples`], the [`audit`] log or the [`cluster`]. Secrets are sealed by a [`Vault`]; passwords are checked by [`Passwords`].
//!
//! Every write of objects, packages and the cluster takes the cluster's revision by `UPDATE … RETURNING` inside its
//! transaction. The row lock makes writers take turns, so revisions become visible in their order, and a reader that
//! asks for changes since its revision misses none.

pub mod audit;
pub mod cluster;
mod config;
pub mod dictionaries;
mod error;
pub mod jobs;
pub mod joins;
pub mod lives;
mod migrate;
pub mod nodes;
pub mod nonces;
pub mod objects;
mod odb;
pub mod outbox;
pub mod packages;
pub mod passwords;
mod random;
pub mod roles;
pub mod samples;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
pub mod tokens;
pub mod users;
mod value;
pub mod vault;
pub mod wsdls;

pub use config::{OdbConfig, POSTGRES_POOL_SIZE, SqliteSync};
pub use error::{OdbError, Result};
pub use objects::{
    Batch, Change, Changes, Digest, ListFilter, ObjectChange, ObjectWrite, OnUse, Page, Resealed,
    Sealing, SecretWrite,
};
pub use odb::Odb;
pub use passwords::{PasswordCost, Passwords};
pub use vault::Vault;
