//! The family of outgoing connections: what reconcile fills.

use busker_connector::Kind;
use busker_connector_http::{Credentials, OutgoingSettings};
use busker_kit::{Family, FamilyOutcome, Supervisor};
use busker_model::object::Violation;
use busker_model::{Object, ObjectKey};

use crate::connection_actor::{Desired, spec};
use crate::outgoing::Outgoing;

/// A connection as it is configured.
#[derive(Debug, Clone, PartialEq)]
pub struct OutgoingDesired {
    /// The object.
    pub object: Object,
    /// Credentials of the security definition it names; `None` when it names none, or that one is missing or inactive.
    pub credentials: Option<Credentials>,
    /// Whether that definition is there and only lacks its secret.
    pub needs_secret: bool,
}

/// All outgoing connections under their supervisor. Children are named `plain_http:crm` or `soap:crm`.
#[derive(Debug)]
pub struct OutgoingFamily(Family<Desired>);

impl OutgoingFamily {
    /// An empty family whose connections show up in `outgoing`.
    #[must_use]
    pub fn new(supervisor: Supervisor, outgoing: Outgoing) -> Self {
        Self(Family::new(supervisor, move |child, desired| {
            spec(child, desired, &outgoing)
        }))
    }

    /// Applies changes: `Some` is the connection as it should be, `None` that it should not. One whose settings this
    /// version refuses is stopped and listed as failed.
    pub async fn apply(
        &mut self,
        changes: Vec<(ObjectKey, Option<OutgoingDesired>)>,
    ) -> FamilyOutcome {
        let mut refused = Vec::new();
        let mut read = Vec::with_capacity(changes.len());
        for (key, wanted) in changes {
            let child = format!("{}:{}", key.group, key.name);
            let desired = wanted.and_then(|wanted| match desired(wanted) {
                Ok(desired) => Some(desired),
                Err(faults) => {
                    refused.push((child.clone(), words(&faults)));
                    None
                }
            });
            read.push((child, desired));
        }
        let mut outcome = self.0.apply(read).await;
        outcome.failed.extend(refused);
        outcome
    }
}

fn desired(wanted: OutgoingDesired) -> Result<Desired, Vec<Violation>> {
    let settings: OutgoingSettings = Kind::read(&wanted.object.settings)?;
    Ok(Desired {
        name: wanted.object.key.name,
        settings,
        credentials: wanted.credentials,
        needs_secret: wanted.needs_secret,
        active: wanted.object.active,
    })
}

fn words(faults: &[Violation]) -> String {
    let all: Vec<String> = faults.iter().map(ToString::to_string).collect();
    format!("its settings are refused: {}", all.join("; "))
}
