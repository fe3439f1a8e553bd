//! Deploy, delete and rollback, each from the order to the answer. They are done one at a time.

use std::sync::Arc;

use busker_model::{ErrorClass, Fault};
use busker_odb::packages::{PACKAGE_BYTES, Package, PackageState, PackageWrite};
use bytes::Bytes;
use tokio::sync::oneshot;

use crate::archive::{Content, unpack};
use crate::candidate::{PROVISIONAL_ID, kind_of, services_of, verify};
use crate::packages::{Deployed, is_rejection};
use crate::reports;
use crate::stage::{Standing, Version, Versions};
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

    async fn delete(&mut self, service: &str, who: &str) -> Result<Deployed, Fault> {
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

    async fn rollback(
        &mut self,
        name: &str,
        to: Option<i64>,
        who: &str,
    ) -> Result<Deployed, Fault> {
        let odb = self.shared.parts.odb.clone();
        let history = odb.packages().history(name).await?;
        let before = history
            .iter()
            .find(|package| package.state == PackageState::Active);
        let target = target(name, &history, before, to)?;
        let inserted = odb.packages().reinstate(target.id, who).await?;
        let package = inserted.package;
        if !inserted.fresh {
            return self.unchanged(&package).await;
        }
        let (old, id) = (target.id, package.id);
        tracing::info!(
            "Rolled back package id:[{id}], payload_name:[{name}] to what id:[{old}] was"
        );
        self.pass().await;
        match self.landed(&package) {
            Ok(deployed) => {
                let events = &self.shared.parts.events;
                reports::changed(
                    events,
                    "package-rolled-back",
                    "rolled back",
                    (&package, who),
                );
                Ok(deployed)
            }
            Err(fault) if matches!(self.standing(&package), Standing::Failed(_)) => {
                Err(self.put_back((name, who), before, fault).await)
            }
            Err(fault) => Err(fault),
        }
    }

    /// The cluster is not left on a package that cannot be loaded.
    async fn put_back(
        &mut self,
        (name, who): (&str, &str),
        before: Option<&Package>,
        mut fault: Fault,
    ) -> Fault {
        let odb = self.shared.parts.odb.clone();
        let back = match before {
            Some(package) => odb.packages().reinstate(package.id, who).await.map(drop),
            None => odb.packages().withdraw(name).await,
        };
        self.pass().await;
        let then = match back {
            Ok(()) => "what was active before is active again".to_owned(),
            Err(error) => format!("and what was active before could not be put back: {error}"),
        };
        fault.message = format!("{name} was not rolled back, {then}: {}", fault.message).into();
        if is_rejection(&fault) {
            fault.class = ErrorClass::Conflict;
        }
        fault
    }
}

/// The package to go back to.
fn target<'a>(
    name: &str,
    history: &'a [Package],
    active: Option<&Package>,
    to: Option<i64>,
) -> Result<&'a Package, Fault> {
    if history.is_empty() {
        return Err(Fault::not_found(format!(
            "there is no package {name:?}: give the name of the file that was deployed, such as stockmarket.py"
        )));
    }
    let older =
        |package: &&Package| active.is_none_or(|active| package.generation < active.generation);
    let found = match to {
        Some(id) => history.iter().find(|package| package.id == id),
        None => history.iter().find(older),
    };
    let Some(found) = found else {
        let kept: Vec<String> = history
            .iter()
            .map(|package| package.id.to_string())
            .collect();
        let what = to.map_or_else(|| "an older one".to_owned(), |id| format!("package {id}"));
        return Err(Fault::not_found(format!(
            "{name} has no {what} to go back to; kept are the packages {}",
            kept.join(", ")
        )));
    };
    if active.is_some_and(|active| active.id == found.id) {
        let id = found.id;
        return Err(Fault::new(
            ErrorClass::Conflict,
            format!("package {id} of {name} is active already"),
        ));
    }
    Ok(found)
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
