//! Channels: from objects to the actors that mount them.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering::Relaxed;

use busker_channels::{Desired, Mount, Route, channel};
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
    /// Objects as last read, by child name.
    objects: HashMap<String, Object>,
}

impl Channels {
    pub(crate) fn new(supervisor: Supervisor, mount: &Mount) -> Self {
        let mounted = mount.clone();
        let make = move |name: &str, desired: &Desired| channel::spec(name, desired, &mounted);
        Self {
            family: Family::new(supervisor, make),
            mount: mount.clone(),
            objects: HashMap::new(),
        }
    }

    /// Names of all children, for a pass that learns of everything anew.
    pub(crate) fn forget(&mut self) -> HashSet<String> {
        self.objects.drain().map(|(name, _)| name).collect()
    }

    /// Takes one change in; answers the name of the child it is about.
    pub(crate) fn take(&mut self, key: &ObjectKey, object: Option<&Object>) -> String {
        let name = format!("{}:{}", key.group, key.name);
        match object {
            Some(object) => drop(self.objects.insert(name.clone(), object.clone())),
            None => drop(self.objects.remove(&name)),
        }
        name
    }

    /// Children that name one of these security definitions.
    pub(crate) fn secured_by(&self, definitions: &HashSet<String>) -> Vec<String> {
        // Most passes are about none of them, and there may be 100,000 objects to look at.
        if definitions.is_empty() {
            return Vec::new();
        }
        let named = |object: &Object| {
            let security = object.settings["security"].as_str();
            security.is_some_and(|security| definitions.contains(security))
        };
        let found = self.objects.iter().filter(|(_, object)| named(object));
        found.map(|(name, _)| name.clone()).collect()
    }

    /// Brings the actors of these names to what their objects say.
    pub(crate) async fn apply(&mut self, names: &HashSet<String>, security: &Security) {
        let changes = names
            .iter()
            .map(|name| {
                let object = self.objects.get(name);
                let desired = object.and_then(|object| desired(object, security));
                (name.clone(), desired)
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
        let objects = names.iter().filter_map(|name| self.objects.get(name));
        for path in objects.filter_map(|object| object.settings["url_path"].as_str()) {
            for route in self.mount.at(path) {
                show(&route, directory);
            }
        }
    }
}

/// The channel an object asks for. One whose security definition is missing or inactive must not run open, so it is
/// closed instead.
fn desired(object: &Object, security: &Security) -> Option<Desired> {
    let settings = match ChannelSettings::read(&object.settings) {
        Ok(settings) => settings,
        Err(faults) => {
            let name = &object.key.name;
            tracing::error!("channel {name:?} has settings this version refuses: {faults:?}");
            return None;
        }
    };
    let secured = settings.security.as_ref().map(|name| security.get(name));
    let (definition, active, revision) = match secured {
        None => (None, object.active, object.revision),
        Some(None) => (None, false, object.revision),
        Some(Some(secured)) => (
            Some(secured.definition.clone()),
            object.active,
            object.revision.max(secured.revision),
        ),
    };
    Some(Desired {
        name: object.key.name.clone(),
        settings,
        security: definition,
        active,
        revision,
    })
}

fn show(route: &Route, directory: &Directory) {
    let seat = &route.seat;
    let has_service = directory.get(route.service.as_str()).is_some();
    if has_service {
        route.had_service.store(true, Relaxed);
    }
    let (state, note) = match (route.active, has_service) {
        (false, _) => (ActorState::Degraded, Some("inactive")),
        (true, true) => (ActorState::Running, None),
        (true, false) if route.had_service.load(Relaxed) => (ActorState::Degraded, Some(MISSING)),
        (true, false) => (ActorState::Degraded, Some(WAITING)),
    };
    seat.state(state, note);
}
