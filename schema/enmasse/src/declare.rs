//! What a file declares.

use serde_json::{Map, Value};

use crate::mark::{Mark, Problem};
use crate::node::{Data, Entry, Node, find, json_of};
use crate::scalar;

/// A key of the top level that names a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Title {
    /// The kind, such as `channel.http`.
    pub title: String,
    /// Where.
    pub mark: Mark,
}

/// An object as a file declares it.
#[derive(Debug, Clone, PartialEq)]
pub struct Declared {
    /// Its kind, such as `channel.http`.
    pub title: String,
    /// Where it begins.
    pub mark: Mark,
    /// Its name.
    pub name: String,
    /// Whether it takes part; so unless the file says otherwise.
    pub active: bool,
    /// Its settings.
    pub settings: Vec<Entry>,
}

impl Declared {
    /// The settings as JSON.
    #[must_use]
    pub fn json(&self) -> Map<String, Value> {
        json_of(&self.settings)
    }

    /// A setting.
    #[must_use]
    pub fn setting(&self, field: &str) -> Option<&Node> {
        find(&self.settings, field).map(|entry| &entry.value)
    }

    /// Where a fault of a field, such as `settings.breaker.open_ms`, is to be shown. A message may name an unknown field
    /// in backticks.
    #[must_use]
    pub fn place(&self, field: &str, message: &str) -> Mark {
        let path = field.strip_prefix("settings").unwrap_or(field);
        let mut entries = self.settings.as_slice();
        let mut mark = None;
        let mut items: &[Node] = &[];
        for part in path.split(['.', '[', ']']).filter(|part| !part.is_empty()) {
            let item = part.parse().ok().and_then(|index: usize| items.get(index));
            let entry = find(entries, part);
            let Some(node) = entry.map(|entry| &entry.value).or(item) else {
                break;
            };
            mark = Some(entry.map_or(node.mark, |entry| entry.mark));
            entries = node.entries().unwrap_or_default();
            items = match &node.data {
                Data::List(items) => items,
                Data::Scalar { .. } | Data::Map(_) => &[],
            };
        }
        let quoted = message.split('`').nth(1);
        let named = quoted.and_then(|word| find(entries, word));
        named.map(|entry| entry.mark).or(mark).unwrap_or(self.mark)
    }
}

/// Reads one item of the list of a kind.
pub(crate) fn item(title: &str, node: &Node, problems: &mut Vec<Problem>) -> Option<Declared> {
    let Some(entries) = node.entries() else {
        let message = "must be an object: name, active and settings";
        problems.push(Problem::new(node.mark, message));
        return None;
    };
    let mut declared = Declared {
        title: title.to_owned(),
        mark: node.mark,
        name: String::new(),
        active: true,
        settings: Vec::new(),
    };
    let before = problems.len();
    for entry in entries {
        match (entry.key.as_str(), &entry.value.data) {
            ("name", _) => declared.name = name(&entry.value, problems),
            ("active", _) => declared.active = active(&entry.value, problems),
            ("settings", Data::Map(settings)) => declared.settings.clone_from(settings),
            ("settings", _) if entry.value.is_null() => {}
            ("settings", _) => {
                problems.push(Problem::new(
                    entry.value.mark,
                    "settings: must be keys with values",
                ));
            }
            (key, _) => {
                let message =
                    format!("{key:?} is not known here; known are name, active and settings");
                problems.push(Problem::new(entry.mark, message));
            }
        }
    }
    if find(entries, "name").is_none() {
        problems.push(Problem::new(node.mark, "name: is required"));
    }
    (problems.len() == before).then_some(declared)
}

/// A name is text, whatever else it may look like.
pub(crate) fn name(node: &Node, problems: &mut Vec<Problem>) -> String {
    if let Some(text) = node.text().filter(|text| !text.is_empty()) {
        return text.to_owned();
    }
    problems.push(Problem::new(node.mark, "name: must be text and not empty"));
    String::new()
}

/// A switch, in quotes or not.
pub(crate) fn active(node: &Node, problems: &mut Vec<Problem>) -> bool {
    node.text().and_then(scalar::boolean).unwrap_or_else(|| {
        problems.push(Problem::new(node.mark, "active: must be true or false"));
        true
    })
}
