//! An element as a JSON value. All leaves are strings, so nothing is lost in a `Value`.

use busker_model::Fault;
use roxmltree::Node;
use serde_json::{Map, Value};

use super::{XSI, parse};

/// Reads a document into the tree of its root element.
pub(crate) fn read(text: &str) -> Result<Value, Fault> {
    let document = parse(text)?;
    Ok(value(document.root_element()))
}

/// Depth is bounded by the scan, so recursion is.
pub(super) fn value(node: Node<'_, '_>) -> Value {
    if matches!(node.attribute((XSI, "nil")), Some("true" | "1")) {
        return Value::Null;
    }
    let mut fields = Map::new();
    // `xsi:type` and its like speak of the schema, not of the content.
    for attribute in node.attributes().filter(|a| a.namespace() != Some(XSI)) {
        fields
            .entry(format!("@{}", attribute.name()))
            .or_insert_with(|| Value::String(attribute.value().to_owned()));
    }
    let mut text = String::new();
    let mut has_elements = false;
    for child in node.children() {
        if child.is_element() {
            has_elements = true;
            add(
                &mut fields,
                child.tag_name().name().to_owned(),
                value(child),
            );
        } else if child.is_text() {
            text.push_str(child.text().unwrap_or_default());
        }
    }
    if fields.is_empty() {
        return Value::String(text);
    }
    // White space between elements is layout.
    let has_text = !text.trim().is_empty() || (!has_elements && !text.is_empty());
    if has_text {
        fields.insert("#text".to_owned(), Value::String(text));
    }
    Value::Object(fields)
}

/// Adds a field; the second of a name makes a list. No value of a form or an element is a list by itself.
pub(crate) fn add(fields: &mut Map<String, Value>, name: String, value: Value) {
    match fields.get_mut(&name) {
        None => {
            fields.insert(name, value);
        }
        Some(Value::Array(list)) => list.push(value),
        Some(other) => *other = Value::Array(vec![other.take(), value]),
    }
}
