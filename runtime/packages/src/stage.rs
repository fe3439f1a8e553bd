//! One engine and the generation it serves: from a set of packages to services that are live.
//!
//! A package that fails is charged alone: its last version that served here takes its place, or nothing does, and the
//! rest is loaded. Whatever is not a package's fault leaves the old generation as it is.

mod attempt;
mod generation;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use busker_model::Fault;
use busker_odb::Odb;
use busker_odb::packages::Package;
use busker_service::{Engine, PackageFile, PackageSet, Runner};
use busker_services::ServiceFamily;

use crate::archive::Content;
use crate::packages::Shared;
use crate::reports;
use crate::shelf::{Shelf, Unread};
use crate::view::StaticView;
use attempt::{Attempt, Charged};
use generation::Generation;

/// Loads of one pass: each that fails leaves out one package more.
const LOADS_PER_PASS: usize = 100;

/// A package and its files.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    pub(crate) id: i64,
    pub(crate) content: Arc<Content>,
}

/// One version of each name.
pub(crate) type Versions = BTreeMap<String, Version>;

/// How a package fares here.
#[derive(Debug)]
pub(crate) enum Standing<'a> {
    /// It serves.
    Live,
    /// It was refused for a reason of its own.
    Failed(&'a Fault),
    /// It was not tried to the end yet.
    Waiting,
}

/// An engine with what it serves.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) engine: Arc<dyn Engine>,
    statics: Vec<PackageFile>,
    live: Option<Generation>,
    /// Ids that were brought to an end, each live or failed.
    settled: Option<Vec<i64>>,
    /// Id and reason, by name.
    failed: BTreeMap<String, (i64, Fault)>,
    static_failed: BTreeMap<String, Fault>,
}

impl Stage {
    pub(crate) fn new(engine: Arc<dyn Engine>, statics: Vec<PackageFile>) -> Self {
        Self {
            engine,
            statics,
            live: None,
            settled: None,
            failed: BTreeMap::new(),
            static_failed: BTreeMap::new(),
        }
    }

    /// Whether its engine takes a file of this name.
    pub(crate) fn takes(&self, name: &str) -> bool {
        let ending = Path::new(name)
            .extension()
            .and_then(|ending| ending.to_str());
        ending.is_some_and(|ending| self.engine.endings().contains(&ending))
    }

    /// Whether there is nothing to do for this set.
    pub(crate) fn is_settled(&self, desired: &[&Package]) -> bool {
        self.settled.as_ref() == Some(&ids(desired))
    }

    /// Makes the next pass try again what failed.
    pub(crate) fn try_again(&mut self) {
        self.settled = None;
    }

