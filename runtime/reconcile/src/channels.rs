//! Channels: from objects to the actors that mount them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use busker_channels::{Desired, Limiter, Mount, Route, Shut, TokenSource, channel};
use busker_connector_http::ChannelSettings;
use busker_kit::{Family, Supervisor};
use busker_model::{ActorState, Object, ObjectKey};
use busker_services::Directory;

use crate::security::Security;

/// Shown by a channel whose service has not come yet.
const WAITING: &str = "waiting-for-service";
/// Shown by a channel whose service was there and is gone.
const MISSING: &str = "missing-service";

#[derive(Debug)]
pub(crate) struct Channels {
    family: Family<Desired>,
    mount: Mount,
    /// Channels as last read, by child name.
    kept: HashMap<String, Kept>,
    tokens: Arc<dyn TokenSource>,
}

/// What is kept of a channel's object.
#[derive(Debug)]
struct Kept {
    name: String,
    /// Bounds its requests per time.
    limiter: Option<Arc<Limiter>>,
    settings: Arc<ChannelSettings>,
    active: bool,
    revision: i64,
}

impl Channels {
    pub(crate) fn new(supervisor: Supervisor, mount: &Mount, tokens: Arc<dyn TokenSource>) -> Self {
        let mounted = mount.clone();
        let make = move |name: &str, desired: &Desired| channel::spec(name, desired, &mounted);
        Self {
            family: Family::new(supervisor, make),
            mount: mount.clone(),
            kept: HashMap::new(),
            tokens,
        }
    }

    /// Names of all children, for a pass that learns of everything anew.
    pub(crate) fn forget(&mut self) -> HashSet<String> {
        self.kept.drain().map(|(name, _)| name).collect()
    }

    /// Takes one change in; answers the name of the child it is about.
    pub(crate) fn take(&mut self, key: &ObjectKey, object: Option<&Object>) -> String {
        let name = format!("{}:{}", key.group, key.name);
        let before = self.kept.remove(&name).and_then(|kept| kept.limiter);
        if let Some(mut kept) = object.and_then(Kept::read) {
            let limit = kept.settings.rate_limit;
            kept.limiter = limit
                .map(|limit| Limiter::of(before, format!("channel:{name}"), limit, &self.tokens));
            self.kept.insert(name.clone(), kept);
        }
        name
    }

    /// Children that name one of these security definitions.
    pub(crate) fn secured_by(&self, definitions: &HashSet<String>) -> Vec<String> {
        // Most passes are about none of them, and there may be 100,000 objects to look at.
        if definitions.is_empty() {
            return Vec::new();
        }
        let named = |kept: &Kept| {
            let security = kept.settings.security.as_ref();
            security.is_some_and(|security| definitions.contains(security))
        };
        let found = self.kept.iter().filter(|(_, kept)| named(kept));
        found.map(|(name, _)| name.clone()).collect()
    }

    /// Brings the actors of these names to what their objects say.
    pub(crate) async fn apply(&mut self, names: &HashSet<String>, security: &Security) {
        let changes = names
            .iter()
            .map(|name| {
                let kept = self.kept.get(name);
                (name.clone(), kept.map(|kept| kept.desired(security)))
            })
            .collect();
        for (name, reason) in self.family.apply(changes).await.failed {
            tracing::error!("channel {name} could not be started: {reason}");
        }
    }

    /// A channel may name a service that is not there yet; it shows so, and answers 503 until it is.
    pub(crate) fn show_services(&self, directory: &Directory) {
        for route in self.mount.all() {
            show(&route, directory);
        }
    }

    /// The same for the channels of these names.
    pub(crate) fn show_services_of(&self, names: &HashSet<String>, directory: &Directory) {
        for kept in names.iter().filter_map(|name| self.kept.get(name)) {
            for route in self.mount.at(&kept.settings.url_path) {
                show(&route, directory);
            }
        }
    }
}

impl Kept {
    /// What an object says; `None` when this version refuses its settings.
    fn read(object: &Object) -> Option<Self> {
        let name = &object.key.name;
        match ChannelSettings::read(&object.settings) {
            Ok(settings) => Some(Self {
                name: name.clone(),
                limiter: None,
                settings: Arc::new(settings),
                active: object.active,
                revision: object.revision,
            }),
            Err(faults) => {
                tracing::error!("channel {name:?} has settings this version refuses: {faults:?}");
                None
            }
        }
    }

    /// The channel it asks for. One whose security definition is missing or inactive must not run open, so it is closed
    /// instead.
    fn desired(&self, security: &Security) -> Desired {
        let secured = self
            .settings
            .security
            .as_ref()
            .map(|name| security.get(name).ok_or_else(|| security.shut(name)));
        let inactive = (!self.active).then_some(Shut::Inactive);
        let (definition, shut, revision) = match secured {
            None => (None, inactive, self.revision),
            Some(Err(shut)) => (None, inactive.or(Some(shut)), self.revision),
            Some(Ok(secured)) => (
                Some(secured.definition.clone()),
                inactive,
                self.revision.max(secured.revision),
            ),
        };
        let of_definition = secured
            .and_then(Result::ok)
            .and_then(|secured| secured.limiter.clone());
        Desired {
            limiters: of_definition
                .into_iter()
                .chain(self.limiter.clone())
                .collect(),
            name: self.name.clone(),
            settings: Arc::clone(&self.settings),
            security: definition,
            shut,
            revision,
        }
    }
}

fn show(route: &Route, directory: &Directory) {
    let seat = &route.seat;
    let has_service = directory.get(route.service.as_str()).is_some();
    if has_service {
        route.had_service.store(true, Relaxed);
    }
    let (state, note) = match (route.shut, has_service) {
        (Some(shut), _) => (ActorState::Degraded, Some(shut.code())),
        (None, true) => (ActorState::Running, None),
        (None, false) if route.had_service.load(Relaxed) => (ActorState::Degraded, Some(MISSING)),
        (None, false) => (ActorState::Degraded, Some(WAITING)),
    };
    seat.state(state, note);
}
