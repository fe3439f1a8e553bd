//! Files of packages kept in memory, so that one deploy among hundreds of packages reads one, and a rollback none.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use busker_model::Fault;
use busker_odb::Odb;
use busker_odb::packages::Package;

use crate::archive::{Content, unpack};

/// Versions kept of each name: the one that serves and the one before it.
const VERSIONS_KEPT: usize = 2;

/// Why the files of a stored package are not to be had.
#[derive(Debug)]
pub(crate) enum Unread {
    /// The database did not give them.
    Odb(Fault),
    /// It gave what cannot be unpacked.
    Broken(Fault),
}

/// Versions of one name by id, oldest first.
type Kept = VecDeque<(i64, Arc<Content>)>;

/// The latest versions of each active name.
#[derive(Debug, Default)]
pub(crate) struct Shelf(HashMap<String, Kept>);

impl Shelf {
    /// Keeps the files of a package.
    pub(crate) fn put(&mut self, id: i64, content: Arc<Content>) {
        let versions = self.0.entry(content.name.clone()).or_default();
        versions.retain(|(known, _)| *known != id);
        if versions.len() == VERSIONS_KEPT {
            versions.pop_front();
        }
        versions.push_back((id, content));
    }

    /// The files of a package; from the database when they are not here.
    pub(crate) async fn get(
        &mut self,
        odb: &Odb,
        package: &Package,
    ) -> Result<Arc<Content>, Unread> {
        if let Some(content) = self.find(package) {
            self.put(package.id, Arc::clone(&content));
            return Ok(content);
        }
        let payload = odb.packages().payload(package.id).await;
        let payload = payload.map_err(|error| Unread::Odb(error.into()))?;
        let content = unpack(package.name.clone(), package.kind, payload.into())
            .await
            .map_err(Unread::Broken)?;
        let content = Arc::new(content);
        self.put(package.id, Arc::clone(&content));
        Ok(content)
    }

    /// A rollback has a new id and the bytes of an old one.
    fn find(&self, package: &Package) -> Option<Arc<Content>> {
        let mut versions = self.0.get(&package.name)?.iter();
        let found = versions.find(|(_, content)| content.sha256 == package.sha256);
        found.map(|(_, content)| Arc::clone(content))
    }

    /// Forgets names that are not active.
    pub(crate) fn retain(&mut self, active: &[Package]) {
        self.0
            .retain(|name, _| active.iter().any(|package| package.name == *name));
    }
}
