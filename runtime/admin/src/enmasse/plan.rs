//! What a text asks for, held against what there is.

use std::collections::HashMap;
use std::sync::Arc;

use busker_catalog::{Kind, title};
use busker_enmasse::{Declared, Document, Problem};
use busker_model::invocation::Role;
use busker_model::object::{Reference, Violation};
use busker_model::{Family, Fault, Object, ObjectKey};
use busker_odb::ObjectWrite;
use busker_odb::objects::Snapshot;
use busker_service::Invoker;
use serde_json::{Map, Value, json};

use super::export::titles;
use super::item;
use super::source::{Source, place};
use crate::changes::{Plan, Step, keeping, named};
use crate::crud::{lacking, writer};
use crate::operation::role_word;
use crate::ports::AdminDeps;

/// What a text is held against.
pub(super) struct Facts {
    pub(super) deps: Arc<AdminDeps>,
    /// Role of who asks.
    pub(super) role: Role,
    /// What there is.
    pub(super) snapshot: Snapshot,
    /// Services that can be invoked.
    pub(super) invoker: Arc<dyn Invoker>,
    pub(super) services_must_exist: bool,
}

/// A plan, and what else there is to say.
pub(super) struct Planned {
    pub(super) plan: Plan,
    unchanged: Vec<Map<String, Value>>,
    /// Objects that the text does not mention.
    not_in_file: Vec<Map<String, Value>>,
    needs_secret: Vec<Map<String, Value>>,
    warnings: Vec<Value>,
}

impl Planned {
    pub(super) fn answer(&self, revision: i64) -> Value {
        let mut answer = self.plan.answer(revision);
        answer["unchanged"] = json!(self.unchanged);
        answer["not_in_file"] = json!(self.not_in_file);
        answer["needs_secret"] = json!(self.needs_secret);
        answer["warnings"] = json!(self.warnings);
        answer
    }
}

/// An object that was read and checked.
struct Wanted<'d> {
    declared: &'d Declared,
    kind: Kind,
    write: ObjectWrite,
}

/// Makes a plan.
///
/// # Errors
/// `Invalid` with every fault and its place; `Forbidden` when the role may not write what would change.
pub(super) fn plan(source: &Source, facts: &Facts) -> Result<Planned, Fault> {
    let document = source.read();
    let mut faults = document.problems.clone();
    let wanted = wanted(&document, facts, &mut faults);
    let there = There::of(&facts.snapshot);
    there.clashes(&document, &wanted, &mut faults);
    there.references(&wanted, &mut faults);
    let mut warnings = document.notes.clone();
    services(
        &wanted,
        facts,
        if facts.services_must_exist {
            &mut faults
        } else {
            &mut warnings
        },
    );
    if !faults.is_empty() {
        return Err(refusal(source, &document, faults));
    }
    let mut planned = Planned {
        plan: Plan {
            seen: facts.snapshot.revision,
            steps: Vec::new(),
        },
        unchanged: Vec::new(),
        not_in_file: there.others(&wanted, facts),
        needs_secret: Vec::new(),
        warnings: shown(source, &document, &warnings),
    };
    for one in wanted {
        planned.add(&document, facts, &there, one)?;
    }
    Ok(planned)
}

impl Planned {
    fn add(
        &mut self,
        document: &Document,
        facts: &Facts,
        there: &There<'_>,
        wanted: Wanted<'_>,
    ) -> Result<(), Fault> {
        let Wanted {
            declared,
            kind,
            write,
        } = wanted;
        let at = place(document, declared.mark);
        let current = there.objects.get(&write.key).copied();
        let mut name = named(&kind, &write.key);
        let write = keeping(&kind, current, write);
        // Whether a secret is the one there is may only be known to who may write it.
        permitted(facts.role, &kind, &write, &at)?;
        match Step::of(&facts.deps.odb, &kind, current, write)? {
            Some(mut step) => {
                step.shown.insert("place".to_owned(), json!(at));
                if let Some(lacks) = step.shown.get("needs_secret") {
                    name.insert("secrets".to_owned(), lacks.clone());
                    self.needs_secret.push(name);
                }
                self.plan.steps.push(step);
            }
            None => {
                let lacks = current.map(|current| lacking(&kind, &current.settings));
                if let Some(lacks) = lacks.filter(|lacks| !lacks.is_empty()) {
                    let mut lacking = name.clone();
                    lacking.insert("secrets".to_owned(), json!(lacks));
                    self.needs_secret.push(lacking);
                }
                self.unchanged.push(name);
            }
        }
        Ok(())
    }
}

fn permitted(role: Role, kind: &Kind, write: &ObjectWrite, at: &str) -> Result<(), Fault> {
    let needed = writer(kind.family);
    if role >= needed {
        return Ok(());
    }
    let word = role_word(needed);
    let message = format!("{at}: writing {} needs the role {word}", write.key);
    Err(Fault::new(busker_model::ErrorClass::Forbidden, message).code("role-needed"))
}

/// Reads and checks what is declared, kind by kind.
fn wanted<'d>(document: &'d Document, facts: &Facts, faults: &mut Vec<Problem>) -> Vec<Wanted<'d>> {
    let catalog = &facts.deps.catalog;
    let kinds: HashMap<String, Kind> = catalog.iter().map(|kind| (title(kind), *kind)).collect();
    for unknown in document
        .titles
        .iter()
        .filter(|one| !kinds.contains_key(&one.title))
    {
        let message = format!(
            "{:?} is not a kind; there are {}",
            unknown.title,
            titles(catalog)
        );
        faults.push(Problem::new(unknown.mark, message));
    }
    let mut wanted = Vec::with_capacity(document.declared.len());
    for declared in &document.declared {
        let Some(kind) = kinds.get(&declared.title) else {
            // A kind that the text names itself was told above.
            if !document
                .titles
                .iter()
                .any(|one| one.title == declared.title)
            {
                let message = format!("this version has no kind {}", declared.title);
                faults.push(Problem::new(declared.mark, message));
            }
            continue;
        };
        match item::read(kind, declared) {
            Ok(write) => wanted.push(Wanted {
                declared,
                kind: *kind,
                write,
            }),
            Err(found) => faults.extend(found),
        }
    }
    wanted
}

