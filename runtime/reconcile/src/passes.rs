//! One pass: read what changed, bring the families there.

use std::collections::HashMap;

use busker_channels::{Desired, Route, channel};
use busker_connector_http::ChannelSettings;
use busker_kit::Family as Children;
use busker_model::{ActorState, Family, Fault, Object};
use busker_odb::Changes;
use busker_security::{BasicAuthSettings, Definition, PreparedBasic};
use serde_json::Value;

use crate::actor::Parts;

/// What reconcile knows between passes.
#[derive(Debug)]
pub(crate) struct Passes {
    parts: Parts,
    channels: Children<Desired>,
    /// Channel objects as last read, by child name.
    objects: HashMap<String, Object>,
    /// Security definitions by name, with the revision they were made at.
    security: HashMap<String, (i64, Definition)>,
    revision: i64,
}

impl Passes {
    pub(crate) fn new(parts: Parts) -> Self {
        let mount = parts.mount.clone();
        let make = move |name: &str, desired: &Desired| channel::spec(name, desired, &mount);
        let channels = Children::new(parts.channels.clone(), make);
        Self {
            parts,
            channels,
            objects: HashMap::new(),
            security: HashMap::new(),
            revision: 0,
        }
    }

    pub(crate) async fn pass(&mut self) -> Result<(), Fault> {
        let changes = self
            .parts
            .odb
            .objects()
            .changes_since(self.revision)
            .await?;
        if !changes.changes.is_empty() || changes.complete {
            self.take(&changes).await?;
        }
        self.revision = changes.revision;
        self.parts.revision.send_replace(changes.revision);
        self.show_waiting();
        Ok(())
    }

    async fn take(&mut self, changes: &Changes) -> Result<(), Fault> {
        if changes.complete {
            self.objects.clear();
            self.security.clear();
        }
        let mut touched = changes.complete;
        let mut names = Vec::new();
        for change in &changes.changes {
            match change.key.family {
                Family::Channel => {
                    let name = child_name(&change.key.group, &change.key.name);
                    match &change.object {
                        Some(object) => self.objects.insert(name.clone(), object.clone()),
                        None => self.objects.remove(&name),
                    };
                    names.push(name);
                }
                Family::Security => {
                    touched = true;
                    match &change.object {
                        Some(object) => self.prepare_security(object)?,
                        None => drop(self.security.remove(&change.key.name)),
                    }
                }
                // These families have no actors of their own yet.
                Family::Outgoing | Family::Definition | Family::Job | Family::Service => {}
            }
        }
        let outcome = if touched {
            let all = self.objects.iter();
            let desired = all
                .filter_map(|(name, object)| Some((name.clone(), self.desired(object)?)))
                .collect();
            self.channels.reset(desired).await
        } else {
            let desired = names.into_iter().map(|name| {
                let desired = self
                    .objects
                    .get(&name)
                    .and_then(|object| self.desired(object));
                (name, desired)
            });
            let desired = desired.collect();
            self.channels.apply(desired).await
        };
        for (name, reason) in outcome.failed {
            tracing::error!("channel {name} could not be started: {reason}");
        }
        Ok(())
    }

    fn prepare_security(&mut self, object: &Object) -> Result<(), Fault> {
        let password = self.parts.odb.objects().reveal(object, "password")?;
        let text = |field: &str| {
            object
                .settings
                .get(field)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let Some(password) = password.filter(|_| object.active) else {
            self.security.remove(&object.key.name);
            return Ok(());
        };
        let settings = BasicAuthSettings {
            username: text("username"),
            realm: text("realm"),
            password,
        };
        let prepared = PreparedBasic::new(&object.key.name, &settings)?;
        self.security.insert(
            object.key.name.clone(),
            (object.revision, Definition::BasicAuth(prepared)),
        );
        Ok(())
    }

    /// The channel an object asks for. One whose security definition is missing or inactive must not run open, so it
    /// is closed instead.
    fn desired(&self, object: &Object) -> Option<Desired> {
        let settings = match ChannelSettings::read(&object.settings) {
            Ok(settings) => settings,
            Err(faults) => {
                tracing::error!(
                    "channel {:?} has settings this version refuses: {faults:?}",
                    object.key.name
                );
                return None;
            }
        };
        let named = settings
            .security
            .as_ref()
            .map(|name| self.security.get(name));
        let (security, active, revision) = match named {
            None => (None, object.active, object.revision),
            Some(None) => (None, false, object.revision),
            Some(Some((revision, definition))) => (
                Some(definition.clone()),
                object.active,
                object.revision.max(*revision),
            ),
        };
        Some(Desired {
            name: object.key.name.clone(),
            settings,
            security,
            active,
            revision,
        })
    }

    /// A channel may name a service that is not there yet; it shows so, and answers 503 until it is.
    fn show_waiting(&self) {
        for route in self.parts.mount.all() {
            show(
                &route,
                self.parts.directory.get(route.service.as_str()).is_some(),
            );
        }
    }
}

fn show(route: &Route, has_service: bool) {
    match (route.active, has_service) {
        (false, _) => route.seat.state(ActorState::Degraded, Some("inactive")),
        (true, false) => route
            .seat
            .state(ActorState::Degraded, Some("waiting-for-service")),
        (true, true) => route.seat.state(ActorState::Running, None),
    }
}

fn child_name(group: &str, name: &str) -> String {
    format!("{group}:{name}")
}
