//! The cluster itself: one row, with the revision everything is counted by.

use busker_kit::clock::unix_ms;
use futures::FutureExt;
use serde::Serialize;

use crate::error::Result;
use crate::odb::{Odb, one, take_ticket};
use crate::random;
use crate::value::{Row, values};

/// The cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cluster {
    /// Made once, never changed: 32 hexadecimal digits.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Colour of the console's frame: `#rrggbb`, or empty.
    pub colour: String,
    /// Whether the console asks twice before it changes anything.
    pub guarded: bool,
    /// Revision of the last write of anything.
    pub revision: i64,
    /// When it was made, epoch milliseconds.
    pub created_ms: i64,
}

/// What of the cluster can be edited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterWrite {
    /// Name for people.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// `#rrggbb`, or empty.
    pub colour: String,
    /// Whether the console asks twice.
    pub guarded: bool,
}

/// Name a cluster has until it is given one.
pub const DEFAULT_CLUSTER_NAME: &str = "busker";

const ENSURE: &str = "INSERT INTO cluster \
    (slot, id, name, description, colour, guarded, revision, next_number, created_ms) \
    VALUES (1, $1, $2, '', '', FALSE, 0, 1, $3) ON CONFLICT (slot) DO NOTHING";
const REVISION: &str = "SELECT revision FROM cluster";
const GET: &str =
    "SELECT id, name, description, colour, guarded, revision, created_ms FROM cluster";
const EDIT: &str = "UPDATE cluster SET guarded = $4, colour = $3, description = $2, name = $1 \
    RETURNING id, name, description, colour, guarded, revision, created_ms";

/// Operations on the cluster's row.
#[derive(Debug, Clone, Copy)]
pub struct Clusters<'a>(&'a Odb);

impl<'a> Clusters<'a> {
    pub(crate) const fn new(odb: &'a Odb) -> Self {
        Self(odb)
    }

    /// Makes the row when it is not there; answers the revision.
    pub(crate) async fn ensure(&self) -> Result<i64> {
        let id = random::hex::<16>()?;
        self.0
            .query(ENSURE, values![id, DEFAULT_CLUSTER_NAME, unix_ms()])
            .await?;
        self.revision().await
    }

    /// Revision of the last write of anything.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`, or `NotFound` before the first migration.
    pub async fn revision(&self) -> Result<i64> {
        one(self.0.query(REVISION, Vec::new()).await?, "cluster")?.int()
    }

    /// The cluster.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn get(&self) -> Result<Cluster> {
        read(one(self.0.query(GET, Vec::new()).await?, "cluster")?)
    }

    /// Changes name, description, colour and guard; takes a revision.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn edit(&self, write: ClusterWrite) -> Result<Cluster> {
        let ClusterWrite {
            name,
            description,
            colour,
            guarded,
        } = write;
        let edit = values![name, description, colour, guarded];
        self.0
            .write(move |tx| {
                async move {
                    take_ticket(tx, 0).await?;
                    read(one(tx.query(EDIT, edit).await?, "cluster")?)
                }
                .boxed()
            })
            .await
    }
}

fn read(mut row: Row) -> Result<Cluster> {
    Ok(Cluster {
        id: row.text()?,
        name: row.text()?,
        description: row.text()?,
        colour: row.text()?,
        guarded: row.bool()?,
        revision: row.int()?,
        created_ms: row.int()?,
    })
}
