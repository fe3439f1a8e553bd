//! Turns one value into what its declaration says, on the way in and on the way out.
//!
//! "Every present value is first made text, then converted" (Zato 1.1 SimpleIO), with these rules of ours where Zato
//! was silent or careless: a single value is never taken from a list or an object, an empty value of a list type is an
//! empty list, and numbers stay digits.

use std::borrow::Cow;

use super::text::{self, Shape};
use super::{Field, FieldType};

/// Name prefixes that make a field of automatic type a boolean.
const BOOLEAN_PREFIXES: [&str; 3] = ["is_", "needs_", "should_"];
/// Name suffixes that make a field of automatic type an integer; the name `id` alone does too.
const INTEGER_SUFFIXES: [&str; 4] = ["_id", "_size", "_timeout", "_count"];
/// Zato's word for no value, left alone in integers that are integers by name.
const ZATO_NONE: &str = "ZATO_NONE";

/// What is wrong with a value: what is expected and what was found.
pub(super) type Complaint = String;

/// The explicit type of a field, or the one its name gives it.
#[must_use]
pub(super) fn resolve(field: &Field) -> &FieldType {
    if field.ty != FieldType::Auto {
        return &field.ty;
    }
    let name = field.name.as_str();
    if BOOLEAN_PREFIXES.iter().any(|p| name.starts_with(p)) {
        &FieldType::Boolean
    } else if name == "id" || INTEGER_SUFFIXES.iter().any(|s| name.ends_with(s)) {
        &FieldType::Integer
    } else {
        &FieldType::Auto
    }
}

/// Converts a present value of the input.
pub(super) fn input<'a>(field: &Field, json: &'a str) -> Result<Cow<'a, str>, Complaint> {
    match resolve(field) {
        FieldType::AsIs | FieldType::Opaque => Ok(Cow::Borrowed(json)),
        FieldType::Auto | FieldType::Text => as_text(json),
        FieldType::Utc => utc(json),
        FieldType::Boolean => boolean(json),
        FieldType::Integer => integer(field, json),
        FieldType::Float => float(json),
        FieldType::Decimal => decimal(json),
        FieldType::Csv => split_csv(json),
        FieldType::List => elements(json, &["item"]).map(|parts| text::join_list(parts).into()),
        FieldType::Dict => dict(json),
        FieldType::ListOfDicts => list_of_dicts(json),
    }
}

/// Converts a present value of the output.
pub(super) fn output<'a>(field: &Field, json: &'a str) -> Result<Cow<'a, str>, Complaint> {
    match resolve(field) {
        FieldType::AsIs | FieldType::Opaque | FieldType::Auto => Ok(Cow::Borrowed(json)),
        FieldType::Text => as_text(json),
        FieldType::Utc => utc(json),
        FieldType::Boolean => boolean(json),
        FieldType::Integer => integer(field, json),
        FieldType::Float => float(json),
        FieldType::Decimal => decimal(json),
        FieldType::Csv => join_csv(json),
        FieldType::List => elements(json, &[]).map(|parts| text::join_list(parts).into()),
        FieldType::Dict if Shape::of(json) == Shape::Object => Ok(Cow::Borrowed(json)),
        FieldType::Dict => Err(expected("a dictionary", json)),
        FieldType::ListOfDicts => list_of_dicts(json),
    }
}

fn expected(what: &str, json: &str) -> Complaint {
    format!("expected {what}, got {}", text::shown(json))
}

fn as_text(json: &str) -> Result<Cow<'_, str>, Complaint> {
    let value = text::scalar(json).ok_or_else(|| expected("text", json))?;
    // A string without escapes is its own canonical form.
    if Shape::of(json) == Shape::Text && !json.contains('\\') {
        return Ok(Cow::Borrowed(json));
    }
    Ok(Cow::Owned(text::quote(&value)))
}

fn utc(json: &str) -> Result<Cow<'_, str>, Complaint> {
    let value = text::scalar(json).ok_or_else(|| expected("a time as text", json))?;
    match value.strip_suffix("+00:00") {
        Some(stripped) => Ok(Cow::Owned(text::quote(stripped))),
        None => as_text(json),
    }
}

fn boolean(json: &str) -> Result<Cow<'_, str>, Complaint> {
    let value = text::scalar(json).and_then(|word| text::boolean(&word));
    match value {
        Some(true) => Ok(Cow::Borrowed("true")),
        Some(false) => Ok(Cow::Borrowed("false")),
        None => Err(expected("true or false", json)),
    }
}

/// An empty value is left alone, as in Zato; so is `ZATO_NONE` where only the name makes it an integer.
fn integer<'a>(field: &Field, json: &'a str) -> Result<Cow<'a, str>, Complaint> {
    let value = text::scalar(json).ok_or_else(|| expected("an integer", json))?;
    if value.is_empty() || (value == ZATO_NONE && field.ty == FieldType::Auto) {
        return Ok(Cow::Owned(text::quote(&value)));
    }
    match text::integer(&value) {
        Some(digits) => Ok(Cow::Owned(digits)),
        None => Err(expected("an integer", json)),
    }
}

