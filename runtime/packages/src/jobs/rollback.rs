//! Rollback: an older package runs again, as a new generation of its name.

use busker_model::{ErrorClass, Fault};
use busker_odb::packages::{Package, PackageState};

use crate::packages::{Deployed, is_rejection};
use crate::reports;
use crate::stage::Standing;
use crate::work::Work;

impl Work {
    /// Goes back to an older package of a name.
    pub(super) async fn rollback(
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
