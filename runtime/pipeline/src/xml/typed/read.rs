//! An element as JSON text.

use busker_model::Fault;
use roxmltree::Node;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{ENTRY, ITEM, JSON, KEY, Shape};
use crate::decode::check_depth;
use crate::xml::{XSI, tree};

/// Appends the JSON text of an element. Depth is bounded by the scan, so recursion is.
///
/// # Errors
/// `Invalid` where JSON text is declared and there is none; all else is left to what reads the JSON.
pub(crate) fn value(out: &mut String, node: Node<'_, '_>, schema: &Value) -> Result<(), Fault> {
    if matches!(node.attribute((XSI, "nil")), Some("true" | "1")) {
        out.push_str("null");
        return Ok(());
    }
    let shape = if says_json(node) {
        Shape::Json
    } else {
        Shape::of(schema)
    };
    match shape {
        Shape::Json => return json(out, node),
        Shape::Object(fields) => return object(out, node, fields),
        Shape::List(items) if is_made_of(node, ITEM) => return list(out, node, items),
        Shape::Map(values) if is_made_of(node, ENTRY) => return map(out, node, values),
        Shape::Text | Shape::Boolean | Shape::Integer | Shape::Number if is_leaf(node) => {
            let text = text_of(node);
            let plain = text.trim();
            let known = match shape {
                Shape::Boolean => boolean(plain).map(str::to_owned),
                Shape::Integer => integer(plain),
                Shape::Number => number(plain),
                Shape::Text | Shape::List(_) | Shape::Map(_) | Shape::Object(_) | Shape::Json => {
                    None
                }
            };
            out.push_str(&known.unwrap_or_else(|| quoted(&text)));
        }
        Shape::Text
        | Shape::Boolean
        | Shape::Integer
        | Shape::Number
        | Shape::List(_)
        | Shape::Map(_) => out.push_str(&tree::value(node).to_string()),
    }
    Ok(())
}

/// Whether an element says by itself that it holds JSON text.
fn says_json(node: Node<'_, '_>) -> bool {
    let declared = node.attribute((XSI, "type")).unwrap_or_default();
    declared.rsplit(':').next() == Some(JSON)
}

fn json(out: &mut String, node: Node<'_, '_>) -> Result<(), Fault> {
    let text = text_of(node);
    let bad = |why: String| {
        let name = node.tag_name().name();
        Fault::invalid(format!(
            "{name}: must be JSON text, such as {{\"a\": 1}}, 5 or \"text\" in quotes: {why}"
        ))
    };
    if !is_leaf(node) {
        return Err(bad("it holds elements".to_owned()));
    }
    check_depth(text.as_bytes()).map_err(|fault| bad(fault.message.to_string()))?;
    let read: &RawValue = serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?;
    out.push_str(read.get());
    Ok(())
}

/// Fields in the order they came. One that is not declared is there all the same, and so is an attribute: whoever reads
/// the JSON refuses them by name.
fn object(out: &mut String, node: Node<'_, '_>, fields: &Map<String, Value>) -> Result<(), Fault> {
    let mut comma = opened(out, '{');
    let is_entry = node.tag_name().name() == ENTRY;
    for attribute in node.attributes() {
        // The key of an entry is no part of its value.
        let is_key = is_entry && attribute.name() == KEY;
        if is_key || attribute.namespace() == Some(XSI) {
            continue;
        }
        comma(out);
        member(out, &format!("@{}", attribute.name()));
        out.push_str(&quoted(attribute.value()));
    }
    for child in node.children() {
        if child.is_element() {
            let name = child.tag_name().name();
            comma(out);
            member(out, name);
            match fields.get(name) {
                Some(schema) => value(out, child, schema)?,
                None => out.push_str(&tree::value(child).to_string()),
            }
        } else if child.is_text() && child.text().is_some_and(|text| !text.trim().is_empty()) {
            comma(out);
            member(out, "#text");
            out.push_str(&quoted(child.text().unwrap_or_default()));
        }
    }
    out.push('}');
    Ok(())
}

fn list(out: &mut String, node: Node<'_, '_>, items: &Value) -> Result<(), Fault> {
    let mut comma = opened(out, '[');
    for item in node.children().filter(Node::is_element) {
        comma(out);
        value(out, item, items)?;
    }
    out.push(']');
    Ok(())
}

fn map(out: &mut String, node: Node<'_, '_>, values: &Value) -> Result<(), Fault> {
    let mut comma = opened(out, '{');
    for entry in node.children().filter(Node::is_element) {
        comma(out);
        member(out, entry.attribute(KEY).unwrap_or_default());
        value(out, entry, values)?;
    }
    out.push('}');
    Ok(())
}

/// Opens a list or an object; what it answers writes a comma before all but the first.
fn opened(out: &mut String, bracket: char) -> impl FnMut(&mut String) + use<> {
    out.push(bracket);
    let mut is_first = true;
    move |out| {
        if !std::mem::take(&mut is_first) {
            out.push(',');
        }
    }
}

fn member(out: &mut String, name: &str) {
    out.push_str(&quoted(name));
    out.push(':');
}

fn is_leaf(node: Node<'_, '_>) -> bool {
    !node.children().any(|child| child.is_element())
}

/// Whether all children of an element are of one name, and entries have their key.
fn is_made_of(node: Node<'_, '_>, name: &str) -> bool {
    node.children().all(|child| {
        if child.is_element() {
            let has_key = name != ENTRY || child.has_attribute(KEY);
            child.tag_name().name() == name && has_key
        } else {
            child.text().is_none_or(|text| text.trim().is_empty()) || !child.is_text()
        }
    })
}

fn text_of(node: Node<'_, '_>) -> String {
    let texts = node.children().filter(Node::is_text);
    texts.filter_map(|text| text.text()).collect()
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn boolean(text: &str) -> Option<&'static str> {
    match text {
        "true" | "1" => Some("true"),
        "false" | "0" => Some("false"),
        _ => None,
    }
}

/// `xsd:integer`: a sign, and zeros before it, are allowed.
fn integer(text: &str) -> Option<String> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = digits.trim_start_matches('0');
    Some(if digits.is_empty() {
        "0".to_owned()
    } else {
        format!("{sign}{digits}")
    })
}

/// A number with the digits it came with where JSON writes it the same, else as a number.
fn number(text: &str) -> Option<String> {
    if let Ok(same) = serde_json::from_str::<&RawValue>(text)
        && same
            .get()
            .starts_with(|c: char| c.is_ascii_digit() || c == '-')
    {
        return Some(same.get().to_owned());
    }
    let known = text.parse::<f64>().ok().filter(|known| known.is_finite());
    known.map(|known| Value::from(known).to_string())
}
