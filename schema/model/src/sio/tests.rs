//! Tables of what goes in and what comes out.

use super::*;
use crate::object::Violation;

fn sio(input: Vec<Field>) -> SimpleIo {
    SimpleIo {
        input,
        ..SimpleIo::default()
    }
}

fn one(name: &str, ty: FieldType) -> SimpleIo {
    sio(vec![Field::new(name, true).typed(ty)])
}

fn apply(sio: &SimpleIo, body: &str) -> Result<String, Vec<Violation>> {
    input::apply(sio, Some(body.as_bytes()), &[], false)
        .map(|bytes| String::from_utf8(bytes).unwrap())
}

fn params(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// Type, what is sent, and the canonical form; `None` where it is refused.
const ROWS: &[(FieldType, &str, Option<&str>)] = {
    use FieldType::*;
    &[
        (Text, r#""GOOG""#, Some(r#""GOOG""#)),
        (Text, r#""\u0041""#, Some(r#""A""#)),
        (Text, "298.80", Some(r#""298.80""#)),
        (Text, "true", Some(r#""true""#)),
        (Text, r#"{"@type":"s"}"#, None),
        (Text, r##"{"@type":"s","#text":"x"}"##, Some(r#""x""#)),
        (Text, "[1]", None),
        (Text, r#""\ud800""#, None),
        (Boolean, r#""yes""#, Some("true")),
        (Boolean, r#""F""#, Some("false")),
        (Boolean, r#""""#, Some("false")),
        (Boolean, "1", Some("true")),
        (Boolean, "2", None),
        (Boolean, r#""maybe""#, None),
        (Integer, "7", Some("7")),
        (Integer, r#"" +0042 ""#, Some("42")),
        (Integer, r#""-0""#, Some("0")),
        (
            Integer,
            "123456789012345678901234567890",
            Some("123456789012345678901234567890"),
        ),
        (Integer, r#""""#, Some(r#""""#)),
        (Integer, "1.0", None),
        (Integer, "1e3", None),
        (Integer, "true", None),
        (Integer, r#""x""#, None),
        (Integer, r#""ZATO_NONE""#, None),
        (Float, "1.50", Some("1.50")),
        (Float, r#""-.5E+7""#, Some("-0.5e+7")),
        (Float, r#""5.""#, Some("5")),
        (Float, "1e308", Some("1e308")),
        (Float, "1e309", None),
        (Float, r#""-1e999999999""#, None),
        (Float, r#""nan""#, None),
        (Float, r#"".""#, None),
        (Float, r#""1e""#, None),
        (
            Decimal,
            "0.10000000000000000000001",
            Some(r#""0.10000000000000000000001""#),
        ),
        (Decimal, r#""8.763""#, Some(r#""8.763""#)),
        (Decimal, r#""8,763""#, None),
        (
            Utc,
            r#""2013-06-20T13:05:12+00:00""#,
            Some(r#""2013-06-20T13:05:12""#),
        ),
        (
            Utc,
            r#""2013-06-20T13:05:12""#,
            Some(r#""2013-06-20T13:05:12""#),
        ),
        (Csv, r#""a,b,,c""#, Some(r#"["a","b","","c"]"#)),
        (Csv, r#"["a",1]"#, Some(r#"["a","1"]"#)),
        (Csv, r#""""#, Some("[]")),
        (List, r#"[1,"a"]"#, Some(r#"[1,"a"]"#)),
        (List, r#"{"item":["a","b"]}"#, Some(r#"["a","b"]"#)),
        (List, r#"{"item":"a"}"#, Some(r#"["a"]"#)),
        (List, r#""""#, Some("[]")),
        (List, r#""a""#, Some(r#"["a"]"#)),
        (Dict, r#"{"a":1}"#, Some(r#"{"a":1}"#)),
        (
            Dict,
            r#"{"item":{"key":"a","value":"b"}}"#,
            Some(r#"{"a":"b"}"#),
        ),
        (
            Dict,
            r#"{"item":[{"key":"a","value":"b"},{"key":"c","value":"d"}]}"#,
            Some(r#"{"a":"b","c":"d"}"#),
        ),
        (
            Dict,
            r#"{"item":[{"key":"a"}]}"#,
            Some(r#"{"item":[{"key":"a"}]}"#),
        ),
        (Dict, r#""""#, Some("{}")),
        (Dict, "[1]", None),
        (ListOfDicts, r#"[{"a":1}]"#, Some(r#"[{"a":1}]"#)),
        (
            ListOfDicts,
            r#"{"item_dict":{"item":{"key":"a","value":"b"}}}"#,
            Some(r#"[{"a":"b"}]"#),
        ),
        (ListOfDicts, "[1]", None),
        (Opaque, r#"{"a":[1.10]}"#, Some(r#"{"a":[1.10]}"#)),
        (
            AsIs,
            "12345678901234567890.5",
            Some("12345678901234567890.5"),
        ),
    ]
};

#[test]
fn each_type_takes_its_shapes_and_refuses_others() {
    for (ty, sent, want) in ROWS {
        let got = apply(&one("f", ty.clone()), &format!("{{\"f\":{sent}}}"));
        match want {
            Some(want) => assert_eq!(got, Ok(format!("{{\"f\":{want}}}")), "{ty:?} {sent}"),
            None => assert!(got.is_err(), "{ty:?} {sent} gave {got:?}"),
        }
    }
}

#[test]
fn names_give_types_and_explicit_types_win() {
    for (name, sent, want) in [
        ("is_on", r#""yes""#, "true"),
        ("needs_x", "0", "false"),
        ("should_x", r#""t""#, "true"),
        ("id", r#""7""#, "7"),
        ("order_id", r#""7""#, "7"),
        ("pool_size", r#""""#, r#""""#),
        ("a_timeout", r#""ZATO_NONE""#, r#""ZATO_NONE""#),
        ("a_count", "3", "3"),
        ("idx", "3", r#""3""#),
    ] {
        let got = apply(
            &one(name, FieldType::Auto),
            &format!("{{\"{name}\":{sent}}}"),
        );
        assert_eq!(got, Ok(format!("{{\"{name}\":{want}}}")));
    }
    let got = apply(&one("order_id", FieldType::Text), r#"{"order_id":"a-7"}"#);
    assert_eq!(got.unwrap(), r#"{"order_id":"a-7"}"#);
}

#[test]
fn every_fault_is_listed_at_once_and_named() {
    let declared = sio(vec![
        Field::new("symbol", true),
        Field::new("order_id", true),
        Field::new("note", false),
    ]);
    let got = apply(&declared, r#"{"order_id":"x","symbol":null}"#).unwrap_err();
    assert_eq!(
        got,
        vec![
            Violation::new("symbol", "required input field is missing"),
            Violation::new("order_id", "expected an integer, got \"x\""),
        ]
    );
    for (body, message) in [
        ("[1]", "expected a JSON object, got a list"),
        ("\"x\"", "expected a JSON object, got text"),
    ] {
        assert_eq!(
            apply(&declared, body).unwrap_err(),
            vec![Violation::new("body", message)]
        );
    }
    let broken = apply(&declared, r#"{"symbol":"#).unwrap_err();
    assert!(
        broken[0].message.starts_with("not valid JSON"),
        "{broken:?}"
    );
}

#[test]
fn missing_optional_fields_take_defaults_in_order() {
    let mut declared = sio(vec![Field::new("b", false), Field::new("a", false)]);
    assert_eq!(apply(&declared, "").unwrap(), r#"{"b":null,"a":null}"#);
    declared.default_value = Some("-".into());
    declared.input[1].default = Some(serde_json::json!([1]));
    assert_eq!(apply(&declared, "{}").unwrap(), r#"{"b":"-","a":[1]}"#);
    assert_eq!(
        apply(&declared, r#" {"a":"1","zz":{"deep":[]},"b":"2","b":"3"} "#).unwrap(),
        r#"{"b":"3","a":"1"}"#
    );
}

#[test]
fn an_empty_text_is_no_number_for_typed_faces() {
    let mut declared = one("limit", FieldType::Integer);
    declared.bare = true;
    let violations = apply(&declared, r#"{"limit":""}"#).unwrap_err();
    assert_eq!(
        violations,
        vec![Violation::new("limit", "a value is required")]
    );
    declared.input[0].required = false;
    assert_eq!(apply(&declared, r#"{"limit":""}"#).unwrap(), "{}");
}

#[test]
fn what_was_not_sent_is_null_for_zatos_face_and_left_out_for_typed_ones() {
    let mut declared = sio(vec![
        Field::new("a", false),
        Field::new("b", true),
        Field::new("c", false),
    ]);
    declared.input[2].default = Some("d".into());
    let sent = r#"{"a":null,"b":"1"}"#;
    assert_eq!(
        apply(&declared, sent).unwrap(),
        r#"{"a":null,"b":"1","c":"d"}"#
    );
    declared.bare = true;
    assert_eq!(apply(&declared, sent).unwrap(), r#"{"b":"1","c":"d"}"#);
}

#[test]
fn parameters_and_body_merge_by_the_rule() {
    let declared = sio(vec![
        Field::new("id", true),
        Field::new("tags", false).typed(FieldType::List),
    ]);
    let sent = params(&[("id", "1"), ("tags", "a"), ("tags", "b"), ("zz", "9")]);
    let body = Some(&br#"{"id":2}"#[..]);
    let run = |first| String::from_utf8(input::apply(&declared, body, &sent, first).unwrap());
    assert_eq!(run(true).unwrap(), r#"{"id":1,"tags":["a","b"]}"#);
    assert_eq!(run(false).unwrap(), r#"{"id":2,"tags":["a","b"]}"#);
    let twice = params(&[("id", "1"), ("id", "2")]);
    assert_eq!(
        input::apply(&declared, None, &twice, false).unwrap_err(),
        vec![Violation::new("id", "expected an integer, got a list")]
    );
}

fn market_cap() -> SimpleIo {
    SimpleIo {
        response_elem: "market_cap".into(),
        output: vec![Field::new("provider", true), Field::new("value", true)],
        ..SimpleIo::default()
    }
}

fn out(sio: &SimpleIo, body: &str) -> Result<String, String> {
    output::apply(sio, body.as_bytes())
        .map(|output| String::from_utf8(output.to_json()).unwrap())
        .map_err(|fault| fault.to_string())
}

#[test]
fn the_answer_of_the_article_in_json() {
    let body =
        r#"[{"value":"298.8","provider":"Yahoo!","x":1},{"provider":"Google","value":298.81505}]"#;
    assert_eq!(
        out(&market_cap(), body).unwrap(),
        r#"{"market_cap":[{"provider":"Yahoo!","value":"298.8"},{"provider":"Google","value":298.81505}]}"#
    );
    assert_eq!(out(&market_cap(), "[]").unwrap(), r#"{"market_cap":[]}"#);
    assert_eq!(
        out(&market_cap(), r#"{"provider":"a","value":0}"#).unwrap(),
        r#"{"market_cap":{"provider":"a","value":0}}"#
    );
}

#[test]
fn output_keeps_its_declaration() {
    let mut declared = market_cap();
    for body in [
        r#"{"provider":"a"}"#,
        r#"{"provider":"a","value":""}"#,
        r#"[{"provider":"a","value":null}]"#,
    ] {
        assert_eq!(
            out(&declared, body).unwrap_err(),
            "Expected elem:[value] not found in item"
        );
    }
    assert!(
        out(&declared, "7")
            .unwrap_err()
            .contains("did not answer with an object")
    );
    assert!(out(&declared, "[7]").is_err());
    declared.output[1].required = false;
    assert_eq!(
        out(&declared, r#"{"provider":"a"}"#).unwrap(),
        r#"{"market_cap":{"provider":"a","value":""}}"#
    );
    declared.output_repeated = true;
    assert_eq!(
        out(&declared, r#"{"provider":"a"}"#).unwrap(),
        r#"{"market_cap":[{"provider":"a","value":""}]}"#
    );
    assert_eq!(out(&declared, "").unwrap(), r#"{"market_cap":[]}"#);
    declared.bare = true;
    assert_eq!(
        out(&declared, r#"[{"provider":""}]"#).unwrap(),
        r#"[{"provider":"","value":null}]"#
    );
    declared.output[1].ty = FieldType::Csv;
    assert_eq!(
        out(&declared, r#"{"provider":"p","value":["a",1]}"#).unwrap(),
        r#"[{"provider":"p","value":"a,1"}]"#
    );
    declared.output[1] = Field::new("order_id", true);
    assert_eq!(
        out(&declared, r#"{"provider":"p","order_id":"x"}"#).unwrap_err(),
        "Conversion error, param:[order_id]: expected an integer, got \"x\""
    );
}
