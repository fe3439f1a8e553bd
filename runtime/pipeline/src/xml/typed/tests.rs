use proptest::prelude::*;
use serde_json::{Value, json};

use super::write::Tag;
use super::{read, write};
use crate::xml::{XSI, parse};

fn schema() -> Value {
    json!({"type": "object", "properties": {
        "name": {"type": "string"},
        "word": {"enum": ["a", "b", null]},
        "choice": {"oneOf": [{"type": "string", "const": "1.1"}, {"type": "string", "const": "1.2"}]},
        "active": {"type": "boolean"},
        "limit": {"type": ["integer", "null"]},
        "mean": {"type": "number"},
        "names": {"type": "array", "items": {"type": "string"}},
        "rows": {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "integer"}}}},
        "headers": {"type": "object", "additionalProperties": {"type": "string"}},
        "settings": {"type": "object", "properties": {"path": {"type": "string"}}},
        "payload": {},
        "open": {"type": "object"},
    }})
}

fn written(value: &Value, schema: &Value) -> String {
    let mut out = String::new();
    write::element(&mut out, Tag::of("r"), schema, &value.to_string(), 0).unwrap();
    out.replacen(
        "<r",
        &format!("<r xmlns=\"urn:x\" xmlns:xsi=\"{XSI}\" xmlns:b=\"urn:x\""),
        1,
    )
}

fn read_back(xml: &str, schema: &Value) -> String {
    let document = parse(xml).unwrap();
    let mut out = String::new();
    read::value(&mut out, document.root_element(), schema).unwrap();
    out
}

#[test]
fn every_shape_is_written_as_the_table_says_and_read_back() {
    let value = json!({
        "name": " <a> & \r\n b", "word": null, "choice": "1.2", "active": true, "limit": 9_007_199_254_740_993_i64,
        "mean": 2.5, "names": ["x", ""], "rows": [{"n": 1}, {}], "headers": {"X A": "b", "<": ""},
        "settings": {"path": "/a"}, "payload": [1, {"a": "<b>"}], "open": {"a b": null},
    });
    let xml = written(&value, &schema());
    for part in [
        "<name> &lt;a&gt; &amp; &#13;\n b</name>",
        "<word xsi:nil=\"true\"></word>",
        "<limit>9007199254740993</limit>",
        "<names><item>x</item><item></item></names>",
        "<rows><item><n>1</n></item><item></item></rows>",
        "<headers><entry key=\"X A\">b</entry><entry key=\"&lt;\"></entry></headers>",
        "<settings><path>/a</path></settings>",
        "<payload>[1,{&quot;a&quot;:&quot;&lt;b&gt;&quot;}]</payload>",
    ] {
        assert!(xml.contains(part), "{part} in {xml}");
    }
    assert_eq!(read_back(&xml, &schema()), value.to_string());
}

#[test]
fn what_xml_has_no_form_for_and_what_is_not_of_its_type_is_json_text() {
    let value = json!({"name": "a\u{c}\u{ffff}", "active": "perhaps", "limit": 1.5, "names": "x", "payload": "\u{fffe}\u{1}"});
    let xml = written(&value, &schema());
    assert!(
        xml.contains("<name xsi:type=\"b:json\">&quot;a\\f\\uffff&quot;</name>"),
        "{xml}"
    );
    let back: Value = serde_json::from_str(&read_back(&xml, &schema())).unwrap();
    assert_eq!(back, value);
}

