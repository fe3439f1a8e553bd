//! JSON text as XML, the inverse of `tree`.
//!
//! It walks JSON text rather than a `Value`, so that a number goes out with the digits it came with.

use std::borrow::Cow;

use busker_model::Fault;
use busker_model::sio::{Field, FieldType};
use indexmap::IndexMap;
use serde_json::value::RawValue;

use super::{MAX_XML_DEPTH, XSI};

type Members<'a> = IndexMap<String, &'a RawValue>;

/// Writes JSON text as an element: a list repeats the element, null is `xsi:nil`, `@name` is an attribute and `#text`
/// the text beside it.
///
/// # Errors
/// `Internal`: a key that is no XML name, a character XML has no form for, or nesting deeper than
/// [`MAX_XML_DEPTH`].
pub(crate) fn element(out: &mut String, name: &str, json: &str) -> Result<(), Fault> {
    repeated(out, name, json, 0)
}

/// Writes an item of a declared answer, its fields by their types.
///
/// # Errors
/// As [`element`].
pub(crate) fn item(
    out: &mut String,
    name: &str,
    fields: &[Field],
    json: &str,
) -> Result<(), Fault> {
    let Some(members) = read::<Members<'_>>(json).filter(|_| json.starts_with('{')) else {
        return element(out, name, json);
    };
    open(out, name)?;
    for (key, value) in &members {
        match fields.iter().find(|field| field.name == *key) {
            Some(field) => declared(out, field, value.get())?,
            None => element(out, key, value.get())?,
        }
    }
    close(out, name);
    Ok(())
}

fn declared(out: &mut String, field: &Field, json: &str) -> Result<(), Fault> {
    let name = field.name.as_str();
    match field.ty {
        FieldType::List if json.starts_with('[') => {
            open(out, name)?;
            items(out, "item", json, 1)?;
            close(out, name);
            Ok(())
        }
        FieldType::Dict if json.starts_with('{') => dict(out, name, json),
        FieldType::ListOfDicts if json.starts_with('[') => {
            open(out, name)?;
            for part in list(json) {
                dict(out, "dict", part.get())?;
            }
            close(out, name);
            Ok(())
        }
        FieldType::List
        | FieldType::Dict
        | FieldType::ListOfDicts
        | FieldType::Auto
        | FieldType::AsIs
        | FieldType::Boolean
        | FieldType::Integer
        | FieldType::Float
        | FieldType::Decimal
        | FieldType::Text
        | FieldType::Csv
        | FieldType::Utc
        | FieldType::Opaque => element(out, name, json),
    }
}

/// `<name><item><key/><value/></item>...</name>`: keys may be any text, since they are no element names here.
fn dict(out: &mut String, name: &str, json: &str) -> Result<(), Fault> {
    let Some(members) = read::<Members<'_>>(json) else {
        return element(out, name, json);
    };
    open(out, name)?;
    for (key, value) in members {
        out.push_str("<item>");
        leaf(out, "key", &key)?;
        repeated(out, "value", value.get(), 2)?;
        out.push_str("</item>");
    }
    close(out, name);
    Ok(())
}

/// Writes the elements of a JSON list, each as an element of that name; a list in a list is wrapped, not flattened.
pub(crate) fn items(out: &mut String, name: &str, json: &str, depth: usize) -> Result<(), Fault> {
    for part in list(json) {
        single(out, name, part.get(), depth)?;
    }
    Ok(())
}

fn repeated(out: &mut String, name: &str, json: &str, depth: usize) -> Result<(), Fault> {
    if json.starts_with('[') {
        return items(out, name, json, depth);
    }
    single(out, name, json, depth)
}

fn single(out: &mut String, name: &str, json: &str, depth: usize) -> Result<(), Fault> {
    if depth >= MAX_XML_DEPTH {
        return Err(Fault::internal(format!(
            "the answer is nested deeper than {MAX_XML_DEPTH} levels"
        )));
    }
    match json.as_bytes().first() {
        Some(b'[') => {
            open(out, name)?;
            items(out, "item", json, depth + 1)?;
            close(out, name);
        }
        Some(b'{') => object(out, name, json, depth)?,
        Some(b'"') => leaf(out, name, &text_of(json))?,
        Some(b'n') | None => {
            check_name(name)?;
            push(
                out,
                &["<", name, " xmlns:xsi=\"", XSI, "\" xsi:nil=\"true\"/>"],
            );
        }
        Some(_) => leaf(out, name, json)?,
    }
    Ok(())
}

