//! XML and JSON trees: one shape for both, so that a service reads `payload.customer.payment.date` alike from either.
//!
//! Element children become fields by local name, repeated ones a list, text a string, attributes `@name`, text beside
//! them `#text`, `xsi:nil` null. DTDs and processing instructions are refused, so nothing external is ever opened.

use std::borrow::Cow;

use busker_model::Fault;
use quick_xml::events::Event;
use roxmltree::{Document, Node, ParsingOptions};
use serde_json::{Map, Value};

use crate::decode::SoapVersion;

/// Deepest nesting of an XML body.
pub const MAX_XML_DEPTH: usize = 64;
/// Most attributes of one element.
pub const MAX_XML_ATTRIBUTES: usize = 64;
/// Most elements and texts of a body.
pub const MAX_XML_NODES: u32 = 100_000;

const SOAP_11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
const SOAP_12: &str = "http://www.w3.org/2003/05/soap-envelope";
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

fn bad(message: impl std::fmt::Display) -> Fault {
    Fault::invalid(format!("body: {message}"))
}

/// Transcodes to UTF-8: the charset of the content type first, then a byte order mark, then the XML declaration.
pub(crate) fn to_text<'a>(
    raw: &'a [u8],
    content_type: Option<&str>,
) -> Result<Cow<'a, str>, Fault> {
    let from_header = content_type
        .and_then(|value| {
            value
                .to_ascii_lowercase()
                .split("charset=")
                .nth(1)
                .map(ToOwned::to_owned)
        })
        .map(|rest| {
            rest.trim_matches(['"', ' ', '\''])
                .split([';', '"'])
                .next()
                .unwrap_or_default()
                .to_owned()
        });
    let label = from_header
        .or_else(|| declared(raw))
        .unwrap_or_else(|| "utf-8".to_owned());
    let encoding = encoding_rs::Encoding::for_label(label.as_bytes())
        .ok_or_else(|| bad(format!("unknown charset {label:?}")))?;
    let (text, used, broken) = encoding.decode(raw);
    if broken {
        return Err(bad(format!("not valid {}", used.name())));
    }
    Ok(text)
}

fn declared(raw: &[u8]) -> Option<String> {
    let head = raw.get(..raw.len().min(200))?;
    let head = String::from_utf8_lossy(head);
    let declaration = head.strip_prefix("<?xml")?.split("?>").next()?.to_owned();
    let value = declaration.split("encoding=").nth(1)?.trim_start();
    let quote = value
        .chars()
        .next()
        .filter(|mark| *mark == '"' || *mark == '\'')?;
    value
        .trim_start_matches(quote)
        .split(quote)
        .next()
        .map(ToOwned::to_owned)
}

/// A cheap pass before the tree is built: a DOM is quadratic in attributes and unbounded in depth.
fn prescan(text: &str) -> Result<(), Fault> {
    let mut reader = quick_xml::Reader::from_str(text);
    let mut depth = 0_usize;
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => {
                depth += 1;
                if depth > MAX_XML_DEPTH {
                    return Err(bad(format!("nested deeper than {MAX_XML_DEPTH} elements")));
                }
                attributes(start.attributes().with_checks(false).count())?;
            }
            Ok(Event::Empty(start)) => attributes(start.attributes().with_checks(false).count())?,
            Ok(Event::End(_)) => depth = depth.saturating_sub(1),
            Ok(Event::DocType(_)) => return Err(bad("a DOCTYPE is not accepted")),
            Ok(Event::PI(_)) => return Err(bad("a processing instruction is not accepted")),
            Ok(Event::Eof) => return Ok(()),
            Ok(_) => {}
            Err(error) => return Err(bad(format!("not well-formed XML: {error}"))),
        }
    }
}

fn attributes(count: usize) -> Result<(), Fault> {
    if count > MAX_XML_ATTRIBUTES {
        return Err(bad(format!(
            "an element has more than {MAX_XML_ATTRIBUTES} attributes"
        )));
    }
    Ok(())
}

fn parse(text: &str) -> Result<Document<'_>, Fault> {
    prescan(text)?;
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: MAX_XML_NODES,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(text, options)
        .map_err(|error| bad(format!("not well-formed XML: {error}")))
}

/// Reads a document into a tree.
pub(crate) fn read(text: &str) -> Result<Value, Fault> {
    let document = parse(text.trim_start_matches('\u{feff}'))?;
    Ok(value(document.root_element()))
}

