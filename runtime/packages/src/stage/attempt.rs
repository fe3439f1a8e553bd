//! A set on its way to be loaded: what of it is left, and what was charged.

use std::collections::BTreeMap;

use busker_model::Fault;
use busker_service::ports::Rejected;
use busker_service::{PackageFile, PackageSet};
use bytes::Bytes;

use super::{Version, Versions};

/// What is to be loaded next, and what it cost.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) chosen: Versions,
    pub(super) failed: BTreeMap<String, (i64, Fault)>,
    pub(super) static_failed: BTreeMap<String, Fault>,
    statics: Vec<PackageFile>,
}

/// Who a failure was charged to.
#[derive(Debug)]
pub(super) enum Charged {
    /// A package; `instead` goes on in its place.
    Package {
        id: i64,
        name: String,
        instead: Option<i64>,
        fault: Fault,
    },
    /// A static source.
    Static { path: String, fault: Fault },
    /// An older version, taken in place of one that was charged before.
    Substitute,
}

impl Attempt {
    pub(super) fn new(statics: Vec<PackageFile>) -> Self {
        Self {
            chosen: Versions::new(),
            failed: BTreeMap::new(),
            static_failed: BTreeMap::new(),
            statics,
        }
    }

    pub(super) fn add(&mut self, name: String, version: Version) {
        self.chosen.insert(name, version);
    }

    /// Whether it is exactly this.
    pub(super) fn is(&self, versions: &Versions, statics: &[String]) -> bool {
        let same = |((name, a), (other, b)): ((&String, &Version), (&String, &Version))| {
            name == other && a.id == b.id
        };
        self.chosen.len() == versions.len()
            && self.chosen.iter().zip(versions).all(same)
            && self.statics.iter().map(|file| &file.path).eq(statics)
    }

    pub(super) fn files(&self) -> PackageSet {
        let statics = self.statics.iter().cloned();
        statics.chain(files_of(&self.chosen)).collect()
    }

    pub(super) fn static_paths(&self) -> Vec<String> {
        self.statics.iter().map(|file| file.path.clone()).collect()
    }

    /// Takes out what a load was refused for.
    ///
    /// # Errors
    /// The refusal itself, when it cannot be charged to anything in the set.
    pub(super) fn leave_out(
        &mut self,
        rejected: Rejected,
        good: Option<&Versions>,
    ) -> Result<Charged, Fault> {
        match rejected.package {
            None => Err(rejected.fault),
            Some(0) => self.leave_out_static(rejected),
            Some(id) => {
                let found = self.chosen.iter().find(|(_, version)| version.id == id);
                match found.map(|(name, _)| name.clone()) {
                    Some(name) => Ok(self.charge(name, id, rejected.fault, good)),
                    None => Err(rejected.fault),
                }
            }
        }
    }

    fn leave_out_static(&mut self, rejected: Rejected) -> Result<Charged, Fault> {
        let Rejected { file, fault, .. } = rejected;
        let named = |known: &PackageFile| Some(&known.path) == file.as_ref();
        let Some(index) = self.statics.iter().position(named) else {
            return Err(fault);
        };
        let path = self.statics.remove(index).path;
        self.static_failed.insert(path.clone(), fault.clone());
        Ok(Charged::Static { path, fault })
    }

    /// Charges a package, and puts the last version that served here in its place.
    pub(super) fn charge(
        &mut self,
        name: String,
        id: i64,
        fault: Fault,
        good: Option<&Versions>,
    ) -> Charged {
        self.chosen.remove(&name);
        let instead = good
            .and_then(|good| good.get(&name))
            .filter(|good| good.id != id);
        let instead_id = instead.map(|good| good.id);
        if let Some(good) = instead {
            self.chosen.insert(name.clone(), good.clone());
        }
        if self.failed.contains_key(&name) {
            return Charged::Substitute;
        }
        self.failed.insert(name.clone(), (id, fault.clone()));
        Charged::Package {
            id,
            name,
            instead: instead_id,
            fault,
        }
    }
}

/// The files of these packages, each with its owner. The newest come last: of two that do not go together, that is the one
/// an engine finds at fault.
pub(super) fn files_of(versions: &Versions) -> impl Iterator<Item = PackageFile> {
    let mut versions: Vec<(&String, &Version)> = versions.iter().collect();
    versions.sort_by_key(|(_, version)| version.id);
    versions.into_iter().flat_map(|(name, version)| {
        let file = |(path, bytes): &(String, Bytes)| PackageFile {
            package: version.id,
            package_name: name.clone(),
            path: path.clone(),
            bytes: bytes.clone(),
            is_static: false,
        };
        version.content.files.iter().map(file)
    })
}
