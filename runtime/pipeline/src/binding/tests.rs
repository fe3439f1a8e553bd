use busker_model::{ErrorClass, Payload};
use serde_json::json;

use super::*;

const NAMESPACE: &str = "urn:busker:test:1";

fn binding() -> Binding {
    let input = json!({
        "type": "object", "additionalProperties": false, "required": ["name"],
        "properties": {
            "name": {"type": "string", "description": "A name."},
            "limit": {"type": "integer"},
            "settings": {"type": "object", "properties": {"words": {"type": "array", "items": {"enum": ["a", "b"]}}}},
            "payload": {},
        },
    });
    let output = json!({"type": "object", "properties": {
        "total": {"type": "integer"}, "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
    }});
    let nothing =
        json!({"type": "object", "additionalProperties": false, "required": [], "properties": {}});
    let operation = |name: &str, input: &Value| Operation {
        name: name.to_owned(),
        summary: "Does <things>.".to_owned(),
        input: input.clone(),
        output: output.clone(),
    };
    Binding::new(
        NAMESPACE,
        vec![
            operation("a.b.set-it", &input),
            operation("a.get", &nothing),
        ],
    )
}

fn envelope(inner: &str) -> Vec<u8> {
    SoapVersion::V12.envelope(inner).into_bytes()
}

fn refused(inner: &str, action: &str) -> (ErrorClass, String) {
    let binding = binding();
    let fault = binding.read(&envelope(inner), None, action).unwrap_err();
    (fault.class, fault.message.to_string())
}

#[test]
fn the_element_in_the_body_names_the_operation_and_its_content_is_json() {
    let binding = binding();
    let inner = format!(
        "<t:a_b_set_it_request xmlns:t=\"{NAMESPACE}\"><t:name>x</t:name><t:limit>5</t:limit><t:settings><t:words>\
         <t:item>b</t:item></t:words></t:settings><t:payload>{{\"k\": [1.50]}}</t:payload></t:a_b_set_it_request>"
    );
    let asked = binding.read(&envelope(&inner), None, "a.b.set-it").unwrap();
    assert_eq!(asked.version, SoapVersion::V12);
    assert_eq!(asked.operation.name, "a.b.set-it");
    let expected = r#"{"name":"x","limit":5,"settings":{"words":["b"]},"payload":{"k": [1.50]}}"#;
    assert_eq!(asked.input, Payload::Json(expected.into()));
    let plain = binding
        .read(&envelope("<a_get_request/>"), None, "")
        .unwrap();
    assert_eq!(plain.input, Payload::Json("{}".into()));
}

#[test]
fn what_names_no_operation_or_two_is_refused() {
    for (inner, action, class, says) in [
        ("", "a.get", ErrorClass::Invalid, "must hold one element"),
        (
            "<a_get_request/><a_get_request/>",
            "",
            ErrorClass::Invalid,
            "must hold one element",
        ),
        ("<a_get/>", "", ErrorClass::NotFound, "<a_get>"),
        (
            "<a_get_request xmlns=\"urn:other\"/>",
            "",
            ErrorClass::NotFound,
            NAMESPACE,
        ),
        (
            "<a_get_request/>",
            "a.b.set-it",
            ErrorClass::Invalid,
            "SOAPAction: \"a.b.set-it\" is not \"a.get\"",
        ),
    ] {
        let (found, message) = refused(inner, action);
        assert_eq!(found, class, "{inner}: {message}");
        assert!(message.contains(says), "{inner}: {message}");
    }
    let deep = format!(
        "<a_b_set_it_request><payload>{}</payload></a_b_set_it_request>",
        "[".repeat(70)
    );
    assert!(refused(&deep, "").1.contains("nested deeper"));
}

#[test]
fn an_answer_is_the_response_element_in_the_envelope_that_was_asked() {
    let binding = binding();
    let operation = &binding.operations()[1];
    let answer = br#"{"counts":{"a/b":2},"total":1,"other":true}"#;
    let written = binding.write(operation, SoapVersion::V11, answer).unwrap();
    assert_eq!(
        String::from_utf8(written.body.to_vec()).unwrap(),
        format!(
            "<soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body><a_get_response \
             xmlns=\"{NAMESPACE}\" xmlns:b=\"{NAMESPACE}\" xmlns:xsi=\"{XSI}\"><total>1</total><counts>\
             <entry key=\"a/b\">2</entry></counts></a_get_response></soap:Body></soap:Envelope>"
        )
    );
}

#[test]
fn the_wsdl_is_well_formed_and_has_all_operations_in_both_versions() {
    let text = binding().wsdl("test", "http://a/?x=1&y=2");
    xml::parse(&text).unwrap();
    for part in [
        "<xsd:element name=\"a_b_set_it_request\"><xsd:complexType><xsd:sequence><xsd:element name=\"name\" type=\"xsd:string\">",
        "<xsd:element name=\"limit\" minOccurs=\"0\" nillable=\"true\" type=\"xsd:integer\"/>",
        "<xsd:enumeration value=\"b\"/>",
        "<xsd:element name=\"payload\" minOccurs=\"0\" nillable=\"true\" type=\"tns:json\"/>",
        "<xsd:extension base=\"xsd:integer\"><xsd:attribute name=\"key\" type=\"xsd:string\" use=\"required\"/>",
        "<xsd:simpleType name=\"json\">",
        "<wsdl:documentation>Does &lt;things&gt;.</wsdl:documentation>",
        "<soap12:operation soapAction=\"a.b.set-it\"/>",
        "<soap:address location=\"http://a/?x=1&amp;y=2\"/>",
        "targetNamespace=\"urn:busker:fault:1\"",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}
