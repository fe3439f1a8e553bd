//! The family of services: code comes from several sources, settings from the ODB, and each pair is one gate.

#![expect(
    clippy::disallowed_types,
    reason = "a change awaits its children, and the next one waits for it; no request ever does"
)]

use std::collections::HashMap;
use std::sync::Arc;

use busker_kit::{Family, FamilyOutcome, Supervisor};
use busker_model::service::ServiceSettings;
use busker_service::Runner;
use tokio::sync::Mutex;

use crate::directory::Directory;
use crate::instance::{Desired, spec};

/// What an operator set for a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configured {
    /// Its settings.
    pub settings: ServiceSettings,
    /// Whether it takes work.
    pub active: bool,
}

impl Default for Configured {
    fn default() -> Self {
        Self {
            settings: ServiceSettings::default(),
            active: true,
        }
    }
}

/// Code of one service.
#[derive(Debug)]
struct Code {
    source: &'static str,
    runner: Arc<dyn Runner>,
}

#[derive(Debug)]
struct Inner {
    family: Family<Desired>,
    code: HashMap<String, Code>,
    configured: HashMap<String, Configured>,
}

/// All services under their supervisor. Cheap to clone; changes are applied one after the other.
#[derive(Debug, Clone)]
pub struct ServiceFamily(Arc<Mutex<Inner>>);

impl ServiceFamily {
    /// An empty family whose services show up in `directory`.
    #[must_use]
    pub fn new(supervisor: Supervisor, directory: &Directory) -> Self {
        let directory = directory.clone();
        let make = move |name: &str, desired: &Desired| spec(name, desired, &directory);
        Self(Arc::new(Mutex::new(Inner {
            family: Family::new(supervisor, make),
            code: HashMap::new(),
            configured: HashMap::new(),
        })))
    }

    /// Makes the services of a source, such as `python`, exactly these. A name that another source has is listed as
    /// failed and left to that one.
    pub async fn set(&self, source: &'static str, runners: Vec<Arc<dyn Runner>>) -> FamilyOutcome {
        let mut inner = self.0.lock().await;
        let mut refused = Vec::new();
        let mut new = HashMap::with_capacity(runners.len());
        for runner in runners {
            let name = runner.definition().name.to_string();
            match inner.code.get(&name) {
                Some(code) if code.source != source => {
                    refused.push((
                        name,
                        format!("this name is taken by the source {:?}", code.source),
                    ));
                }
                Some(_) | None => drop(new.insert(name, Code { source, runner })),
            }
        }
        let old: Vec<String> = inner
            .code
            .iter()
            .filter(|(name, code)| code.source == source && !new.contains_key(*name))
            .map(|(name, _)| name.clone())
            .collect();
        for name in &old {
            inner.code.remove(name);
        }
        let names: Vec<String> = old.into_iter().chain(new.keys().cloned()).collect();
        inner.code.extend(new);
        let mut outcome = inner.apply(names).await;
        outcome.failed.extend(refused);
        outcome
    }

    /// Applies what operators set; `None` goes back to the service's own limits. A service may come after its settings.
    pub async fn configure(&self, changes: Vec<(String, Option<Configured>)>) -> FamilyOutcome {
        let mut inner = self.0.lock().await;
        let mut names = Vec::with_capacity(changes.len());
        for (name, configured) in changes {
            match configured {
                Some(configured) => drop(inner.configured.insert(name.clone(), configured)),
                None => drop(inner.configured.remove(&name)),
            }
            names.push(name);
        }
        inner.apply(names).await
    }

    /// Names that have settings, whether there is such a service or not.
    pub async fn configured(&self) -> Vec<String> {
        self.0.lock().await.configured.keys().cloned().collect()
    }

    /// The source that has a name.
    pub async fn owner(&self, service: &str) -> Option<&'static str> {
        let inner = self.0.lock().await;
        inner.code.get(service).map(|code| code.source)
    }
}

impl Inner {
    async fn apply(&mut self, names: Vec<String>) -> FamilyOutcome {
        let changes = names
            .into_iter()
            .map(|name| {
                let desired = self.desired(&name);
                (name, desired)
            })
            .collect();
        self.family.apply(changes).await
    }

    fn desired(&self, name: &str) -> Option<Desired> {
        let code = self.code.get(name)?;
        let Configured { settings, active } =
            self.configured.get(name).cloned().unwrap_or_default();
        Some(Desired {
            runner: Arc::clone(&code.runner),
            settings,
            active,
        })
    }
}
