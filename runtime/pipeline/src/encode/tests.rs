use busker_model::sio::Field;

use super::*;

fn market_cap() -> SimpleIo {
    SimpleIo {
        response_elem: "market_cap".into(),
        output: vec![Field::new("provider", true), Field::new("value", true)],
        ..SimpleIo::default()
    }
}

const ITEMS: &str =
    r#"[{"provider":"Yahoo!","value":"8.763"},{"provider":"Google","value":"8.76324"}]"#;

fn text(format: DataFormat, transport: Transport, soap: Option<SoapVersion>) -> String {
    let sio = market_cap();
    let context = EncodeContext {
        cid: Cid::from_u128(7),
        format,
        transport,
        soap,
        sio: Some(&sio),
    };
    let encoded = encode(context, Reply::json(ITEMS)).unwrap();
    String::from_utf8(encoded.body.to_vec()).unwrap()
}

#[test]
fn json_stands_in_the_response_element() {
    assert_eq!(
        text(DataFormat::Json, Transport::PlainHttp, None),
        format!("{{\"market_cap\":{ITEMS}}}")
    );
}

#[test]
fn xml_has_the_shape_of_the_article() {
    let cid = Cid::from_u128(7);
    let inner = format!(
        "<market_cap><zato_env><cid>{cid}</cid><result>ZATO_OK</result></zato_env><item_list>\
         <item><provider>Yahoo!</provider><value>8.763</value></item>\
         <item><provider>Google</provider><value>8.76324</value></item></item_list></market_cap>"
    );
    assert_eq!(text(DataFormat::Xml, Transport::PlainHttp, None), inner);
    let soap = text(DataFormat::Xml, Transport::Soap, Some(SoapVersion::V12));
    assert!(
        soap.contains("http://www.w3.org/2003/05/soap-envelope") && soap.contains(&inner),
        "{soap}"
    );
}

