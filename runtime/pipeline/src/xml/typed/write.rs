//! JSON text as an element.

use busker_model::Fault;
use indexmap::IndexMap;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{ENTRY, ITEM, JSON, KEY, Shape};
use crate::xml::MAX_XML_DEPTH;
use crate::xml::write::{check_name, escape, is_legal};

/// Prefix of `xsi:nil` and `xsi:type`, which the element around declares.
pub(crate) const XSI_PREFIX: &str = "xsi";
/// Prefix of the type of JSON text, which the element around declares.
pub(crate) const OWN_PREFIX: &str = "b";

/// An element that is being written: its name, and the key of an entry.
#[derive(Clone, Copy)]
pub(crate) struct Tag<'a> {
    pub(crate) name: &'a str,
    pub(crate) key: Option<&'a str>,
}

impl<'a> Tag<'a> {
    pub(crate) const fn of(name: &'a str) -> Self {
        Self { name, key: None }
    }

    fn open(self, out: &mut String, more: &str) -> Result<(), Fault> {
        check_name(self.name)?;
        out.push('<');
        out.push_str(self.name);
        if let Some(key) = self.key {
            let mut escaped = String::with_capacity(key.len());
            escape(&mut escaped, KEY, key)?;
            // A parser takes white space in an attribute for spaces unless it is written as a reference.
            let escaped = escaped.replace('\n', "&#10;").replace('\t', "&#9;");
            out.push_str(&format!(" {KEY}=\"{escaped}\""));
        }
        out.push_str(more);
        out.push('>');
        Ok(())
    }

    fn close(self, out: &mut String) {
        out.push_str("</");
        out.push_str(self.name);
        out.push('>');
    }
}

/// Appends the element of JSON text. Fields of an object that the schema does not name are left out.
///
/// # Errors
/// `Internal`: nesting deeper than [`MAX_XML_DEPTH`], or a name or key XML has no form for.
pub(crate) fn element(
    out: &mut String,
    tag: Tag<'_>,
    schema: &Value,
    text: &str,
    depth: usize,
) -> Result<(), Fault> {
    if depth >= MAX_XML_DEPTH {
        return Err(Fault::internal(format!(
            "the answer is nested deeper than {MAX_XML_DEPTH} levels"
        )));
    }
    let text = text.trim_ascii();
    if text == "null" {
        tag.open(out, &format!(" {XSI_PREFIX}:nil=\"true\""))?;
        tag.close(out);
        return Ok(());
    }
    let shape = Shape::of(schema);
    if let Some(plain) = plain(shape, text) {
        tag.open(out, "")?;
        escape(out, tag.name, &plain)?;
        tag.close(out);
        return Ok(());
    }
    match shape {
        Shape::Object(_) | Shape::List(_) | Shape::Map(_) if fits(shape, text) => {
            tag.open(out, "")?;
            inside(out, shape, text, depth + 1)?;
            tag.close(out);
            Ok(())
        }
        Shape::Json => json(out, tag, "", text),
        Shape::Text
        | Shape::Boolean
        | Shape::Integer
        | Shape::Number
        | Shape::List(_)
        | Shape::Map(_)
        | Shape::Object(_) => {
            let says = format!(" {XSI_PREFIX}:type=\"{OWN_PREFIX}:{JSON}\"");
            json(out, tag, &says, text)
        }
    }
}

/// Appends what stands inside an element of fields, items or entries.
pub(crate) fn inside(
    out: &mut String,
    shape: Shape<'_>,
    text: &str,
    depth: usize,
) -> Result<(), Fault> {
    match shape {
        Shape::Object(fields) => {
            let members = members(text);
            // The order of the schema, which a sequence of XML Schema asks for.
            for (name, schema) in fields {
                if let Some(value) = members.get(name) {
                    element(out, Tag::of(name), schema, value.get(), depth)?;
                }
            }
        }
        Shape::List(items) => {
            let parts: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
            for part in parts {
                element(out, Tag::of(ITEM), items, part.get(), depth)?;
            }
        }
        Shape::Map(values) => {
            for (key, value) in members(text) {
                let tag = Tag {
                    name: ENTRY,
                    key: Some(&key),
                };
                element(out, tag, values, value.get(), depth)?;
            }
        }
        Shape::Text | Shape::Boolean | Shape::Integer | Shape::Number | Shape::Json => {}
    }
    Ok(())
}

fn members(text: &str) -> IndexMap<String, &RawValue> {
    serde_json::from_str(text).unwrap_or_default()
}

fn fits(shape: Shape<'_>, text: &str) -> bool {
    match shape {
        Shape::List(_) => text.starts_with('['),
        Shape::Object(_) | Shape::Map(_) => text.starts_with('{'),
        Shape::Text | Shape::Boolean | Shape::Integer | Shape::Number | Shape::Json => false,
    }
}

/// The text of a single value that is of its type and has a form in XML.
fn plain(shape: Shape<'_>, text: &str) -> Option<String> {
    let is_number = text.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    match shape {
        Shape::Text => {
            let read: String = serde_json::from_str(text).ok()?;
            read.chars().all(is_legal).then_some(read)
        }
        Shape::Boolean => matches!(text, "true" | "false").then(|| text.to_owned()),
        Shape::Integer => (is_number && !text.contains(['.', 'e', 'E'])).then(|| text.to_owned()),
        Shape::Number => is_number.then(|| text.to_owned()),
        Shape::List(_) | Shape::Map(_) | Shape::Object(_) | Shape::Json => None,
    }
}

/// JSON text; the characters that JSON may hold and XML may not are escaped as JSON escapes them.
fn json(out: &mut String, tag: Tag<'_>, more: &str, text: &str) -> Result<(), Fault> {
    tag.open(out, more)?;
    let text = text
        .replace('\u{fffe}', "\\ufffe")
        .replace('\u{ffff}', "\\uffff");
    escape(out, tag.name, &text)?;
    tag.close(out);
    Ok(())
}
