//! One pass: read what changed, bring the families there.

use std::collections::HashSet;
use std::sync::Arc;

use busker_kit::Supervisor;
use busker_model::event::Severity;
use busker_model::{ActorState, Family, Fault};
use busker_odb::Changes;
use busker_odb::objects::Change;
use serde_json::{Map, json};
use tokio::sync::watch;

use crate::actor::Parts;
use crate::channels::Channels;
use crate::jobs::Jobs;
use crate::outgoing::Connections;
use crate::security::{Secured, Security};
use crate::services::ServiceChanges;

/// What reconcile knows between passes.
#[derive(Debug)]
pub(crate) struct Passes {
    parts: Parts,
    channels: Channels,
    connections: Connections,
    jobs: Jobs,
    security: Security,
    /// Changes when services come or go.
    services: watch::Receiver<u64>,
    revision: i64,
}

impl Passes {
    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            channels: Channels::new(
                parts.channels.clone(),
                &parts.mount,
                Arc::clone(&parts.tokens),
            ),
            connections: Connections::new(parts.connections.clone(), &parts.outgoing),
            jobs: Jobs::new(parts.jobs.clone(), &parts.scheduler),
            security: Security::new(Arc::clone(&parts.tokens)),
            services: parts.directory.subscribe(),
            revision: 0,
            parts,
        }
    }

    pub(crate) async fn pass(&mut self) -> Result<(), Fault> {
        let objects = self.parts.odb.objects();
        let changes = objects.changes_since(self.revision).await?;
        let mut touched = HashSet::new();
        if !changes.changes.is_empty() || changes.complete {
            touched = self.take(&changes).await;
        }
        self.revision = changes.revision;
        // Looking at 100,000 channels takes a while: only when services came or went.
        let services_changed = self.services.has_changed().unwrap_or(true);
        self.services.mark_unchanged();
        if services_changed || changes.complete {
            self.channels.show_services(&self.parts.directory);
        } else {
            self.channels
                .show_services_of(&touched, &self.parts.directory);
        }
        self.parts.revision.send_replace(changes.revision);
        Ok(())
    }

    /// Takes changes in; answers the channels they touch.
    async fn take(&mut self, changes: &Changes) -> HashSet<String> {
        let (mut channels, mut connections) = (HashSet::new(), HashSet::new());
        let (mut services, mut definitions) = (ServiceChanges::default(), HashSet::new());
        let mut jobs = HashSet::new();
        if changes.complete {
            channels = self.channels.forget();
            connections = self.connections.forget();
            jobs = self.jobs.forget();
            self.security.clear();
            self.parts.known.clear();
        }
        for change in &changes.changes {
            let (key, object) = (&change.key, change.object.as_ref());
            match key.family {
                Family::Channel => drop(channels.insert(self.channels.take(key, object))),
                Family::Outgoing => {
                    self.connections.take(key, object);
                    connections.insert(key.clone());
                }
                Family::Security => {
                    self.security.take(&self.parts.odb, key, object);
                    let secured = self.security.get(&key.name);
                    self.parts.known.set(key, secured.map(Secured::guard));
                    definitions.insert(key.name.clone());
                }
                Family::Service => services.take(key, object),
                Family::Job => jobs.extend(self.jobs.take(key, object)),
                // This family has no actors of its own yet.
                Family::Definition => {}
            }
            if !changes.complete {
                self.tell(change);
            }
        }
        channels.extend(self.channels.secured_by(&definitions));
        connections.extend(self.connections.secured_by(&definitions));
        // In the order of the tree: nothing enters before there is a way out.
        self.connections.apply(connections, &self.security).await;
        services.apply(&self.parts.services, changes.complete).await;
        self.channels.apply(&channels, &self.security).await;
        self.jobs.apply(&jobs, changes.complete).await;
        channels
    }

    fn tell(&self, change: &Change) {
        let key = &change.key;
        let done = if change.object.is_some() {
            "changed"
        } else {
            "removed"
        };
        let revision = change.object.as_ref().map(|object| object.revision);
        let mut fields = Map::new();
        fields.insert("family".to_owned(), json!(key.family));
        fields.insert("group".to_owned(), json!(key.group));
        fields.insert("name".to_owned(), json!(key.name));
        fields.insert("revision".to_owned(), json!(revision));
        let message = format!("{key} was {done}");
        self.parts
            .events
            .tell(Severity::Info, "object-changed", message, fields);
    }

    /// Starts parked actors again: what kept them down may be gone.
    pub(crate) async fn revive(&self) {
        for family in [
            &self.parts.connections,
            &self.parts.channels,
            &self.parts.jobs,
        ] {
            revive(family).await;
        }
    }
}

async fn revive(family: &Supervisor) {
    let children = family.children().await;
    let parked = children
        .into_iter()
        .filter(|child| child.state == ActorState::Parked);
    for child in parked {
        if let Err(error) = family.restart_child(child.path.name()).await {
            tracing::warn!("{} stays parked: {error}", child.path);
        }
    }
}
