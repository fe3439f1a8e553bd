//! Security definitions as channels and outgoing connections use them.

use std::collections::HashMap;

use busker_connector_http::Credentials;
use busker_model::{Fault, Object, ObjectKey};
use busker_odb::Odb;
use busker_security::{BasicAuthSettings, Definition, PreparedBasic};
use serde_json::Value;

/// A definition that may be used.
#[derive(Debug, Clone)]
pub(crate) struct Secured {
    /// Revision it was made at.
    pub(crate) revision: i64,
    /// For requests that come in.
    pub(crate) definition: Definition,
    /// For requests that go out.
    pub(crate) credentials: Credentials,
}

/// Definitions by name. One that is inactive, or cannot be opened, is not there: what names it is closed.
#[derive(Debug, Default)]
pub(crate) struct Security(HashMap<String, Secured>);

impl Security {
    pub(crate) fn get(&self, name: &str) -> Option<&Secured> {
        self.0.get(name)
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn take(&mut self, odb: &Odb, key: &ObjectKey, object: Option<&Object>) {
        match object
            .filter(|object| object.active)
            .map(|object| secured(odb, object))
        {
            Some(Ok(secured)) => drop(self.0.insert(key.name.clone(), secured)),
            Some(Err(fault)) => {
                tracing::error!("{key} cannot be used, so what names it is closed: {fault:?}");
                self.0.remove(&key.name);
            }
            None => drop(self.0.remove(&key.name)),
        }
    }
}

fn secured(odb: &Odb, object: &Object) -> Result<Secured, Fault> {
    let password = odb
        .objects()
        .reveal(object, "password")?
        .ok_or_else(|| Fault::invalid("it has no password yet; use its change-password"))?;
    let text = |field: &str| {
        let value = object.settings.get(field).and_then(Value::as_str);
        value.unwrap_or_default().to_owned()
    };
    let settings = BasicAuthSettings {
        username: text("username"),
        realm: text("realm"),
        password: password.clone(),
    };
    let prepared = PreparedBasic::new(&object.key.name, &settings)?;
    Ok(Secured {
        revision: object.revision,
        definition: Definition::BasicAuth(prepared),
        credentials: Credentials {
            username: settings.username,
            password,
        },
    })
}
