//! Delete: a package is withdrawn, unless others need it.

use busker_model::{ErrorClass, Fault};
use busker_odb::packages::{Package, PackageState};

use super::deployed;
use crate::packages::Deployed;
use crate::reports;
use crate::stage::{Standing, Versions};
use crate::work::Work;

impl Work {
    /// Withdraws the package that defines a service.
    pub(super) async fn delete(&mut self, service: &str, who: &str) -> Result<Deployed, Fault> {
        let odb = self.shared.parts.odb.clone();
        let active = odb.packages().active().await?;
        let defines = |package: &&Package| package.services.iter().any(|own| own == service);
        let Some(package) = active.iter().find(defines) else {
            return Err(self.not_deployed(service).await);
        };
        self.refuse_needed(package, &active).await?;
        odb.packages().withdraw(&package.name).await?;
        let (id, name) = (package.id, &package.name);
        tracing::info!("Withdrew package id:[{id}], payload_name:[{name}]");
        let events = self.shared.parts.events.clone();
        reports::changed(&events, "package-withdrawn", "withdrawn", (package, who));
        self.pass().await;
        match self.trouble() {
            Some(fault) if matches!(self.standing(package), Standing::Live) => {
                let message = format!(
                    "{name} is withdrawn, but this node serves it until it can load the others: {fault}"
                );
                Err(Fault {
                    message: message.into(),
                    ..fault.clone()
                })
            }
            Some(_) | None => Ok(deployed(package, PackageState::Withdrawn)),
        }
    }

    /// Why a service cannot be deleted when no package defines it.
    async fn not_deployed(&self, service: &str) -> Fault {
        let remedy = match self.shared.parts.services.owner(service).await {
            Some(owner) if self.stages.iter().any(|stage| stage.engine.name() == owner) => {
                "it comes from a static source: take that out of services.static_sources of this node"
            }
            Some(_) => "it is built into the node: set it inactive instead",
            None => "look at the list of services for its name",
        };
        Fault::not_found(format!(
            "no package defines the service {service:?}: {remedy}"
        ))
    }

    /// A package that others import is not taken from under them.
    async fn refuse_needed(&mut self, package: &Package, active: &[Package]) -> Result<(), Fault> {
        let name = &package.name;
        let Some(stage) = self.stages.iter().find(|stage| stage.takes(name)) else {
            return Ok(());
        };
        let odb = &self.shared.parts.odb;
        let mut set: Versions = stage.base(active, &mut self.shelf, odb).await?;
        set.remove(name);
        let files = stage.files(&set);
        if files.is_empty() {
            return Ok(());
        }
        match stage.engine.verify(files).await {
            Err(rejected) if rejected.package.is_some() => {
                let file = rejected.file.unwrap_or_default();
                let message = format!("{name} is needed by {file}: {}", rejected.fault.message);
                Err(Fault::new(ErrorClass::Conflict, message).code("in-use"))
            }
            // Without an engine nothing can be found out, and nothing runs that could break.
            Ok(_) | Err(_) => Ok(()),
        }
    }
}
