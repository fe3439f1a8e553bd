//! What serves: packages, static sources and the services they define.

use std::collections::BTreeMap;
use std::sync::Arc;

use busker_model::Origin;
use busker_service::Runner;

use super::Versions;

/// What serves.
#[derive(Debug)]
pub(super) struct Generation {
    /// None when there is nothing to serve.
    pub(super) number: Option<u64>,
    pub(super) versions: Versions,
    /// Paths of the static sources in it.
    pub(super) statics: Vec<String>,
    pub(super) runners: Vec<Arc<dyn Runner>>,
}

impl Generation {
    /// Services that are gone in a newer one though their packages are not, by package: channels may still name them.
    pub(super) fn missing_in(&self, newer: &Self) -> BTreeMap<&str, Vec<String>> {
        let defined: Vec<&str> = newer.runners.iter().map(name_of).collect();
        let mut missing: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for runner in &self.runners {
            let service = name_of(runner);
            let stays = |package: &&str| newer.versions.contains_key(*package);
            if let Some(package) = self.package_of(runner).filter(stays)
                && !defined.contains(&service)
            {
                missing.entry(package).or_default().push(service.to_owned());
            }
        }
        missing
    }

    /// Name of the package a service comes from.
    fn package_of(&self, runner: &Arc<dyn Runner>) -> Option<&str> {
        let id = match runner.definition().origin {
            Origin::Python { package, .. } => package,
            Origin::Internal | Origin::Rust => return None,
        };
        let mut versions = self.versions.iter();
        let found = versions.find(|(_, version)| version.id == id);
        found.map(|(name, _)| name.as_str())
    }
}

fn name_of(runner: &Arc<dyn Runner>) -> &str {
    runner.definition().name.as_str()
}
