use busker_model::ErrorClass;
use proptest::prelude::*;

use super::*;

fn read(format: DataFormat, transport: Transport, body: &str) -> Result<String, Fault> {
    decode(
        format,
        transport,
        &Bytes::copy_from_slice(body.as_bytes()),
        None,
    )
    .map(|decoded| match decoded.payload {
        Payload::None => String::new(),
        Payload::Json(text) | Payload::Raw(text) => String::from_utf8(text.to_vec()).unwrap(),
    })
}

const CUSTOMER: &str = r#"{"customer":{"payment":{"date":"2013-06-20"}}}"#;

#[test]
fn a_nested_field_reads_alike_from_json_xml_and_soap() {
    let xml = "<request><customer><payment><date>2013-06-20</date></payment></customer></request>";
    let soap = format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>{xml}</s:Body></s:Envelope>"
    );
    assert_eq!(
        read(DataFormat::Json, Transport::PlainHttp, CUSTOMER).unwrap(),
        CUSTOMER
    );
    assert_eq!(
        read(DataFormat::Xml, Transport::PlainHttp, xml).unwrap(),
        CUSTOMER
    );
    assert_eq!(
        read(DataFormat::Xml, Transport::Soap, &soap).unwrap(),
        CUSTOMER
    );
}

#[test]
fn bad_bodies_are_refused_with_the_reason() {
    let deep_json = "[".repeat(65) + &"]".repeat(65);
    let deep_xml = "<a>".repeat(65) + &"</a>".repeat(65);
    let many: String = (0..65).map(|n| format!(" a{n}='1'")).collect();
    let (json, xml, plain, soap) = (
        DataFormat::Json,
        DataFormat::Xml,
        Transport::PlainHttp,
        Transport::Soap,
    );
    let table = [
        (json, plain, "{", "not valid JSON"),
        (json, plain, "{} x", "not valid JSON"),
        (json, plain, deep_json.as_str(), "nested deeper"),
        (xml, plain, "<a>", "not well-formed"),
        (xml, plain, deep_xml.as_str(), "nested deeper"),
        (
            xml,
            plain,
            "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
            "DOCTYPE",
        ),
        (xml, plain, "<?php x?><a/>", "processing instruction"),
        (xml, soap, "<a/>", "not a SOAP envelope"),
        (
            xml,
            soap,
            "<Envelope xmlns='urn:x'/>",
            "unknown SOAP version",
        ),
        (
            xml,
            soap,
            "<e:Envelope xmlns:e='http://schemas.xmlsoap.org/soap/envelope/'/>",
            "Body] element",
        ),
    ];
    for (format, transport, body, reason) in table {
        let fault = read(format, transport, body).unwrap_err();
        assert_eq!(fault.class, ErrorClass::Invalid, "{body}");
        assert!(fault.message.contains(reason), "{body}: {fault}");
    }
    let fault = read(xml, plain, &format!("<a{many}/>")).unwrap_err();
    assert!(fault.message.contains("64 attributes"), "{fault}");
}

#[test]
fn a_charset_of_the_declaration_or_header_is_honoured() {
    let latin: &[u8] = b"<?xml version='1.0' encoding='ISO-8859-1'?><a><b>\xe9</b></a>";
    let decoded = decode(
        DataFormat::Xml,
        Transport::PlainHttp,
        &Bytes::from_static(latin),
        None,
    )
    .unwrap();
    assert_eq!(decoded.payload, Payload::Json("{\"b\":\"\u{e9}\"}".into()));
    let wrong = decode(
        DataFormat::Xml,
        Transport::PlainHttp,
        &Bytes::from_static(b"<a>\xff</a>"),
        None,
    );
    assert!(wrong.unwrap_err().message.contains("not valid UTF-8"));
}

#[test]
fn a_repeated_form_field_is_a_list() {
    let form = read(DataFormat::Form, Transport::PlainHttp, "a=1&b=x+y&a=2").unwrap();
    assert_eq!(form, r#"{"a":["1","2"],"b":"x y"}"#);
}

proptest! {
    #[test]
    fn no_bytes_make_a_decoder_panic(body: Vec<u8>, soap: bool) {
        let body = Bytes::from(body);
        let transport = if soap { Transport::Soap } else { Transport::PlainHttp };
        for format in [DataFormat::Json, DataFormat::Xml, DataFormat::Form, DataFormat::Raw] {
            drop(decode(format, transport, &body, None));
        }
    }
}