#[test]
fn lexical_forms_of_xml_schema_are_read() {
    let element = |inner: &str| read_back(&format!("<r>{inner}</r>"), &schema());
    for (inner, expected) in [
        ("<active> 1 </active>", r#"{"active":true}"#),
        ("<limit>+007</limit>", r#"{"limit":7}"#),
        ("<limit>-0</limit>", r#"{"limit":0}"#),
        ("<mean>.5</mean>", r#"{"mean":0.5}"#),
        ("<mean>1.10</mean>", r#"{"mean":1.10}"#),
        ("<names/>", r#"{"names":[]}"#),
        ("<headers> </headers>", r#"{"headers":{}}"#),
    ] {
        assert_eq!(element(inner), expected);
    }
}

#[test]
fn what_is_wrong_is_left_for_the_reader_of_the_json() {
    let element = |inner: &str| read_back(&format!("<r>{inner}</r>"), &schema());
    for (inner, expected) in [
        ("<active>yes</active>", r#"{"active":"yes"}"#),
        ("<limit>1e3</limit>", r#"{"limit":"1e3"}"#),
        ("<mean>INF</mean>", r#"{"mean":"INF"}"#),
        ("<name><b>x</b></name>", r#"{"name":{"b":"x"}}"#),
        ("<names><x>1</x></names>", r#"{"names":{"x":"1"}}"#),
        ("<name>a</name><name>b</name>", r#"{"name":"a","name":"b"}"#),
        ("<colr>1</colr>", r#"{"colr":"1"}"#),
        ("text", r##"{"#text":"text"}"##),
    ] {
        assert_eq!(element(inner), expected);
    }
    let document = parse("<r><payload>text</payload></r>").unwrap();
    let refused = read::value(&mut String::new(), document.root_element(), &schema());
    let message = refused.unwrap_err().message;
    assert!(
        message.starts_with("payload: must be JSON text"),
        "{message}"
    );
}

/// A value and a schema that may or may not be its own.
fn described() -> impl Strategy<Value = (Value, Value)> {
    let text = "[\\PC\\x00-\\x1f\u{fffe}\u{ffff}]{0,6}";
    let leaf = prop_oneof![
        Just((Value::Null, json!({}))),
        any::<bool>().prop_map(|b| (json!(b), json!({"type": "boolean"}))),
        any::<i64>().prop_map(|n| (json!(n), json!({"type": "integer"}))),
        any::<i32>().prop_map(|n| (json!(f64::from(n) / 8.0), json!({"type": "number"}))),
        text.prop_map(|s| (json!(s), json!({"type": "string"}))),
        text.prop_map(|s| (json!({"a b": [s]}), json!({}))),
        text.prop_map(|s| (json!(s), json!({"type": "integer"}))),
    ];
    leaf.prop_recursive(4, 32, 4, move |inner| {
        let items = prop::collection::vec(inner.clone(), 0..4).prop_map(|parts| {
            let schema = parts
                .first()
                .map_or(json!({}), |(_, schema)| schema.clone());
            let values: Vec<Value> = parts.into_iter().map(|(value, _)| value).collect();
            (json!(values), json!({"type": "array", "items": schema}))
        });
        let fields = prop::collection::vec(("[a-z]{1,4}", inner.clone()), 0..4).prop_map(|parts| {
            let mut value = json!({});
            let mut schema = json!({"type": "object", "properties": {}});
            for (name, (part, its)) in parts {
                value[&name] = part;
                schema["properties"][&name] = its;
            }
            (value, schema)
        });
        let entries = prop::collection::vec(("[\\PC\n\t\r]{1,4}", inner), 0..4).prop_map(|parts| {
            let schema = parts
                .first()
                .map_or(json!({}), |(_, (_, schema))| schema.clone());
            let mut value = json!({});
            for (name, (part, _)) in parts {
                value[&name] = part;
            }
            (
                value,
                json!({"type": "object", "additionalProperties": schema}),
            )
        });
        prop_oneof![items, fields, entries]
    })
}

proptest! {
    #[test]
    fn nothing_is_lost_whatever_the_schema_says((value, schema) in described()) {
        // Fields that a schema does not name are left out, so a schema of fields has to be the value's own.
        let names_all = |value: &Value, schema: &Value| names_all(value, schema);
        prop_assume!(names_all(&value, &schema));
        let back: Value = serde_json::from_str(&read_back(&written(&value, &schema), &schema)).unwrap();
        prop_assert_eq!(back, value);
    }
}

fn names_all(value: &Value, schema: &Value) -> bool {
    match (
        value,
        schema.get("properties"),
        schema.get("items"),
        schema.get("additionalProperties"),
    ) {
        (Value::Object(members), Some(fields), _, _) => members
            .iter()
            .all(|(name, part)| fields.get(name).is_some_and(|its| names_all(part, its))),
        (Value::Array(parts), _, Some(items), _) => parts.iter().all(|part| names_all(part, items)),
        (Value::Object(members), _, _, Some(values)) => {
            members.values().all(|part| names_all(part, values))
        }
        _ => true,
    }
}
