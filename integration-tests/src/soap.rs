//! Input of admin services as SOAP, written by the rule of the guide and by none of the code under test.

use serde_json::Value;

/// Namespace of the elements of admin services.
pub const ADMIN: &str = "urn:busker:admin:1";
/// Namespaces of envelopes, with the content types that go with them.
pub const ENVELOPES: [(&str, &str); 2] = [
    (
        "http://schemas.xmlsoap.org/soap/envelope/",
        "text/xml; charset=utf-8",
    ),
    (
        "http://www.w3.org/2003/05/soap-envelope",
        "application/soap+xml; charset=utf-8",
    ),
];

/// An envelope around content.
#[must_use]
pub fn envelope(namespace: &str, inner: &str) -> String {
    format!("<e:Envelope xmlns:e=\"{namespace}\"><e:Body>{inner}</e:Body></e:Envelope>")
}

/// The request element of an operation.
#[must_use]
pub fn request(element: &str, schema: &Value, input: &Value) -> String {
    format!(
        "<{element} xmlns=\"{ADMIN}\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">{}</{element}>",
        inside(schema, input)
    )
}

fn inside(schema: &Value, value: &Value) -> String {
    match (
        value,
        &schema["properties"],
        &schema["items"],
        &schema["additionalProperties"],
    ) {
        // Fields that a schema names beside any others are not told apart: all of them are JSON text.
        (Value::Object(_), Value::Object(_), _, Value::Bool(true)) => escaped(&value.to_string()),
        (Value::Object(fields), Value::Object(known), _, _) => fields
            .iter()
            .map(|(name, value)| element(name, known.get(name).unwrap_or(&Value::Null), value))
            .collect(),
        (Value::Array(parts), _, items @ Value::Object(_), _) => parts
            .iter()
            .map(|part| element("item", items, part))
            .collect(),
        (Value::Object(fields), _, _, values @ Value::Object(_)) => fields
            .iter()
            .map(|(key, value)| {
                format!(
                    "<entry key=\"{}\">{}</entry>",
                    escaped(key),
                    inside(values, value)
                )
            })
            .collect(),
        (Value::String(text), ..) if is_text(schema) => escaped(text),
        (Value::Bool(_) | Value::Number(_), ..) => value.to_string(),
        // What no schema describes is JSON text.
        _ => escaped(&value.to_string()),
    }
}

fn element(name: &str, schema: &Value, value: &Value) -> String {
    if value.is_null() {
        return format!("<{name} xsi:nil=\"true\"/>");
    }
    format!("<{name}>{}</{name}>", inside(schema, value))
}

fn is_text(schema: &Value) -> bool {
    let is_string = |ty: &Value| ty == "string";
    let types = schema["type"].as_array();
    is_string(&schema["type"])
        || types.is_some_and(|types| types.iter().any(is_string))
        || schema["enum"].is_array()
        || schema["oneOf"].is_array()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\r', "&#13;")
}
