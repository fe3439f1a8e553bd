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

fn read_xml(body: &[u8], content_type: Option<&str>) -> Result<Payload, Fault> {
    let body = Bytes::copy_from_slice(body);
    decode(DataFormat::Xml, Transport::PlainHttp, &body, content_type).map(|d| d.payload)
}

#[test]
fn encodings_of_the_wild_are_read() {
    let utf_16 = |text: &str, little: bool| -> Vec<u8> {
        let bytes = |unit: u16| {
            if little {
                unit.to_le_bytes()
            } else {
                unit.to_be_bytes()
            }
        };
        text.encode_utf16().flat_map(bytes).collect()
    };
    let want = Payload::Json("{\"b\":\"\u{e9}\"}".into());
    let text = "<a><b>\u{e9}</b></a>";
    let declared = "<?xml version=\"1.0\" encoding=\"UTF-16\"?><a><b>\u{e9}</b></a>";
    let rows: [(Vec<u8>, Option<&str>); 8] = [
        (text.into(), None),
        (format!("\u{feff}{text}").into(), None),
        (
            format!("\u{feff}{text}").into(),
            Some("text/xml; charset=iso-8859-1"),
        ),
        (declared.into(), None),
        (utf_16(&format!("\u{feff}{declared}"), true), None),
        (utf_16(declared, false), None),
        (
            utf_16(text, true),
            Some("text/xml; Charset=\"utf-16le\"; x=y"),
        ),
        (
            b"<a><b>\xe9</b></a>".to_vec(),
            Some("application/xml;charset=Windows-1252"),
        ),
    ];
    for (bytes, content_type) in rows {
        assert_eq!(read_xml(&bytes, content_type).unwrap(), want, "{bytes:?}");
    }
    let unknown = read_xml(b"<a/>", Some("text/xml; charset=ebcdic-x")).unwrap_err();
    assert!(unknown.message.contains("unknown charset"), "{unknown}");
}

