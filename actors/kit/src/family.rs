//! Keyed children under one supervisor: a desired set goes in; starts, replacements and stops come out.

use std::collections::HashMap;
use std::fmt;

use ractor::ActorId;

use crate::child::ChildSpec;
use crate::supervisor::Supervisor;

/// What a change did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FamilyOutcome {
    /// Children started.
    pub started: usize,
    /// Children replaced by a new one.
    pub replaced: usize,
    /// Children stopped.
    pub stopped: usize,
    /// Children that could not be started, with the reason; they are tried again with the next change to them.
    pub failed: Vec<(String, String)>,
}

type Make<D> = Box<dyn Fn(&str, &D) -> ChildSpec + Send + Sync>;

/// One family of children, such as all channels.
pub struct Family<D> {
    supervisor: Supervisor,
    make: Make<D>,
    running: HashMap<String, D>,
    /// The start of the supervisor that `running` is about.
    incarnation: Option<ActorId>,
}

impl<D> fmt::Debug for Family<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Family")
            .field("running", &self.running.len())
            .finish_non_exhaustive()
    }
}

/// What is to be done, by name.
#[derive(Debug, PartialEq, Eq)]
struct Plan<D> {
    start: Vec<(String, D)>,
    replace: Vec<(String, D)>,
    stop: Vec<String>,
}

impl<D: Clone + PartialEq> Family<D> {
    /// A family, empty.
    pub fn new(
        supervisor: Supervisor,
        make: impl Fn(&str, &D) -> ChildSpec + Send + Sync + 'static,
    ) -> Self {
        Self {
            supervisor,
            make: Box::new(make),
            running: HashMap::new(),
            incarnation: None,
        }
    }

    /// Applies changes: `Some` is the child as it should be, `None` that it should not.
    pub async fn apply(&mut self, changes: Vec<(String, Option<D>)>) -> FamilyOutcome {
        let changes = self.with_lost(changes);
        let plan = plan(&self.running, changes);
        let mut outcome = FamilyOutcome::default();
        if !plan.stop.is_empty() {
            for name in &plan.stop {
                self.running.remove(name);
            }
            outcome.stopped = self.supervisor.stop_children(plan.stop).await;
        }
        for (name, desired) in plan.replace {
            match self
                .supervisor
                .replace_child((self.make)(&name, &desired))
                .await
            {
                Ok(()) => {
                    outcome.replaced += 1;
                    self.running.insert(name, desired);
                }
                Err(error) => outcome.failed.push((name, error.to_string())),
            }
        }
        let specs = plan
            .start
            .iter()
            .map(|(name, desired)| (self.make)(name, desired))
            .collect();
        let started = self.supervisor.start_children(specs).await;
        for ((name, desired), result) in plan.start.into_iter().zip(started) {
            match result {
                Ok(()) => {
                    outcome.started += 1;
                    self.running.insert(name, desired);
                }
                Err(error) => outcome.failed.push((name, error.to_string())),
            }
        }
        outcome
    }

    /// When the supervisor was restarted, its children are gone: all of them are to be started again.
    fn with_lost(&mut self, changes: Vec<(String, Option<D>)>) -> Vec<(String, Option<D>)> {
        let now = self.supervisor.incarnation();
        if now.is_none() || now == self.incarnation {
            return changes;
        }
        self.incarnation = now;
        let lost = std::mem::take(&mut self.running);
        let again = lost.into_iter().map(|(name, old)| (name, Some(old)));
        again.chain(changes).collect()
    }

    /// Makes the family exactly this set.
    pub async fn reset(&mut self, desired: HashMap<String, D>) -> FamilyOutcome {
        let gone = self
            .running
            .keys()
            .filter(|name| !desired.contains_key(*name));
        let mut changes: Vec<_> = gone.map(|name| (name.clone(), None)).collect();
        changes.extend(
            desired
                .into_iter()
                .map(|(name, desired)| (name, Some(desired))),
        );
        self.apply(changes).await
    }

    /// The children as last desired.
    #[must_use]
    pub fn running(&self) -> &HashMap<String, D> {
        &self.running
    }
}

fn plan<D: Clone + PartialEq>(
    running: &HashMap<String, D>,
    changes: Vec<(String, Option<D>)>,
) -> Plan<D> {
    // The last word on a name counts.
    let last: indexmap::IndexMap<String, Option<D>> = changes.into_iter().collect();
    let mut plan = Plan {
        start: Vec::new(),
        replace: Vec::new(),
        stop: Vec::new(),
    };
    for (name, desired) in last {
        match (running.get(&name), desired) {
            (None, Some(new)) => plan.start.push((name, new)),
            (Some(old), Some(new)) if *old != new => plan.replace.push((name, new)),
            (Some(_), None) => plan.stop.push(name),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
    plan
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_plan_leads_exactly_to_the_desired_set(
            running: HashMap<String, u8>,
            changes: Vec<(String, Option<u8>)>,
        ) {
            let plan = plan(&running, changes.clone());
            let mut after = running.clone();
            for name in &plan.stop {
                prop_assert!(after.remove(name).is_some());
            }
            for (name, value) in plan.replace {
                prop_assert_ne!(after.insert(name, value), None);
            }
            for (name, value) in plan.start {
                prop_assert_eq!(after.insert(name, value), None);
            }
            let mut wanted = running;
            for (name, value) in changes {
                match value {
                    Some(value) => wanted.insert(name, value),
                    None => wanted.remove(&name),
                };
            }
            prop_assert_eq!(after, wanted);
        }
    }
}
