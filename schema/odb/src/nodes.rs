//! Nodes of the cluster, as they last reported.

use serde::Serialize;
use serde_json::Value;

use crate::error::{OdbError, Result};
use crate::odb::{Odb, one};
use crate::value::{Row, values};

/// One node.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NodeRecord {
    /// Name, `node1` and so on.
    pub name: String,
    /// Made anew at each boot.
    pub incarnation: String,
    /// Where channels listen.
    pub address: String,
    /// Where the API listens.
    pub admin_address: String,
    /// `starting`, `running`, `draining`, `standby`, `stopped`, `failed`.
    pub state: String,
    /// Revision it runs.
    pub revision: i64,
    /// When it last reported, epoch milliseconds.
    pub seen_ms: i64,
    /// Version, interpreter, built-in services, load.
    pub info: Value,
}

const UPSERT: &str = "INSERT INTO node \
    (name, incarnation, address, admin_address, state, revision, seen_ms, info) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (name) DO UPDATE SET \
    incarnation = excluded.incarnation, address = excluded.address, \
    admin_address = excluded.admin_address, state = excluded.state, \
    revision = excluded.revision, seen_ms = excluded.seen_ms, info = excluded.info";
const LIST: &str = "SELECT name, incarnation, address, admin_address, state, revision, seen_ms, \
    info FROM node ORDER BY name";
const DELETE: &str = "DELETE FROM node WHERE name = $1 RETURNING name";

/// Operations on nodes.
#[derive(Debug, Clone, Copy)]
pub struct Nodes<'a>(&'a Odb);

impl<'a> Nodes<'a> {
    pub(crate) const fn new(odb: &'a Odb) -> Self {
        Self(odb)
    }

    /// Writes what a node reports, over what it reported before.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn heartbeat(&self, node: &NodeRecord) -> Result<()> {
        let row = values![
            node.name.as_str(),
            node.incarnation.as_str(),
            node.address.as_str(),
            node.admin_address.as_str(),
            node.state.as_str(),
            node.revision,
            node.seen_ms,
            node.info.to_string()
        ];
        self.0.query(UPSERT, row).await.map(drop)
    }

    /// All nodes, by name.
    ///
    /// # Errors
    /// `Unavailable`, `Busy`.
    pub async fn list(&self) -> Result<Vec<NodeRecord>> {
        self.0
            .query(LIST, Vec::new())
            .await?
            .into_iter()
            .map(node_of)
            .collect()
    }

    /// Forgets a node that will not come back.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn delete(&self, name: &str) -> Result<()> {
        one(
            self.0.query(DELETE, values![name]).await?,
            &format!("node {name:?}"),
        )
        .map(drop)
    }
}

fn node_of(mut row: Row) -> Result<NodeRecord> {
    Ok(NodeRecord {
        name: row.text()?,
        incarnation: row.text()?,
        address: row.text()?,
        admin_address: row.text()?,
        state: row.text()?,
        revision: row.int()?,
        seen_ms: row.int()?,
        info: serde_json::from_str(&row.text()?).map_err(OdbError::corrupt)?,
    })
}
