//! The way back: a new revision at which objects are what they were at an older one.
//!
//! History keeps no secrets. One that is there stays as it is now; an object that has to be made again lacks its own.

use std::collections::{HashMap, HashSet};

use busker_catalog::Kind;
use busker_model::invocation::Role;
use busker_model::object::Violation;
use busker_model::{ErrorClass, Family, Fault, Object, ObjectKey};
use busker_odb::OdbError;
use busker_odb::objects::{Difference, Snapshot};
use serde_json::{Map, Value, json};

use crate::changes::{ATTEMPTS, Plan, Step, keeping, settled};
use crate::crud::write::Draft;
use crate::crud::writer;
use crate::enmasse::item;
use crate::operation::{Call, role_word};

pub(super) async fn revert(call: Call) -> Result<Value, Fault> {
    let revision = call.input.integer("revision").unwrap_or_default();
    let objects = call.deps.odb.objects();
    let mut attempt = 1;
    loop {
        let differences = objects.differences(revision, None).await?;
        let snapshot = objects.snapshot().await?;
        if snapshot.revision != differences.to {
            if attempt == ATTEMPTS {
                return Err(OdbError::Busy.into());
            }
            attempt += 1;
            continue;
        }
        let (mut plan, warnings) = Way::new(&call, &snapshot).back(&differences.objects)?;
        let outcome = plan.apply(&call, call.validates_only()).await;
        if let Some(revision) = settled(outcome, attempt)? {
            let mut answer = plan.answer(revision);
            let needing = needing(&answer);
            answer.insert("warnings".to_owned(), Value::Array(warnings));
            answer.insert("needs_secret".to_owned(), Value::Array(needing));
            return Ok(call.told(Value::Object(answer)));
        }
        attempt += 1;
    }
}

/// Objects that lack a secret once the changes of an answer are made.
fn needing(answer: &Map<String, Value>) -> Vec<Value> {
    let made = ["create", "edit"]
        .into_iter()
        .filter_map(|key| answer.get(key)?.as_array());
    let lacking = made.flatten().filter_map(|step| {
        let secrets = step.get("needs_secret")?;
        Some(json!({"kind": step["kind"], "name": step["name"], "secrets": secrets}))
    });
    lacking.collect()
}

/// What there is now, by what finds it.
struct Way<'c> {
    call: &'c Call,
    seen: i64,
    by_number: HashMap<i64, &'c Object>,
    by_key: HashMap<&'c ObjectKey, &'c Object>,
}

impl<'c> Way<'c> {
    fn new(call: &'c Call, now: &'c Snapshot) -> Self {
        let all = now.objects.iter().map(|(object, _)| object);
        Self {
            call,
            seen: now.revision,
            by_number: all.clone().map(|object| (object.number, object)).collect(),
            by_key: all.map(|object| (&object.key, object)).collect(),
        }
    }

    /// The steps back, and what they cannot bring back; or every object that cannot be what it was.
    fn back(&self, differences: &[Difference]) -> Result<(Plan, Vec<Value>), Fault> {
        let mut plan = Plan::new(self.seen);
        let (mut warnings, mut faults) = (Vec::new(), Vec::new());
        let mut leaving: HashSet<i64> = differences
            .iter()
            .filter(|one| one.before.is_null())
            .map(|one| one.number)
            .collect();
        for one in differences.iter().filter(|one| !one.before.is_null()) {
            let current = self.current(one, &leaving);
            if let Some(current) = current {
                leaving.remove(&current.number);
            }
            match self.step(current, one) {
                Ok((step, warning)) => {
                    step.into_iter().for_each(|step| plan.add(step));
                    warnings.extend(warning);
                }
                Err(fault) if fault.class == ErrorClass::Invalid => {
                    let (family, name) = (&one.before["family"], &one.before["name"]);
                    let name = format!("{} {name}", family.as_str().unwrap_or_default());
                    faults.push(Violation::new(name, fault.message.to_string()));
                }
                Err(fault) => return Err(fault),
            }
        }
        let gone = differences
            .iter()
            .filter(|one| leaving.contains(&one.number));
        for object in gone.filter_map(|one| self.by_number.get(&one.number)) {
            let kind = self.kind(object.key.family, &object.kind)?;
            plan.add(Step::delete(kind, object));
        }
        if !faults.is_empty() {
            return Err(Fault::violations(faults));
        }
        Ok((plan, warnings))
    }

    /// The object as it is now. One that was deleted and made again since has another number and the same name, and would
    /// leave: it becomes what it was.
    fn current(&self, one: &Difference, leaving: &HashSet<i64>) -> Option<&'c Object> {
        let by_number = self.by_number.get(&one.number);
        let by_key = || {
            let word = |field: &str| one.before[field].as_str();
            let key = ObjectKey {
                family: word("family")?.parse().ok()?,
                group: word("group")?.to_owned(),
                name: word("name")?.to_owned(),
            };
            let same = self.by_key.get(&key);
            same.filter(|object| leaving.contains(&object.number))
        };
        by_number.or_else(by_key).copied()
    }

    /// The kind of an object, which who asks may write.
    fn kind(&self, family: Family, kind: &str) -> Result<&'c Kind, Fault> {
        let needed = writer(family);
        let role = self.call.principal.role.unwrap_or(Role::Viewer);
        if role < needed {
            let message = format!(
                "objects of family {family} would change, which needs the role {}",
                role_word(needed)
            );
            return Err(Fault::new(ErrorClass::Forbidden, message).code("role-needed"));
        }
        self.call
            .deps
            .catalog
            .get(family, kind)
            .ok_or_else(|| Fault::invalid(format!("this version has no kind {family}.{kind}")))
    }

    /// What makes an object what it was, and what of it cannot be.
    fn step(
        &self,
        current: Option<&Object>,
        one: &Difference,
    ) -> Result<(Option<Step>, Option<Value>), Fault> {
        let was = &one.before;
        let word = |field: &str| was[field].as_str().unwrap_or_default();
        let family: Family = word("family")
            .parse()
            .map_err(|error: String| Fault::internal(error))?;
        let kind = self.kind(family, word("kind"))?;
        let mut settings = was["settings"].as_object().cloned().unwrap_or_default();
        let stored = |secret: &str| current.and_then(|object| object.settings.get(secret));
        let mut another = false;
        for secret in kind.secrets {
            let hash = settings.shift_remove(*secret);
            let now = one.after["settings"].get(secret);
            another |= hash.is_some() && stored(secret).is_some() && hash.as_ref() != now;
        }
        let draft = Draft {
            name: word("name").to_owned(),
            active: was["active"].as_bool().unwrap_or(true),
            settings,
            kept: Vec::new(),
        };
        let write = keeping(kind, current, item::checked(kind, draft)?);
        let warning = another.then(|| {
            let message = format!(
                "{}: its secret was set anew since; history keeps none, so it stays as it is now",
                write.key
            );
            json!({"message": message})
        });
        let step = Step::of(&self.call.deps.odb, kind, current, write)?;
        Ok((step, warning))
    }
}
