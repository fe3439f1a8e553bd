//! One declared object, checked by its kind.

use std::collections::HashSet;

use busker_catalog::Kind;
use busker_enmasse::{Declared, Problem};
use busker_model::object::Violation;
use busker_model::{Fault, name};
use busker_odb::ObjectWrite;
use serde_json::{Map, Value};

use crate::crud::write::Draft;

/// Faults of one object that are looked for one after the other.
const FAULTS_OF_ONE: usize = 32;

/// Reads a declared object into a write; a secret it lacks is left as it is in the database, if it is there.
///
/// # Errors
/// Every fault found.
pub(super) fn read(kind: &Kind, declared: &Declared) -> Result<ObjectWrite, Vec<Problem>> {
    let mut problems = Vec::new();
    if let Err(error) = name::check_object_name(&declared.name) {
        let message = format!("name: {}", error.reason);
        problems.push(Problem::new(declared.mark, message));
    }
    let mut settings = declared.json();
    let mut kept: Vec<&'static str> = Vec::new();
    for secret in kind.secrets {
        let given = declared.setting(secret);
        match given.map(|node| (node.text(), node)) {
            Some((Some(text), _)) => {
                settings.insert((*secret).to_owned(), Value::String(text.to_owned()));
            }
            Some((None, node)) if !node.is_null() => {
                settings.shift_remove(*secret);
                problems.push(Problem::new(
                    node.mark,
                    format!("settings.{secret}: must be text"),
                ));
                kept.push(secret);
            }
            Some(_) | None => {
                settings.shift_remove(*secret);
            }
        }
    }
    let draft = Draft {
        name: declared.name.clone(),
        active: declared.active,
        settings,
        kept,
    };
    match checked(kind, draft.clone()) {
        Ok(write) if problems.is_empty() => Ok(write),
        Ok(_) => Err(problems),
        Err(fault) => {
            problems.extend(faults(kind, draft, fault).into_iter().map(|fault| {
                let mark = declared.place(&fault.field, &fault.message);
                Problem::new(mark, fault.to_string())
            }));
            Err(problems)
        }
    }
}

/// Checks a draft; secrets that its kind cannot do without and that it has not are to be kept.
pub(crate) fn checked(kind: &Kind, mut draft: Draft) -> Result<ObjectWrite, Fault> {
    let refused = match draft.clone().checked(*kind) {
        Ok(write) => return Ok(write),
        Err(fault) => fault,
    };
    let absent = kind
        .secrets
        .iter()
        .filter(|secret| !draft.settings.contains_key(**secret));
    let told = |secret: &&&'static str| {
        let field = format!("settings.{secret}");
        violations(&refused).iter().any(|one| one.field == field)
    };
    let missed: Vec<&'static str> = absent.filter(told).copied().collect();
    if missed.is_empty() {
        return Err(refused);
    }
    draft.kept.extend(missed);
    draft.checked(*kind)
}

fn violations(fault: &Fault) -> &[Violation] {
    let detail = fault.detail.as_ref();
    detail.map_or(&[], |detail| &detail.violations)
}

/// All faults of a draft. A reader of settings stops at the first field that does not fit, so each such field is taken
/// out and the rest read again.
fn faults(kind: &Kind, mut draft: Draft, mut fault: Fault) -> Vec<Violation> {
    let mut found: Vec<Violation> = Vec::new();
    let mut out: HashSet<String> = HashSet::new();
    for _ in 0..FAULTS_OF_ONE {
        let told = violations(&fault);
        if told.is_empty() {
            found.push(Violation::new("name", fault.message.to_string()));
            break;
        }
        let is_new = |one: &&Violation| {
            let about = |field: &String| {
                let field = field.as_str();
                mentions(&one.message, field) || subject(one, &draft.settings) == Some(field)
            };
            !found.contains(one) && !out.iter().any(about)
        };
        let new: Vec<Violation> = told.iter().filter(is_new).cloned().collect();
        let misfits: Vec<String> = new
            .iter()
            .filter_map(|one| subject(one, &draft.settings))
            .map(str::to_owned)
            .collect();
        found.extend(new);
        if misfits.is_empty() {
            break;
        }
        for field in misfits {
            draft.settings.shift_remove(&field);
            out.insert(field);
        }
        match checked(kind, draft.clone()) {
            Ok(_) => break,
            Err(next) => fault = next,
        }
    }
    found
}

/// The setting that a fault is about.
fn subject<'d>(fault: &'d Violation, settings: &'d Map<String, Value>) -> Option<&'d str> {
    let path = fault.field.strip_prefix("settings.").unwrap_or_default();
    let first = path
        .split(['.', '['])
        .next()
        .filter(|first| !first.is_empty());
    let quoted = || fault.message.split('`').nth(1);
    let field = first.or_else(quoted)?;
    settings.contains_key(field).then_some(field)
}

/// Whether a message is about a field that was taken out: that it is missing, or what it would have to be. A reader puts
/// the field it means in backticks first, and may list others after it.
fn mentions(message: &str, field: &str) -> bool {
    if let Some(quoted) = message.split('`').nth(1) {
        return quoted == field;
    }
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
    message
        .split(|letter| !is_part(letter))
        .any(|word| word == field)
}
