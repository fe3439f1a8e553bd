//! Jobs: from objects to the actors that fire them.

use std::collections::{HashMap, HashSet};

use busker_kit::{Family, Supervisor};
use busker_model::{Object, ObjectKey};
use busker_scheduler::{Desired, JobDesired, Scheduler};

#[derive(Debug)]
pub(crate) struct Jobs {
    family: Family<Desired>,
    /// Objects as last read, by child name.
    objects: HashMap<String, Object>,
    /// Child names by name of the job: a deletion does not say of which kind it was.
    children: HashMap<String, String>,
}

impl Jobs {
    pub(crate) fn new(supervisor: Supervisor, scheduler: &Scheduler) -> Self {
        let scheduler = scheduler.clone();
        let make = move |name: &str, desired: &Desired| scheduler.spec(name, desired);
        Self {
            family: Family::new(supervisor, make),
            objects: HashMap::new(),
            children: HashMap::new(),
        }
    }

    /// Names of all children, for a pass that learns of everything anew.
    pub(crate) fn forget(&mut self) -> HashSet<String> {
        self.children.clear();
        self.objects.drain().map(|(name, _)| name).collect()
    }

    /// Takes one change in; answers the names of the children it is about.
    pub(crate) fn take(&mut self, key: &ObjectKey, object: Option<&Object>) -> Vec<String> {
        let mut touched: Vec<String> = self.children.remove(&key.name).into_iter().collect();
        for name in &touched {
            self.objects.remove(name);
        }
        if let Some(object) = object {
            let child = format!("{}:{}", object.kind, key.name);
            self.objects.insert(child.clone(), object.clone());
            self.children.insert(key.name.clone(), child.clone());
            touched.push(child);
        }
        touched
    }

    /// Brings the actors of these names to what their objects say; the role is there before the first of them.
    pub(crate) async fn apply(&mut self, names: &HashSet<String>, complete: bool) {
        if names.is_empty() && !complete {
            return;
        }
        let role = (Scheduler::ROLE.to_owned(), Some(Desired::Role));
        let jobs = names
            .iter()
            .map(|name| (name.clone(), self.objects.get(name).and_then(desired)));
        let changes = std::iter::once(role).chain(jobs).collect();
        for (name, reason) in self.family.apply(changes).await.failed {
            tracing::error!("job {name} could not be started: {reason}");
        }
    }
}

fn desired(object: &Object) -> Option<Desired> {
    match JobDesired::of(object) {
        Ok(job) => Some(Desired::Job(Box::new(job))),
        Err(fault) => {
            let name = &object.key.name;
            tracing::error!("job {name:?} has settings this version refuses: {fault:?}");
            None
        }
    }
}
