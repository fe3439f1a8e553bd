//! Outgoing connections: from objects to the actors that own them.

use std::collections::{HashMap, HashSet};

use busker_kit::Supervisor;
use busker_model::{Object, ObjectKey};
use busker_outgoing::{Outgoing, OutgoingDesired, OutgoingFamily};

use crate::security::Security;

#[derive(Debug)]
pub(crate) struct Connections {
    family: OutgoingFamily,
    objects: HashMap<ObjectKey, Object>,
}

impl Connections {
    pub(crate) fn new(supervisor: Supervisor, outgoing: &Outgoing) -> Self {
        Self {
            family: OutgoingFamily::new(supervisor, outgoing.clone()),
            objects: HashMap::new(),
        }
    }

    /// Keys of all connections, for a pass that learns of everything anew.
    pub(crate) fn forget(&mut self) -> HashSet<ObjectKey> {
        self.objects.drain().map(|(key, _)| key).collect()
    }

    /// Takes one change in.
    pub(crate) fn take(&mut self, key: &ObjectKey, object: Option<&Object>) {
        match object {
            Some(object) => drop(self.objects.insert(key.clone(), object.clone())),
            None => drop(self.objects.remove(key)),
        }
    }

    /// Connections that name one of these security definitions.
    pub(crate) fn secured_by(&self, definitions: &HashSet<String>) -> Vec<ObjectKey> {
        // Most passes are about none of them, and there may be 100,000 objects to look at.
        if definitions.is_empty() {
            return Vec::new();
        }
        let named = |object: &Object| {
            let security = object.settings["security"].as_str();
            security.is_some_and(|security| definitions.contains(security))
        };
        let found = self.objects.iter().filter(|(_, object)| named(object));
        found.map(|(key, _)| key.clone()).collect()
    }

    /// Brings the actors of these keys to what their objects say.
    pub(crate) async fn apply(&mut self, keys: HashSet<ObjectKey>, security: &Security) {
        let changes = keys
            .into_iter()
            .map(|key| {
                let wanted = self.objects.get(&key).map(|object| {
                    let named = object.settings["security"].as_str();
                    let secured = named.and_then(|name| security.get(name));
                    OutgoingDesired {
                        object: object.clone(),
                        credentials: secured.and_then(|secured| secured.credentials.clone()),
                        needs_secret: named.is_some_and(|name| security.lacks_secret(name)),
                    }
                });
                (key, wanted)
            })
            .collect();
        for (name, reason) in self.family.apply(changes).await.failed {
            tracing::error!("outgoing connection {name} could not be started: {reason}");
        }
    }
}
