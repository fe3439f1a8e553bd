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