#[test]
fn a_control_character_is_an_error_that_names_its_field() {
    let context = EncodeContext {
        cid: Cid::from_u128(7),
        format: DataFormat::Xml,
        transport: Transport::PlainHttp,
        soap: None,
        sio: None,
    };
    let fault = encode(context, Reply::json(r#"{"a":"\u0001"}"#)).unwrap_err();
    assert!(
        fault.message.contains('a') && fault.message.contains("U+0001"),
        "{fault}"
    );
}

fn undeclared(json: &str) -> String {
    xml_of(None, json).unwrap()
}

fn xml_of(sio: Option<&SimpleIo>, json: &str) -> Result<String, Fault> {
    let context = EncodeContext {
        cid: Cid::from_u128(7),
        format: DataFormat::Xml,
        transport: Transport::PlainHttp,
        soap: None,
        sio,
    };
    let encoded = encode(context, Reply::json(json.to_owned()))?;
    Ok(String::from_utf8(encoded.body.to_vec()).unwrap())
}

#[test]
fn a_tree_without_a_declaration_is_written_as_it_would_be_read() {
    for (json, want) in [
        (r#"{"quote":{"v":1.10}}"#, "<quote><v>1.10</v></quote>"),
        (
            r#"{"a":"1","b":[true,"x"]}"#,
            "<response><a>1</a><b>true</b><b>x</b></response>",
        ),
        (
            r#"[1,{"a":""}]"#,
            "<response><item>1</item><item><a/></item></response>",
        ),
        (r#"{"a":[1]}"#, "<response><a>1</a></response>"),
        (
            r#"{"a":[[1,2],[3]],"b":1}"#,
            "<response><a><item>1</item><item>2</item></a><a><item>3</item></a><b>1</b></response>",
        ),
        (
            r##"{"a":{"@x":"<\"","#text":"a & b\r"}}"##,
            "<a x=\"&lt;&quot;\">a &amp; b&#13;</a>",
        ),
        (
            r#"{"a":{"b":null}}"#,
            "<a><b xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:nil=\"true\"/></a>",
        ),
        (
            "12345678901234567890.10",
            "<response>12345678901234567890.10</response>",
        ),
        (" \"x\" ", "<response>x</response>"),
    ] {
        assert_eq!(undeclared(json), want, "{json}");
    }
}

#[test]
fn what_has_no_form_in_xml_is_a_fault_of_the_service() {
    let deep = format!("{}1{}", "{\"a\":".repeat(70), "}".repeat(70));
    for json in [
        r#"{"a b":1,"c":2}"#,
        r#"{"1":1}"#,
        r#"{"a:b":1}"#,
        r#"{"a":"\uffff"}"#,
        deep.as_str(),
        "{",
    ] {
        let fault = xml_of(None, json).unwrap_err();
        assert_eq!(fault.class, busker_model::ErrorClass::Internal, "{json}");
    }
}

#[test]
fn declared_types_have_the_shapes_of_zato() {
    use busker_model::sio::FieldType;
    let sio = SimpleIo {
        namespace: "https://zato.io/ns/20130518".into(),
        output: vec![
            Field::new("l", true).typed(FieldType::List),
            Field::new("d", true).typed(FieldType::Dict),
            Field::new("ld", true).typed(FieldType::ListOfDicts),
            Field::new("n", true).typed(FieldType::Decimal),
        ],
        ..SimpleIo::default()
    };
    let json = r#"{"l":["a",1],"d":{"x y":"1"},"ld":[{"k":null}],"n":"0.10"}"#;
    let cid = Cid::from_u128(7);
    assert_eq!(
        xml_of(Some(&sio), json).unwrap(),
        format!(
            "<response xmlns=\"https://zato.io/ns/20130518\"><zato_env><cid>{cid}</cid><result>ZATO_OK</result></zato_env>\
             <item><l><item>a</item><item>1</item></l><d><item><key>x y</key><value>1</value></item></d>\
             <ld><dict><item><key>k</key><value xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:nil=\"true\"/></item></dict></ld>\
             <n>0.10</n></item></response>"
        )
    );
}

#[test]
fn text_a_service_wrote_goes_out_as_it_is() {
    let send = |format, transport, soap, text: &'static str| {
        let context = EncodeContext {
            cid: Cid::from_u128(7),
            format,
            transport,
            soap,
            sio: None,
        };
        let reply = Reply {
            body: ReplyBody::Raw(text.into()),
            ..Reply::default()
        };
        let encoded = encode(context, reply).unwrap();
        (
            encoded.content_type,
            String::from_utf8(encoded.body.to_vec()).unwrap(),
        )
    };
    let plain = Transport::PlainHttp;
    for (format, kind) in [
        (DataFormat::Json, "application/json"),
        (DataFormat::Xml, "application/xml"),
        (DataFormat::Form, "text/plain"),
        (DataFormat::Raw, "text/plain"),
    ] {
        assert_eq!(
            send(format, plain, None, "<a/>"),
            (kind.to_owned(), "<a/>".to_owned())
        );
    }
    let (kind, text) = send(
        DataFormat::Xml,
        Transport::Soap,
        Some(SoapVersion::V12),
        "<?xml version='1.0'?>\n<a/>",
    );
    assert_eq!(kind, "application/soap+xml; charset=utf-8");
    assert!(
        text.ends_with("<soap:Body><a/></soap:Body></soap:Envelope>"),
        "{text}"
    );
}

#[test]
fn a_service_cannot_split_or_frame_an_answer() {
    let context = EncodeContext {
        cid: Cid::from_u128(7),
        format: DataFormat::Json,
        transport: Transport::PlainHttp,
        soap: None,
        sio: None,
    };
    let send = |status, name: &str, value: &str| {
        let mut reply = Reply::json("1");
        reply.status = status;
        reply.headers = vec![(name.to_owned(), value.to_owned())];
        encode(context, reply)
    };
    assert_eq!(send(Some(201), "X-A", "b").unwrap().headers.len(), 1);
    assert!(
        send(None, "Content-Length", "9")
            .unwrap()
            .headers
            .is_empty()
    );
    for (status, name, value) in [
        (None, "X-A", "b\r\nX-B: c"),
        (None, "X A", "b"),
        (Some(42), "X-A", "b"),
        (Some(101), "X-A", "b"),
    ] {
        assert!(
            send(status, name, value).is_err(),
            "{status:?} {name} {value}"
        );
    }
}

/// What one of Zato's own services answers with.
fn admin(reply: Reply, format: DataFormat, transport: Transport) -> String {
    let sio = SimpleIo {
        response_elem: "zato_ping_response".into(),
        namespace: "https://zato.io/ns/20130518".into(),
        output: vec![Field::new("pong", true)],
        ..SimpleIo::default()
    };
    let context = EncodeContext {
        cid: Cid::from_u128(7),
        format,
        transport,
        soap: None,
        sio: Some(&sio),
    };
    String::from_utf8(encode_admin(context, reply).unwrap().body.to_vec()).unwrap()
}

#[test]
fn a_service_of_zato_says_zato_env_in_every_format_and_also_when_it_has_nothing_else_to_say() {
    let cid = Cid::from_u128(7);
    let pong = || Reply::json(r#"{"pong":"zato"}"#);
    let env =
        format!("\"zato_env\":{{\"result\":\"ZATO_OK\",\"cid\":\"{cid}\",\"details\":\"\"}}}}");
    let json = |reply| admin(reply, DataFormat::Json, Transport::PlainHttp);
    assert_eq!(
        json(pong()),
        format!("{{\"zato_ping_response\":{{\"pong\":\"zato\"}},{env}")
    );
    assert_eq!(json(Reply::default()), format!("{{{env}"));
    let element = |item: &str| {
        format!(
            "<zato_ping_response xmlns=\"https://zato.io/ns/20130518\"><zato_env><cid>{cid}</cid><result>ZATO_OK</result>\
             </zato_env>{item}</zato_ping_response>"
        )
    };
    let xml = |reply| admin(reply, DataFormat::Xml, Transport::PlainHttp);
    let item = "<item><pong>zato</pong></item>";
    assert_eq!(xml(pong()), element(item));
    assert_eq!(xml(Reply::default()), element(""));
    for (reply, inner) in [(pong(), item), (Reply::default(), "")] {
        let soap = admin(reply, DataFormat::Xml, Transport::Soap);
        let body = format!("<soap:Body>{}</soap:Body>", element(inner));
        assert!(soap.contains(&body), "{soap}");
    }
}