#[test]
fn elements_become_fields_by_one_rule() {
    for (xml, want) in [
        ("<a/>", r#""""#),
        ("<a> x </a>", r#"" x ""#),
        ("<a><b/><c> </c></a>", r#"{"b":"","c":" "}"#),
        (
            "<a><b>1</b><c/><b>2</b><b>3</b></a>",
            r#"{"b":["1","2","3"],"c":""}"#,
        ),
        ("<a x='1'>t</a>", r##"{"@x":"1","#text":"t"}"##),
        ("<a x='1'/>", r#"{"@x":"1"}"#),
        ("<a>t<b/>u</a>", r##"{"b":"","#text":"tu"}"##),
        ("<a>x<!-- c -->y<![CDATA[<z>]]>&amp;</a>", r#""xy<z>&""#),
        ("<n:a xmlns:n='urn:x'><n:b>1</n:b></n:a>", r#"{"b":"1"}"#),
        (
            "<a xmlns:i='http://www.w3.org/2001/XMLSchema-instance'><b i:nil='true'/><c i:type='s'>1</c></a>",
            r#"{"b":null,"c":"1"}"#,
        ),
    ] {
        assert_eq!(
            read(DataFormat::Xml, Transport::PlainHttp, xml).unwrap(),
            want,
            "{xml}"
        );
    }
}

#[test]
fn hostile_xml_is_refused_quickly() {
    let laughs = "<!DOCTYPE a [<!ENTITY b 'ha'><!ENTITY c '&b;&b;'>]><a>&c;</a>";
    let external = "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>";
    let attributes: String = (0..50_000).map(|n| format!(" a{n}='1'")).collect();
    let attributes = format!("<a{attributes}/>");
    let nodes = format!("<a>{}</a>", "<b/>".repeat(100_001));
    let mut names = String::new();
    for level in 0..5 {
        let declared: String = (0..60)
            .map(|n| format!(" xmlns:n{level}_{n}='u'"))
            .collect();
        names.push_str(&format!("<a{declared}>"));
    }
    names.push_str(&"</a>".repeat(5));
    for (xml, reason) in [
        (laughs, "DOCTYPE"),
        (external, "DOCTYPE"),
        (attributes.as_str(), "attributes"),
        (nodes.as_str(), "not well-formed XML: nodes limit"),
        (names.as_str(), "namespaces"),
        ("<a>&unknown;</a>", "not well-formed"),
        ("<a b='1' b='2'/>", "not well-formed"),
        ("<a>\u{1}</a>", "not well-formed"),
        ("<a/><b/>", "not well-formed"),
        ("<n:a/>", "not well-formed"),
        ("text", "not well-formed"),
    ] {
        let fault = read(DataFormat::Xml, Transport::PlainHttp, xml).unwrap_err();
        let head: String = xml.chars().take(40).collect();
        assert!(fault.message.contains(reason), "{head}: {fault}");
    }
}

#[test]
fn json_passes_as_the_bytes_it_came_in() {
    let raw = Bytes::from_static(b"\xef\xbb\xbf {\"a\":1.10,\"a\":\"[[\"} \n");
    let decoded = decode(DataFormat::Json, Transport::PlainHttp, &raw, None).unwrap();
    let Payload::Json(text) = decoded.payload else {
        panic!("no JSON");
    };
    assert_eq!(text, r#"{"a":1.10,"a":"[["}"#);
    assert_eq!(text.as_ptr(), raw[4..].as_ptr());
    let deep_text = format!("[\"{}\"]", "[".repeat(500));
    assert!(read(DataFormat::Json, Transport::PlainHttp, &deep_text).is_ok());
    let bad = decode(
        DataFormat::Json,
        Transport::PlainHttp,
        &Bytes::from_static(b"{\"\xff\":1}"),
        None,
    );
    assert_eq!(&*bad.unwrap_err().message, "body: not UTF-8 at byte 2");
    for (format, body) in [
        (DataFormat::Json, " \n"),
        (DataFormat::Xml, ""),
        (DataFormat::Form, ""),
        (DataFormat::Raw, ""),
    ] {
        assert_eq!(read(format, Transport::PlainHttp, body).unwrap(), "");
    }
}

fn soap_of(version: SoapVersion, inside: &str) -> String {
    let namespace = version.namespace();
    format!("<e:Envelope xmlns:e='{namespace}'>{inside}</e:Envelope>")
}

#[test]
fn soap_bodies_of_both_versions_are_read() {
    for version in [SoapVersion::V11, SoapVersion::V12] {
        for (inside, want) in [
            ("<e:Body/>", ""),
            ("<e:Body><q><s>1</s></q></e:Body>", r#"{"s":"1"}"#),
            (
                "<e:Header><h>1</h></e:Header><e:Body> <a>1</a> <b>2</b> </e:Body>",
                r#"["1","2"]"#,
            ),
            (
                "<e:Header><h e:mustUnderstand='0'/></e:Header><e:Body/>",
                "",
            ),
            (
                "<e:Header><h e:mustUnderstand='1' e:actor='urn:x' e:role='urn:x'/></e:Header><e:Body/>",
                "",
            ),
        ] {
            let text = soap_of(version, inside);
            let body = Bytes::from(text.clone());
            let decoded = decode(DataFormat::Xml, Transport::Soap, &body, None).unwrap();
            assert_eq!(decoded.soap, Some(version));
            assert_eq!(
                read(DataFormat::Xml, Transport::Soap, &text).unwrap(),
                want,
                "{inside}"
            );
        }
        let must = soap_of(
            version,
            "<e:Header><h e:mustUnderstand='1'/></e:Header><e:Body/>",
        );
        let fault = read(DataFormat::Xml, Transport::Soap, &must).unwrap_err();
        assert_eq!(fault.code_str(), Some("must-understand"));
        assert_eq!(SoapVersion::guess(must.as_bytes(), None), version);
        let none = read(
            DataFormat::Xml,
            Transport::Soap,
            &soap_of(version, "<Body/>"),
        )
        .unwrap_err();
        assert_eq!(
            &*none.message,
            "Client did not send the [/soapenv:Envelope/soapenv:Body] element"
        );
    }
    assert!(
        read(DataFormat::Xml, Transport::Soap, " ")
            .unwrap_err()
            .message
            .contains("Body] element")
    );
    let alien = read(
        DataFormat::Xml,
        Transport::Soap,
        "<Envelope xmlns='urn:x'/>",
    )
    .unwrap_err();
    assert_eq!(alien.code_str(), Some("version-mismatch"));
    assert_eq!(
        SoapVersion::guess(b"", Some("application/soap+xml")),
        SoapVersion::V12
    );
}

#[test]
fn a_form_that_is_no_form_is_refused() {
    let many = "a=1&".repeat(1_001);
    for body in ["a=%ff", many.as_str()] {
        let fault = read(DataFormat::Form, Transport::PlainHttp, body).unwrap_err();
        assert_eq!(fault.class, ErrorClass::Invalid);
    }
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

#[test]
fn a_security_header_is_understood_where_a_channel_asks_for_it() {
    let token = "<s:Security xmlns:s='http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd' \
        e:mustUnderstand='1'><s:UsernameToken><s:Username>ann</s:Username><s:Password>p</s:Password></s:UsernameToken>\
        </s:Security>";
    for version in [SoapVersion::V11, SoapVersion::V12] {
        let text = soap_of(
            version,
            &format!("<e:Header>{token}</e:Header><e:Body><a>1</a></e:Body>"),
        );
        let raw = Bytes::from(text.clone());
        let fault = decode(DataFormat::Xml, Transport::Soap, &raw, None).unwrap_err();
        assert_eq!(fault.code_str(), Some("must-understand"));
        let read = decode_soap(&raw, None, &[HeaderName::SECURITY]).unwrap();
        assert_eq!(read.token.unwrap().username, "ann");
        assert_eq!(read.soap, Some(version));
        let other = text.replace("<e:Header>", "<e:Header><h e:mustUnderstand='1'/>");
        let fault = decode_soap(other.as_bytes(), None, &[HeaderName::SECURITY]).unwrap_err();
        assert_eq!(fault.code_str(), Some("must-understand"));
        let twice = text.replace(token, &format!("{token}{token}"));
        let fault = decode_soap(twice.as_bytes(), None, &[HeaderName::SECURITY]).unwrap_err();
        assert_eq!(fault.class, ErrorClass::Unauthenticated);
        let none = soap_of(version, "<e:Body><a>1</a></e:Body>");
        let read = decode_soap(none.as_bytes(), None, &[HeaderName::SECURITY]).unwrap();
        assert_eq!(read.token, None);
    }
}

#[test]
fn a_header_block_that_somebody_acts_on_may_have_to_be_understood() {
    let known = HeaderName {
        namespace: "urn:h",
        name: "h",
    };
    for version in [SoapVersion::V11, SoapVersion::V12] {
        let envelope = |block: &str| {
            let inside =
                format!("<e:Header>{block}</e:Header><e:Body><t:a xmlns:t='urn:t'/></e:Body>");
            soap_of(version, &inside)
        };
        let own = envelope("<x:h xmlns:x='urn:h' e:mustUnderstand='1'/>");
        let decoded = decode_soap(own.as_bytes(), None, &[known]).unwrap();
        let element = decoded.element.unwrap();
        assert!(element.is_called("a") && element.is_called("{urn:t}a"));
        assert!(!element.is_called("{urn:x}a") && !element.is_called("b"));
        for other in [
            "<x:h xmlns:x='urn:other' e:mustUnderstand='1'/>",
            "<x:h xmlns:x='urn:h' e:mustUnderstand='1'/><i e:mustUnderstand='1'/>",
        ] {
            let refused = decode_soap(envelope(other).as_bytes(), None, &[known]);
            assert_eq!(refused.unwrap_err().code_str(), Some("must-understand"));
            // Whose it is can be told without judging its headers.
            let first = soap_element(envelope(other).as_bytes(), None).unwrap();
            assert_eq!(first.unwrap().name, "a");
        }
    }
}
