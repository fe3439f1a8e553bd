//! What there is, and where what a text asks for does not fit it, or itself.

use std::collections::HashMap;

use busker_enmasse::{Declared, Document, Problem};
use busker_model::object::Reference;
use busker_model::{Family, Object, ObjectKey};
use busker_odb::objects::Snapshot;
use serde_json::{Map, Value};

use super::plan::{Facts, Wanted};
use super::source::place;
use crate::changes::named;
use crate::crud::write::unusable;

/// What there is, by what finds it.
pub(super) struct There<'s> {
    pub(super) objects: HashMap<&'s ObjectKey, &'s Object>,
    uniques: HashMap<(Family, &'s str), &'s ObjectKey>,
}

impl<'s> There<'s> {
    pub(super) fn of(snapshot: &'s Snapshot) -> Self {
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
    pub(super) fn clashes(
        &self,
        document: &Document,
        wanted: &[Wanted<'_>],
        faults: &mut Vec<Problem>,
    ) {
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
    pub(super) fn references(&self, wanted: &[Wanted<'_>], faults: &mut Vec<Problem>) {
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

    /// Security definitions that who names them cannot use.
    pub(super) fn securities(&self, wanted: &[Wanted<'_>], faults: &mut Vec<Problem>) {
        let there = self
            .objects
            .values()
            .map(|one| (&one.key, one.kind.as_str()));
        let declared = wanted
            .iter()
            .map(|one| (&one.write.key, one.write.kind.as_str()));
        let kinds: HashMap<&str, &str> = there
            .chain(declared)
            .filter(|(key, _)| key.family == Family::Security)
            .map(|(key, kind)| (key.name.as_str(), kind))
            .collect();
        for one in wanted {
            let named = one.write.references.iter();
            for reference in named.filter(|one| one.family == Family::Security) {
                let kind = kinds.get(reference.name.as_str());
                let fault = kind.and_then(|kind| unusable(&one.write, reference, kind));
                if let Some(fault) = fault {
                    let mark = one.declared.place(&fault.field, "");
                    faults.push(Problem::new(mark, fault.to_string()));
                }
            }
        }
    }

    /// Objects that the text does not mention.
    pub(super) fn others(&self, wanted: &[Wanted<'_>], facts: &Facts) -> Vec<Map<String, Value>> {
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