    /// How a package fares.
    pub(crate) fn standing(&self, package: &Package) -> Standing<'_> {
        if self.serving(&package.name) == Some(package.id) {
            return Standing::Live;
        }
        match self.failed.get(&package.name) {
            Some((id, fault)) if *id == package.id => Standing::Failed(fault),
            Some(_) | None => Standing::Waiting,
        }
    }

    /// Id of the package of this name that serves.
    pub(crate) fn serving(&self, name: &str) -> Option<i64> {
        Some(self.live.as_ref()?.versions.get(name)?.id)
    }

    /// Number of the generation that serves.
    pub(crate) fn generation(&self) -> Option<u64> {
        self.live.as_ref()?.number
    }

    /// Static sources that were left out.
    pub(crate) fn static_faults(&self) -> impl Iterator<Item = StaticView> {
        self.static_failed.iter().map(|(path, fault)| StaticView {
            path: path.clone(),
            message: fault.message.to_string(),
        })
    }

    /// Gives the family the same services again: it starts those that are not there.
    pub(crate) async fn heal(&self, services: &ServiceFamily) {
        if let Some(live) = &self.live {
            let runners = live.runners.clone();
            services.set(self.engine.name(), runners).await;
        }
    }

    /// Makes this set serve, as far as its packages can be loaded.
    ///
    /// # Errors
    /// What is no package's fault: the database or the engine is in trouble. What served goes on.
    pub(crate) async fn bring(
        &mut self,
        desired: &[&Package],
        shelf: &mut Shelf,
        shared: &Shared,
    ) -> Result<(), Fault> {
        let mut attempt = Attempt::new(self.statics.clone());
        for package in desired {
            let name = package.name.clone();
            match shelf.get(&shared.parts.odb, package).await {
                Ok(content) => attempt.add(
                    name,
                    Version {
                        id: package.id,
                        content,
                    },
                ),
                Err(Unread::Odb(fault)) => return Err(fault),
                Err(Unread::Broken(fault)) => {
                    let charged = attempt.charge(name, package.id, fault, self.good());
                    self.report(&charged, shared);
                }
            }
        }
        if let Some((number, runners)) = self.load(&mut attempt, shared).await? {
            self.switch(&attempt, number, runners, shared).await;
        }
        self.settled = Some(ids(desired));
        self.failed = attempt.failed;
        self.static_failed = attempt.static_failed;
        Ok(())
    }

    /// The last versions that served here.
    fn good(&self) -> Option<&Versions> {
        self.live.as_ref().map(|live| &live.versions)
    }

    /// Loads what can be loaded. `None` when that is what serves already.
    async fn load(
        &self,
        attempt: &mut Attempt,
        shared: &Shared,
    ) -> Result<Option<(Option<u64>, Vec<Arc<dyn Runner>>)>, Fault> {
        for _ in 0..LOADS_PER_PASS {
            let serves = |live: &Generation| attempt.is(&live.versions, &live.statics);
            if self.live.as_ref().is_some_and(serves) {
                return Ok(None);
            }
            let files = attempt.files();
            if files.is_empty() {
                return Ok(Some((None, Vec::new())));
            }
            let number = shared.generations.begin(self.engine.name()).await;
            match self.engine.load(number, files).await {
                Ok(loaded) => return Ok(Some((Some(number), loaded.services))),
                Err(rejected) => {
                    shared.generations.forget(number);
                    let charged = attempt.leave_out(rejected, self.good())?;
                    self.report(&charged, shared);
                }
            }
        }
        Err(Fault::internal(format!(
            "more than {LOADS_PER_PASS} packages cannot be loaded: is this the interpreter they were written for?"
        )))
    }

    /// New requests go to the new generation; the old one finishes what it has.
    async fn switch(
        &mut self,
        attempt: &Attempt,
        number: Option<u64>,
        runners: Vec<Arc<dyn Runner>>,
        shared: &Shared,
    ) {
        let parts = &shared.parts;
        let outcome = parts
            .services
            .set(self.engine.name(), runners.clone())
            .await;
        reports::not_started(&parts.events, &outcome.failed);
        let new = Generation {
            number,
            versions: attempt.chosen.clone(),
            statics: attempt.static_paths(),
            runners,
        };
        tracing::info!(
            engine = self.engine.name(),
            generation = number,
            packages = new.versions.len(),
            services = new.runners.len(),
            "a generation serves"
        );
        if let Some(old) = &self.live {
            for (package, services) in old.missing_in(&new) {
                reports::missing_services(&parts.events, package, &services);
            }
        }
        self.live = Some(new);
        shared.generations.retire_others(&self.engine, number);
    }

    /// A failure that was told already is not told again.
    fn report(&self, charged: &Charged, shared: &Shared) {
        let events = &shared.parts.events;
        match charged {
            Charged::Package {
                id,
                name,
                instead,
                fault,
            } => {
                let known = self.failed.get(name).is_some_and(|(known, _)| known == id);
                if !known {
                    reports::failed(events, (*id, name), *instead, fault);
                }
            }
            Charged::Static { path, fault } => {
                if !self.static_failed.contains_key(path) {
                    reports::static_failed(events, path, fault);
                }
            }
            Charged::Substitute => {}
        }
    }

    /// What serves or would serve when this set is active, without trying what has failed: what a candidate is verified
    /// with.
    ///
    /// # Errors
    /// The database does not give the files of a package.
    pub(crate) async fn base(
        &self,
        active: &[Package],
        shelf: &mut Shelf,
        odb: &Odb,
    ) -> Result<Versions, Fault> {
        let mut base = Versions::new();
        for package in active.iter().filter(|package| self.takes(&package.name)) {
            let name = package.name.clone();
            if matches!(self.standing(package), Standing::Failed(_)) {
                if let Some(good) = self.good().and_then(|good| good.get(&name)) {
                    base.insert(name, good.clone());
                }
                continue;
            }
            match shelf.get(odb, package).await {
                Ok(content) => drop(base.insert(
                    name,
                    Version {
                        id: package.id,
                        content,
                    },
                )),
                Err(Unread::Odb(fault)) => return Err(fault),
                Err(Unread::Broken(_)) => {}
            }
        }
        Ok(base)
    }

    /// A set as its engine gets it, with the static sources that can be loaded.
    pub(crate) fn files(&self, versions: &Versions) -> PackageSet {
        let failed = |file: &&PackageFile| self.static_failed.contains_key(&file.path);
        let statics = self.statics.iter().filter(|file| !failed(file)).cloned();
        statics.chain(attempt::files_of(versions)).collect()
    }
}

fn ids(packages: &[&Package]) -> Vec<i64> {
    let mut ids: Vec<i64> = packages.iter().map(|package| package.id).collect();
    ids.sort_unstable();
    ids
}
