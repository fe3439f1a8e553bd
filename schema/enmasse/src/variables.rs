//! `${NAME}` and `${NAME:-default}` in values.
//!
//! They are filled in after the file was read, so that no value of a variable can change what the file says, and each fault
//! has its place. `$${` is a literal `${`.

use std::collections::{BTreeMap, BTreeSet};

use crate::VALUE_BYTES;
use crate::mark::{Mark, Problem};
use crate::node::{Data, Node};

/// A text, taken apart.
#[derive(Debug, PartialEq, Eq)]
enum Part<'t> {
    Literal(&'t str),
    /// `$${`.
    Escape,
    Variable {
        name: &'t str,
        default: Option<&'t str>,
    },
    /// `${` with anything else behind it.
    Broken,
}

fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        let inside = from.strip_prefix("${").unwrap_or_default();
        if let Some(before) = before.strip_suffix('$') {
            parts.push(Part::Literal(before));
            parts.push(Part::Escape);
            rest = inside;
            continue;
        }
        parts.push(Part::Literal(before));
        let Some((expression, after)) = inside.split_once('}') else {
            parts.push(Part::Broken);
            return parts;
        };
        parts.push(variable(expression));
        rest = after;
    }
    parts.push(Part::Literal(rest));
    parts
}

fn variable(expression: &str) -> Part<'_> {
    let (name, default) = match expression.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (expression, None),
    };
    let mut letters = name.bytes();
    let named = letters
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && letters.all(|letter| letter.is_ascii_alphanumeric() || letter == b'_');
    if named {
        Part::Variable { name, default }
    } else {
        Part::Broken
    }
}

/// Adds the names of all variables of a value.
pub(crate) fn names(node: &Node, found: &mut BTreeSet<String>) {
    match &node.data {
        Data::Scalar { text, .. } => {
            for part in parts(text) {
                if let Part::Variable { name, .. } = part {
                    found.insert(name.to_owned());
                }
            }
        }
        Data::List(items) => items.iter().for_each(|item| names(item, found)),
        Data::Map(entries) => entries.iter().for_each(|entry| names(&entry.value, found)),
    }
}

/// Fills all variables of a value in.
pub(crate) fn fill(
    node: &mut Node,
    variables: &BTreeMap<String, String>,
    problems: &mut Vec<Problem>,
) {
    let mark = node.mark;
    match &mut node.data {
        Data::Scalar { text, .. } if text.contains("${") => {
            *text = filled(text, mark, variables, problems);
        }
        Data::Scalar { .. } => {}
        Data::List(items) => {
            for item in items {
                fill(item, variables, problems);
            }
        }
        Data::Map(entries) => {
            for entry in entries {
                fill(&mut entry.value, variables, problems);
            }
        }
    }
}

fn filled(
    text: &str,
    mark: Mark,
    variables: &BTreeMap<String, String>,
    problems: &mut Vec<Problem>,
) -> String {
    let mut result = String::with_capacity(text.len());
    for part in parts(text) {
        let piece = match part {
            Part::Literal(piece) => piece,
            Part::Escape => "${",
            Part::Variable { name, default } => {
                match variables.get(name).map(String::as_str).or(default) {
                    Some(value) => value,
                    None => {
                        let message = format!(
                            "the variable {name} is not set; set it, or write ${{{name}:-default}}"
                        );
                        problems.push(Problem::new(mark, message));
                        ""
                    }
                }
            }
            Part::Broken => {
                let message =
                    "${ without a name and a closing }; write $${ where ${ itself is meant";
                problems.push(Problem::new(mark, message));
                ""
            }
        };
        if result.len() + piece.len() > VALUE_BYTES {
            let message = format!("is longer than {VALUE_BYTES} bytes with its variables");
            problems.push(Problem::new(mark, message));
            return result;
        }
        result.push_str(piece);
    }
    result
}

/// Makes a text one that is read as it is.
pub(crate) fn escaped(text: &str) -> String {
    text.replace("${", "$${")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill_in(text: &str) -> (String, Vec<String>) {
        let variables = [("HOST", "a.example"), ("EMPTY", ""), ("NESTED", "${HOST}")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut problems = Vec::new();
        let text = filled(text, Mark::start(0), &variables.into(), &mut problems);
        let messages = problems.into_iter().map(|problem| problem.message);
        (text, messages.collect())
    }

    #[test]
    fn variables_are_filled_in_once_and_an_escape_is_a_literal() {
        for (text, result) in [
            ("https://${HOST}/x", "https://a.example/x"),
            ("${EMPTY}${EMPTY:-b}${MISSING:-c}${MISSING:-}", "c"),
            ("$${HOST} $ {} $HOST", "${HOST} $ {} $HOST"),
            ("$$${HOST}", "$${HOST}"),
            ("${NESTED}", "${HOST}"),
        ] {
            assert_eq!(fill_in(text), (result.to_owned(), Vec::new()), "{text}");
        }
    }

    #[test]
    fn what_is_unset_or_broken_is_told() {
        for (text, word) in [
            ("${MISSING}", "MISSING is not set"),
            ("${HOST", "closing"),
            ("${}", "closing"),
            ("${1A}", "closing"),
            ("${A B:-c}", "closing"),
        ] {
            let (_, messages) = fill_in(text);
            assert!(messages[0].contains(word), "{text}: {messages:?}");
        }
    }

    #[test]
    fn what_was_escaped_reads_as_it_was() {
        for text in ["${A}", "$${A}", "$$${", "$", "a${", "${${"] {
            assert_eq!(fill_in(&escaped(text)), (text.to_owned(), Vec::new()));
        }
    }
}