/// Reads the body of a SOAP envelope; `None` when it is empty, a list when it has several children.
pub(crate) fn read_soap(text: &str) -> Result<(SoapVersion, Option<Value>), Fault> {
    let document = parse(text.trim_start_matches('\u{feff}'))?;
    let root = document.root_element();
    let namespace = root.tag_name().namespace().unwrap_or_default();
    let version = match (root.tag_name().name(), namespace) {
        ("Envelope", SOAP_11) => SoapVersion::V11,
        ("Envelope", SOAP_12) => SoapVersion::V12,
        ("Envelope", _) => {
            return Err(bad(format!("unknown SOAP version {namespace:?}")).code("version-mismatch"));
        }
        _ => return Err(bad("not a SOAP envelope")),
    };
    let child = |name: &str| {
        root.children()
            .find(|node| node.has_tag_name((namespace, name)))
    };
    let must = |node: &Node<'_, '_>| {
        matches!(
            node.attribute((namespace, "mustUnderstand")),
            Some("1" | "true")
        )
    };
    if let Some(header) = child("Header")
        && let Some(block) = header.children().filter(Node::is_element).find(must)
    {
        let name = block.tag_name().name();
        return Err(bad(format!(
            "the header {name:?} must be understood, and is not"
        ))
        .code("must-understand"));
    }
    let body = child("Body").ok_or_else(|| {
        Fault::invalid("Client did not send the [/soapenv:Envelope/soapenv:Body] element")
    })?;
    let mut children: Vec<Value> = body
        .children()
        .filter(Node::is_element)
        .map(value)
        .collect();
    let payload = match children.len() {
        0 => None,
        1 => children.pop(),
        _ => Some(Value::Array(children)),
    };
    Ok((version, payload))
}

/// Depth is bounded by the scan, so recursion is.
fn value(node: Node<'_, '_>) -> Value {
    if matches!(node.attribute((XSI, "nil")), Some("true" | "1")) {
        return Value::Null;
    }
    let mut fields = Map::new();
    for attribute in node
        .attributes()
        .filter(|attribute| attribute.namespace() != Some(XSI))
    {
        fields.insert(
            format!("@{}", attribute.name()),
            Value::String(attribute.value().to_owned()),
        );
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
    if !has_elements || !text.trim().is_empty() {
        fields.insert("#text".to_owned(), Value::String(text));
    }
    Value::Object(fields)
}

/// Adds a field; the second of a name makes a list.
pub(crate) fn add(fields: &mut Map<String, Value>, name: String, value: Value) {
    match fields.get_mut(&name) {
        None => {
            fields.insert(name, value);
        }
        Some(Value::Array(list)) => list.push(value),
        Some(other) => *other = Value::Array(vec![other.take(), value]),
    }
}

/// Writes a tree as the content of an element.
///
/// # Errors
/// `Internal` for a key that is no XML name or a character XML has no form for.
pub(crate) fn write(out: &mut String, name: &str, value: &Value) -> Result<(), Fault> {
    if !is_name(name) {
        return Err(Fault::internal(format!(
            "{name:?} cannot be the name of an XML element"
        )));
    }
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| write(out, name, item)),
        Value::Null => {
            out.push_str(&format!("<{name}/>"));
            Ok(())
        }
        Value::Object(fields) => {
            out.push_str(&format!("<{name}"));
            for (key, value) in fields {
                if let Some(attribute) = key.strip_prefix('@') {
                    let text = escaped(attribute, &plain(value))?;
                    out.push_str(&format!(" {attribute}=\"{text}\""));
                }
            }
            out.push('>');
            for (key, value) in fields.iter().filter(|(key, _)| !key.starts_with('@')) {
                if key == "#text" {
                    out.push_str(&escaped(name, &plain(value))?);
                } else {
                    write(out, key, value)?;
                }
            }
            out.push_str(&format!("</{name}>"));
            Ok(())
        }
        Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            let text = escaped(name, &plain(value))?;
            out.push_str(&format!("<{name}>{text}</{name}>"));
            Ok(())
        }
    }
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), ToOwned::to_owned)
}

pub(crate) fn escaped(field: &str, text: &str) -> Result<String, Fault> {
    let illegal = |c: char| {
        (c < ' ' && !matches!(c, '\t' | '\n' | '\r')) || matches!(c, '\u{fffe}' | '\u{ffff}')
    };
    if let Some(wrong) = text.chars().find(|&c| illegal(c)) {
        let code = u32::from(wrong);
        return Err(Fault::internal(format!(
            "{field}: the character U+{code:04X} has no form in XML"
        )));
    }
    Ok(quick_xml::escape::escape(text).into_owned())
}

fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars
        .next()
        .is_some_and(|first| first.is_alphabetic() || first == '_')
        && chars.all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
}