fn object(out: &mut String, name: &str, json: &str, depth: usize) -> Result<(), Fault> {
    let members: Members<'_> = read(json).unwrap_or_default();
    check_name(name)?;
    push(out, &["<", name]);
    for (key, value) in &members {
        if let Some(attribute) = key.strip_prefix('@') {
            check_name(attribute)?;
            push(out, &[" ", attribute, "=\""]);
            escape(out, attribute, &text_of(value.get()))?;
            out.push('"');
        }
    }
    out.push('>');
    for (key, value) in members.iter().filter(|(key, _)| !key.starts_with('@')) {
        if key == "#text" {
            escape(out, name, &text_of(value.get()))?;
        } else {
            repeated(out, key, value.get(), depth + 1)?;
        }
    }
    close(out, name);
    Ok(())
}

/// Writes an element with text.
///
/// # Errors
/// As [`element`].
pub(crate) fn leaf(out: &mut String, name: &str, text: &str) -> Result<(), Fault> {
    if text.is_empty() {
        check_name(name)?;
        push(out, &["<", name, "/>"]);
        return Ok(());
    }
    open(out, name)?;
    escape(out, name, text)?;
    close(out, name);
    Ok(())
}

fn open(out: &mut String, name: &str) -> Result<(), Fault> {
    check_name(name)?;
    push(out, &["<", name, ">"]);
    Ok(())
}

fn close(out: &mut String, name: &str) {
    push(out, &["</", name, ">"]);
}

fn push(out: &mut String, parts: &[&str]) {
    parts.iter().for_each(|part| out.push_str(part));
}

/// The members or parts of JSON text; `None` when it is not that shape.
fn read<'a, T: serde::Deserialize<'a>>(json: &'a str) -> Option<T> {
    serde_json::from_str(json).ok()
}

fn list(json: &str) -> Vec<&RawValue> {
    read(json).unwrap_or_default()
}

fn text_of(json: &str) -> Cow<'_, str> {
    match read::<String>(json) {
        Some(text) => Cow::Owned(text),
        None => Cow::Borrowed(json),
    }
}

/// Refuses what cannot name an element (XML 1.0 section 2.3; a colon would ask for a namespace).
///
/// # Errors
/// `Internal`.
pub(crate) fn check_name(name: &str) -> Result<(), Fault> {
    let mut chars = name.chars();
    let fine = chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && chars.all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'));
    if fine {
        return Ok(());
    }
    Err(
        Fault::internal(format!("{name:?} cannot be the name of an XML element"))
            .code("bad-output"),
    )
}

/// Whether XML 1.0 (section 2.2) has a form for a character.
pub(crate) fn is_legal(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        other => other >= ' ',
    }
}

/// Appends text for content or a double-quoted attribute. A carriage return is written as a reference, since a parser
/// would turn it into a line feed.
///
/// # Errors
/// `Internal`, naming the field, for a character XML has no form for.
pub(crate) fn escape(out: &mut String, field: &str, text: &str) -> Result<(), Fault> {
    if let Some(wrong) = text.chars().find(|&c| !is_legal(c)) {
        let code = u32::from(wrong);
        return Err(Fault::internal(format!(
            "{field}: the character U+{code:04X} has no form in XML"
        ))
        .code("bad-output"));
    }
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#13;"),
            other => out.push(other),
        }
    }
    Ok(())
}

/// Text with a replacement character where XML has no form: for errors, which must go out whatever they say.
pub(crate) fn softened(text: &str) -> String {
    text.chars()
        .map(|c| {
            if is_legal(c) {
                c
            } else {
                char::REPLACEMENT_CHARACTER
            }
        })
        .collect()
}
