//! What a text asks for, held against what there is.

use std::collections::HashMap;
use std::sync::Arc;

use busker_catalog::{Kind, title};
use busker_enmasse::{Declared, Document, Problem};
use busker_model::invocation::Role;
use busker_model::object::Violation;
use busker_model::{ErrorClass, Family, Fault};
use busker_odb::ObjectWrite;
use busker_odb::objects::Snapshot;
use busker_service::Invoker;
use serde_json::{Map, Value, json};

use super::export::titles;
use super::item;
use super::source::{Source, place};
use super::there::There;
use crate::changes::{Plan, Step, keeping, named};
use crate::crud::write::reserved;
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
    pub(super) fn answer(self, revision: i64) -> Value {
        let list = |objects: Vec<Map<String, Value>>| -> Value {
            objects.into_iter().map(Value::Object).collect()
        };
        let mut answer = self.plan.answer(revision);
        answer.insert("unchanged".to_owned(), list(self.unchanged));
        answer.insert("not_in_file".to_owned(), list(self.not_in_file));
        answer.insert("needs_secret".to_owned(), list(self.needs_secret));
        answer.insert("warnings".to_owned(), Value::Array(self.warnings));
        Value::Object(answer)
    }
}

/// An object that was read and checked.
pub(super) struct Wanted<'d> {
    pub(super) declared: &'d Declared,
    pub(super) kind: Kind,
    pub(super) write: ObjectWrite,
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
    there.securities(&wanted, &mut faults);
    paths(&wanted, facts, &mut faults);
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
        plan: Plan::new(facts.snapshot.revision),
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
                self.plan.add(step);
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
    Err(Fault::new(ErrorClass::Forbidden, message).code("role-needed"))
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

/// Paths of channels that the node keeps for itself.
fn paths(wanted: &[Wanted<'_>], facts: &Facts, faults: &mut Vec<Problem>) {
    for one in wanted {
        if let Some(fault) = reserved(&*facts.deps.node, &one.write) {
            let mark = one.declared.place(&fault.field, "");
            faults.push(Problem::new(mark, fault.to_string()));
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
