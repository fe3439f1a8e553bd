//! What operators set for services; the services themselves come from the node and its packages.

use std::collections::HashMap;

use busker_model::service::ServiceSettings;
use busker_model::{Object, ObjectKey};
use busker_services::{Configured, ServiceFamily};

/// Changes of one pass, by service.
#[derive(Debug, Default)]
pub(crate) struct ServiceChanges(HashMap<String, Option<Configured>>);

impl ServiceChanges {
    /// Takes one change in.
    pub(crate) fn take(&mut self, key: &ObjectKey, object: Option<&Object>) {
        let configured = object.and_then(configured);
        self.0.insert(key.name.clone(), configured);
    }

    /// Sets them. When they are `complete`, what was set before and is not among them gets its own limits back, and
    /// services that went down with their supervisor come up again.
    pub(crate) async fn apply(mut self, services: &ServiceFamily, complete: bool) {
        if complete {
            for name in services.configured().await {
                self.0.entry(name).or_insert(None);
            }
        } else if self.0.is_empty() {
            return;
        }
        for (name, reason) in services
            .configure(self.0.into_iter().collect())
            .await
            .failed
        {
            tracing::error!("service {name} could not be set: {reason}");
        }
    }
}

fn configured(object: &Object) -> Option<Configured> {
    let read: Result<ServiceSettings, _> = serde_json::from_value(object.settings.clone());
    match read {
        Ok(settings) => Some(Configured {
            settings,
            active: object.active,
        }),
        Err(error) => {
            let name = &object.key.name;
            tracing::error!("service {name:?} has settings this version refuses: {error}");
            None
        }
    }
}