fn float(json: &str) -> Result<Cow<'_, str>, Complaint> {
    let value = text::scalar(json).ok_or_else(|| expected("a number", json))?;
    if value.is_empty() {
        return Ok(Cow::Borrowed("\"\""));
    }
    let number = text::number(&value).ok_or_else(|| expected("a number", json))?;
    // The digits stay as they are; what no float holds would be infinite in the service.
    if number.parse().is_ok_and(f64::is_infinite) {
        return Err(expected("a number that a float can hold", json));
    }
    Ok(Cow::Owned(number))
}

fn decimal(json: &str) -> Result<Cow<'_, str>, Complaint> {
    let value = text::scalar(json).ok_or_else(|| expected("a decimal number", json))?;
    let trimmed = value.trim();
    if !trimmed.is_empty() && text::number(trimmed).is_none() {
        return Err(expected("a decimal number", json));
    }
    Ok(Cow::Owned(text::quote(trimmed)))
}

fn split_csv(json: &str) -> Result<Cow<'_, str>, Complaint> {
    if Shape::of(json) == Shape::List {
        return list_of_texts(json).map(|parts| text::join_list(parts).into());
    }
    let value = text::scalar(json).ok_or_else(|| expected("values separated by commas", json))?;
    if value.is_empty() {
        return Ok(Cow::Borrowed("[]"));
    }
    Ok(text::join_list(value.split(',').map(text::quote)).into())
}

fn join_csv(json: &str) -> Result<Cow<'_, str>, Complaint> {
    if Shape::of(json) != Shape::List {
        return as_text(json);
    }
    let parts: Option<Vec<Cow<'_, str>>> =
        text::list(json).and_then(|parts| parts.into_iter().map(text::scalar).collect());
    let parts = parts.ok_or_else(|| expected("a list of single values", json))?;
    Ok(Cow::Owned(text::quote(&parts.join(","))))
}

fn list_of_texts(json: &str) -> Result<Vec<String>, Complaint> {
    let parts = text::list(json).ok_or_else(|| expected("a list", json))?;
    parts
        .into_iter()
        .map(|part| as_text(part).map(Cow::into_owned))
        .collect()
}

/// The elements of a list in any of its shapes: a JSON list, the tree of `<name><item/>...</name>`, an empty element,
/// or one value that stands for a list of one.
fn elements<'a>(json: &'a str, wrappers: &[&str]) -> Result<Vec<&'a str>, Complaint> {
    let bad = || expected("a list", json);
    match Shape::of(json) {
        Shape::Null => Ok(Vec::new()),
        Shape::List => text::list(json).ok_or_else(bad),
        Shape::Object => {
            let members = text::object(json).ok_or_else(bad)?;
            match members.first() {
                Some((key, inner)) if members.len() == 1 && wrappers.contains(&key.as_str()) => {
                    match Shape::of(inner) {
                        Shape::List => text::list(inner).ok_or_else(bad),
                        Shape::Null
                        | Shape::Boolean
                        | Shape::Number
                        | Shape::Text
                        | Shape::Object => Ok(vec![*inner]),
                    }
                }
                Some(_) | None => Ok(vec![json]),
            }
        }
        Shape::Text if json == "\"\"" => Ok(Vec::new()),
        Shape::Text | Shape::Boolean | Shape::Number => Ok(vec![json]),
    }
}

/// A dictionary: a JSON object, an empty element, or the tree of `<name><item><key/><value/></item>...</name>`.
fn dict(json: &str) -> Result<Cow<'_, str>, Complaint> {
    if json == "\"\"" {
        return Ok(Cow::Borrowed("{}"));
    }
    if Shape::of(json) != Shape::Object {
        return Err(expected("a dictionary", json));
    }
    let members = text::object(json).ok_or_else(|| expected("a dictionary", json))?;
    let pairs = match members.get("item") {
        Some(_) if members.len() == 1 => pairs(json),
        Some(_) | None => None,
    };
    match pairs {
        Some(pairs) => {
            let members = pairs.iter().map(|(key, value)| (key.as_ref(), *value));
            Ok(Cow::Owned(text::join_object(members)))
        }
        None => Ok(Cow::Borrowed(json)),
    }
}

/// The pairs of `{"item": [{"key": .., "value": ..}, ..]}`; `None` when an item is anything else.
fn pairs(json: &str) -> Option<Vec<(Cow<'_, str>, &str)>> {
    let items = elements(json, &["item"]).ok()?;
    items
        .into_iter()
        .map(|item| {
            let members = text::object(item)?;
            if members.len() != 2 {
                return None;
            }
            let key = text::scalar(members.get("key")?)?;
            Some((key, *members.get("value")?))
        })
        .collect()
}

fn list_of_dicts(json: &str) -> Result<Cow<'_, str>, Complaint> {
    let parts = elements(json, &["item_dict", "dict", "item"])
        .map_err(|_| expected("a list of dictionaries", json))?;
    let dicts: Vec<Cow<'_, str>> = parts
        .into_iter()
        .map(|part| dict(part).map_err(|_| expected("a list of dictionaries", part)))
        .collect::<Result<_, _>>()?;
    Ok(Cow::Owned(text::join_list(dicts)))
}
