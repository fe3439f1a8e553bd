//! What a call brings: the text, the files it includes, the variables.

use std::collections::BTreeMap;

use busker_enmasse::{Document, Mark, Sources};
use busker_model::Fault;
use busker_model::object::Violation;
use serde_json::Value;

use crate::input::Input;

/// Shortest value of a variable that is looked for in faults: shorter ones are parts of many words, and no secrets.
const TOLD_LENGTH: usize = 4;

/// The text, with all it needs.
pub(super) struct Source {
    name: String,
    text: String,
    files: BTreeMap<String, Result<String, String>>,
    variables: BTreeMap<String, String>,
}

impl Source {
    /// # Errors
    /// `Invalid` when files or variables are no texts.
    pub(super) fn of(input: &Input) -> Result<Self, Fault> {
        let mut faults = Vec::new();
        let mut files = BTreeMap::new();
        for (path, file) in fields(input, "files") {
            let problem = file.get("problem").and_then(Value::as_str);
            match (file.as_str(), problem) {
                (Some(text), _) => drop(files.insert(path.clone(), Ok(text.to_owned()))),
                (None, Some(why)) => drop(files.insert(path.clone(), Err(why.to_owned()))),
                (None, None) => faults.push(Violation::new(
                    format!("files.{path}"),
                    "must be text, or an object with a problem",
                )),
            }
        }
        let mut variables = BTreeMap::new();
        for (name, value) in fields(input, "variables") {
            match value.as_str() {
                Some(value) => drop(variables.insert(name.clone(), value.to_owned())),
                None => faults.push(Violation::new(format!("variables.{name}"), "must be text")),
            }
        }
        if !faults.is_empty() {
            return Err(Fault::violations(faults));
        }
        Ok(Self {
            name: input.opt_text("file").unwrap_or("text").to_owned(),
            text: input.text("text").to_owned(),
            files,
            variables,
        })
    }

    pub(super) fn read(&self) -> Document {
        Document::read(&Sources {
            name: &self.name,
            text: &self.text,
            files: &self.files,
            variables: &self.variables,
        })
    }

    /// A message without what variables hold: that may be a secret, and the place tells which one it was.
    pub(super) fn without_values(&self, message: &str) -> String {
        let mut message = message.to_owned();
        for (name, value) in &self.variables {
            if value.len() >= TOLD_LENGTH && message.contains(value.as_str()) {
                message = message.replace(value.as_str(), &format!("${{{name}}}"));
            }
        }
        message
    }
}

fn fields<'i>(input: &'i Input, field: &str) -> impl Iterator<Item = (&'i String, &'i Value)> {
    let fields = input.get(field).and_then(Value::as_object);
    fields.into_iter().flatten()
}

/// A place, as faults and steps show it.
pub(super) fn place(document: &Document, mark: Mark) -> String {
    let file = document.files.get(mark.file).map_or("", String::as_str);
    format!("{file}:{}:{}", mark.line, mark.column)
}
