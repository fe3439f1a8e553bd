//! The files this node refused last, so that its status says why long after the event went by.

use std::collections::VecDeque;

use busker_kit::clock;
use busker_model::{ErrorClass, Fault};
use parking_lot::Mutex;
use serde::Serialize;

/// Names whose refusal is kept; of more, the oldest goes.
const REFUSALS_KEPT: usize = 100;

/// Why a file was not deployed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Refusal {
    pub(crate) name: String,
    /// Who wanted it deployed.
    pub(crate) who: String,
    /// Unix milliseconds.
    pub(crate) at_ms: i64,
    pub(crate) class: ErrorClass,
    pub(crate) reason: String,
}

/// One refusal of each name, until a file of that name is deployed. A node that starts knows of none.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<VecDeque<Refusal>>);

impl Refusals {
    pub(crate) fn note(&self, name: &str, who: &str, fault: &Fault) {
        let refusal = Refusal {
            name: name.to_owned(),
            who: who.to_owned(),
            at_ms: clock::unix_ms(),
            class: fault.class,
            reason: fault.message.to_string(),
        };
        let mut kept = self.0.lock();
        kept.retain(|known| known.name != name);
        if kept.len() == REFUSALS_KEPT {
            kept.pop_front();
        }
        kept.push_back(refusal);
    }

    pub(crate) fn clear(&self, name: &str) {
        self.0.lock().retain(|known| known.name != name);
    }

    pub(crate) fn all(&self) -> Vec<Refusal> {
        self.0.lock().iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_has_one_until_it_is_deployed_and_there_are_only_so_many() {
        let refusals = Refusals::default();
        let names = |refusals: &Refusals| -> Vec<String> {
            refusals.all().into_iter().map(|one| one.name).collect()
        };
        refusals.note("a.py", "admin", &Fault::invalid("first"));
        refusals.note("b.py", "admin", &Fault::invalid("other"));
        refusals.note("a.py", "pickup", &Fault::invalid("second"));
        assert_eq!(names(&refusals), ["b.py", "a.py"]);
        assert_eq!(refusals.all()[1].reason, "second");
        refusals.clear("b.py");
        assert_eq!(names(&refusals), ["a.py"]);
        for number in 0..REFUSALS_KEPT {
            let name = format!("c{number}.py");
            refusals.note(&name, "admin", &Fault::invalid("bad"));
        }
        let kept = names(&refusals);
        assert_eq!((kept.len(), &*kept[0]), (REFUSALS_KEPT, "c0.py"));
    }
}
