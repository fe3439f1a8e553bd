//! Deploy, delete and rollback, each from the order to the answer. They are done one at a time.

mod delete;
mod rollback;

use std::sync::Arc;

use busker_model::{ErrorClass, Fault};
use busker_odb::packages::{PACKAGE_BYTES, Package, PackageState, PackageWrite};
use bytes::Bytes;
use tokio::sync::oneshot;

use crate::archive::{Content, unpack};
use crate::candidate::{PROVISIONAL_ID, kind_of, services_of, verify};
use crate::packages::Deployed;
use crate::reports;
use crate::stage::{Standing, Version};
use crate::work::Work;

/// What is asked of the deployer.
#[derive(Debug)]
pub(crate) enum What {
    Deploy { name: String, bytes: Bytes },
    Delete { service: String },
    Rollback { name: String, to: Option<i64> },
}

/// One order, who gave it, and where the answer goes.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) what: What,
    pub(crate) who: String,
    pub(crate) reply: oneshot::Sender<Result<Deployed, Fault>>,
}

impl Work {
    /// Does what was ordered and answers.
    pub(crate) async fn fulfil(&mut self, order: Order) {
        let Order { what, who, reply } = order;
        let outcome = match what {
            What::Deploy { name, bytes } => self.deploy(name, bytes, &who).await,
            What::Delete { service } => self.delete(&service, &who).await,
            What::Rollback { name, to } => self.rollback(&name, to, &who).await,
        };
        if reply.send(outcome).is_err() {
            tracing::debug!("whoever gave an order no longer waits for its answer");
        }
    }

    async fn deploy(&mut self, name: String, bytes: Bytes, who: &str) -> Result<Deployed, Fault> {
        let kind = kind_of(&name)?;
        if bytes.len() > PACKAGE_BYTES {
            return Err(Fault::new(
                ErrorClass::TooLarge,
                format!(
                    "{name} has {} bytes, more than {PACKAGE_BYTES}: split it",
                    bytes.len()
                ),
            ));
        }
        let content = Arc::new(unpack(name.clone(), kind, bytes.clone()).await?);
        let odb = self.shared.parts.odb.clone();
        let active = odb.packages().active().await?;
        let same = |package: &&Package| package.name == name && package.sha256 == content.sha256;
        if let Some(package) = active.iter().find(same) {
            return self.unchanged(package).await;
        }
        let services = self.verified(&active, &content).await?;
        let write = PackageWrite {
            name: name.clone(),
            kind,
            payload: bytes.into(),
            services,
            uploaded_by: who.to_owned(),
        };
        let inserted = odb.packages().insert(write).await?;
        let package = inserted.package;
        if !inserted.fresh {
            return self.unchanged(&package).await;
        }
        tracing::info!(
            "Uploaded package id:[{}], payload_name:[{name}]",
            package.id
        );
        self.shelf.put(package.id, content);
        self.pass().await;
        let deployed = self.landed(&package)?;
        let events = &self.shared.parts.events;
        reports::changed(events, "package-deployed", "deployed", (&package, who));
        Ok(deployed)
    }

    /// The same bytes are active already. When this node does not serve them, it tries again: what they need may have been
    /// installed meanwhile.
    async fn unchanged(&mut self, package: &Package) -> Result<Deployed, Fault> {
        let (id, name) = (package.id, &package.name);
        tracing::info!(
            "Unchanged package id:[{id}], payload_name:[{name}]: the same bytes are active"
        );
        if !matches!(self.standing(package), Standing::Live) {
            for stage in &mut self.stages {
                stage.try_again();
            }
            self.pass().await;
        }
        self.landed(package)
    }

    /// The services a candidate defines, after it was imported together with all that is active.
    async fn verified(
        &mut self,
        active: &[Package],
        content: &Arc<Content>,
    ) -> Result<Vec<String>, Fault> {
        let name = &content.name;
        let Some(stage) = self.stages.iter().find(|stage| stage.takes(name)) else {
            return Err(Fault::invalid(format!(
                "no engine of this node takes {name}"
            )));
        };
        let parts = &self.shared.parts;
        let mut set = stage.base(active, &mut self.shelf, &parts.odb).await?;
        let candidate = Version {
            id: PROVISIONAL_ID,
            content: Arc::clone(content),
        };
        set.insert(name.clone(), candidate);
        let definitions = verify(stage, name, stage.files(&set)).await?;
        services_of(&definitions, (name, stage.engine.name()), &parts.services).await
    }

    /// The answer for a package that is stored: it serves here, or why it does not.
    fn landed(&self, package: &Package) -> Result<Deployed, Fault> {
        let fault = match self.standing(package) {
            Standing::Live => return Ok(deployed(package, PackageState::Active)),
            Standing::Failed(fault) => fault.clone(),
            Standing::Waiting => self.trouble().cloned().unwrap_or_else(|| {
                Fault::new(
                    ErrorClass::Conflict,
                    "another version was made active meanwhile",
                )
            }),
        };
        let (name, id) = (&package.name, package.id);
        let message =
            format!("{name} is stored as package {id}, but this node does not serve it: {fault}");
        Err(Fault {
            message: message.into(),
            ..fault
        })
    }
}

fn deployed(package: &Package, state: PackageState) -> Deployed {
    let state = match state {
        PackageState::Active => "active",
        PackageState::Replaced => "replaced",
        PackageState::Withdrawn => "withdrawn",
    };
    Deployed {
        package: package.id,
        name: package.name.clone(),
        generation: package.generation,
        state: state.to_owned(),
        services: package.services.clone(),
    }
}