/// What there is, by what finds it.
struct There<'s> {
    objects: HashMap<&'s ObjectKey, &'s Object>,
    uniques: HashMap<(Family, &'s str), &'s ObjectKey>,
}

impl<'s> There<'s> {
    fn of(snapshot: &'s Snapshot) -> Self {
        let all = snapshot.objects.iter();
        let uniques = all.clone().filter_map(|(object, unique)| {
            let unique = unique.as_deref()?;
            Some(((object.key.family, unique), &object.key))
        });
        Self {
            uniques: uniques.collect(),
            objects: all.map(|(object, _)| (&object.key, object)).collect(),
        }
    }

    /// Names and paths that two objects would have.
    fn clashes(&self, document: &Document, wanted: &[Wanted<'_>], faults: &mut Vec<Problem>) {
        let mut keys: HashMap<&ObjectKey, &Declared> = HashMap::new();
        let mut uniques: HashMap<(Family, &str), (&ObjectKey, &Declared)> = HashMap::new();
        for one in wanted {
            let key = &one.write.key;
            if let Some(first) = keys.insert(key, one.declared) {
                let message = format!(
                    "{key} is declared twice: first at {}",
                    place(document, first.mark)
                );
                faults.push(Problem::new(one.declared.mark, message));
                continue;
            }
            let Some(unique) = one.write.unique.as_deref() else {
                continue;
            };
            if let Some((first, at)) = uniques.insert((key.family, unique), (key, one.declared)) {
                let at = place(document, at.mark);
                let message = format!("{first} at {at} has {unique:?} already");
                faults.push(Problem::new(one.declared.mark, message));
            }
        }
        for one in wanted {
            let Some(unique) = one.write.unique.as_deref() else {
                continue;
            };
            let owner = self.uniques.get(&(one.write.key.family, unique));
            // An owner that is declared too has what its declaration says.
            if let Some(owner) = owner.filter(|owner| !keys.contains_key(**owner)) {
                let message =
                    format!("{owner}, which is there and not in the file, has {unique:?} already");
                faults.push(Problem::new(one.declared.mark, message));
            }
        }
    }

    /// Names that must be there, or in the text, and are not.
    fn references(&self, wanted: &[Wanted<'_>], faults: &mut Vec<Problem>) {
        let there = self.objects.keys().copied();
        let mut groups: HashMap<(Family, &str), Vec<&str>> = HashMap::new();
        for key in there.chain(wanted.iter().map(|one| &one.write.key)) {
            groups
                .entry((key.family, &key.name))
                .or_default()
                .push(&key.group);
        }
        let is_there = |reference: &Reference| {
            let found = groups.get(&(reference.family, reference.name.as_str()));
            found.is_some_and(|groups| {
                reference.group.is_empty() || groups.contains(&reference.group.as_str())
            })
        };
        for one in wanted {
            let missed = one.write.references.iter();
            for reference in missed.filter(|one| one.required && !is_there(one)) {
                let field = format!("settings.{}", reference.field);
                let message = format!(
                    "{field}: there is no {} {:?}, neither in the file nor before",
                    reference.family, reference.name
                );
                faults.push(Problem::new(one.declared.place(&field, ""), message));
            }
        }
    }

    /// Objects that the text does not mention.
    fn others(&self, wanted: &[Wanted<'_>], facts: &Facts) -> Vec<Map<String, Value>> {
        let mut keys: Vec<&&Object> = {
            let mentioned: HashMap<&ObjectKey, ()> =
                wanted.iter().map(|one| (&one.write.key, ())).collect();
            let others = self.objects.values();
            others
                .filter(|object| !mentioned.contains_key(&object.key))
                .collect()
        };
        keys.sort_by(|a, b| a.key.cmp(&b.key));
        let catalog = &facts.deps.catalog;
        let shown = keys.into_iter().filter_map(|object| {
            let kind = catalog.get(object.key.family, &object.kind)?;
            Some(named(kind, &object.key))
        });
        shown.collect()
    }
}

/// Services that channels and jobs name and that are not deployed.
fn services(wanted: &[Wanted<'_>], facts: &Facts, told: &mut Vec<Problem>) {
    let invoking = wanted
        .iter()
        .filter(|one| matches!(one.kind.family, Family::Channel | Family::Job));
    for one in invoking {
        let service = one.write.settings.get("service").and_then(Value::as_str);
        if let Some(service) = service.filter(|name| facts.invoker.definition(name).is_none()) {
            let message = format!(
                "service {service:?} is not deployed here; until it is, this one waits for it"
            );
            told.push(Problem::new(
                one.declared.place("settings.service", ""),
                message,
            ));
        }
    }
}

fn shown(source: &Source, document: &Document, notes: &[Problem]) -> Vec<Value> {
    let notes = notes.iter().map(|note| {
        let message = source.without_values(&note.message);
        json!({"place": place(document, note.mark), "message": message})
    });
    notes.collect()
}

/// All faults, in the order of the files.
fn refusal(source: &Source, document: &Document, mut faults: Vec<Problem>) -> Fault {
    faults.sort_by_key(|fault| fault.mark);
    let violations = faults.into_iter().map(|fault| {
        let message = source.without_values(&fault.message);
        Violation::new(place(document, fault.mark), message)
    });
    Fault::violations(violations.collect())
}
