//! One declaration, four wire formats: the same logical input gives a service the same canonical input.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a file under tests/ is a test as a whole, and its builders fail as tests do"
)]

use busker_model::sio::{Field, FieldType, SimpleIo, input};
use busker_model::{DataFormat, Payload, Transport};
use busker_pipeline::{SoapVersion, decode};
use bytes::Bytes;
use proptest::prelude::*;

#[derive(Debug, Clone)]
struct Logical {
    symbol: String,
    order_id: i64,
    is_urgent: bool,
    price: String,
    tags: Vec<String>,
}

fn declaration() -> SimpleIo {
    SimpleIo {
        input: vec![
            Field::new("symbol", true),
            Field::new("order_id", true),
            Field::new("is_urgent", true),
            Field::new("price", true).typed(FieldType::Decimal),
            Field::new("tags", false).typed(FieldType::List),
            Field::new("note", false),
        ],
        ..SimpleIo::default()
    }
}

fn logical() -> impl Strategy<Value = Logical> {
    // A carriage return has no faithful form in XML text; everything else printable has.
    let text = "[\\PC \\t\\n&<>\"'\\\\]{0,12}";
    (
        text,
        any::<i64>(),
        any::<bool>(),
        "-?[0-9]{1,25}\\.[0-9]{1,25}",
        prop::collection::vec(text, 0..4),
    )
        .prop_map(|(symbol, order_id, is_urgent, price, tags)| Logical {
            symbol,
            order_id,
            is_urgent,
            price,
            tags,
        })
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

fn as_json(of: &Logical) -> String {
    let tags: Vec<String> = of.tags.iter().map(|tag| quoted(tag)).collect();
    // The price goes as a bare number: its digits must survive.
    let price = of.price.trim_start_matches('-').trim_start_matches('0');
    let price = if price.starts_with('.') || price.len() != of.price.len() {
        quoted(&of.price)
    } else {
        of.price.clone()
    };
    format!(
        "{{\"tags\":[{}],\"price\":{price},\"is_urgent\":{},\"order_id\":{},\"symbol\":{},\"more\":1}}",
        tags.join(","),
        of.is_urgent,
        of.order_id,
        quoted(&of.symbol),
    )
}

fn as_xml(of: &Logical) -> String {
    let escape = |text: &str| {
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
    };
    let tags: String = of
        .tags
        .iter()
        .map(|tag| format!("<item>{}</item>", escape(tag)))
        .collect();
    format!(
        "<n:request xmlns:n=\"urn:n\"><n:symbol>{}</n:symbol><order_id>{}</order_id><is_urgent>{}</is_urgent>\
         <price>{}</price><tags>{tags}</tags><more/></n:request>",
        escape(&of.symbol),
        of.order_id,
        u8::from(of.is_urgent),
        of.price,
    )
}

fn as_soap(of: &Logical, version: SoapVersion) -> String {
    let namespace = version.namespace();
    format!(
        "<s:Envelope xmlns:s=\"{namespace}\"><s:Body>\n{}\n</s:Body></s:Envelope>",
        as_xml(of)
    )
}

fn as_form(of: &Logical) -> String {
    let encode =
        |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
    let mut pairs = vec![
        format!("symbol={}", encode(&of.symbol)),
        format!("order_id={}", of.order_id),
        format!("is_urgent={}", if of.is_urgent { "on" } else { "off" }),
        format!("price={}", of.price),
    ];
    pairs.extend(of.tags.iter().map(|tag| format!("tags={}", encode(tag))));
    pairs.join("&")
}

fn canonical(format: DataFormat, transport: Transport, body: String) -> String {
    let decoded = decode(format, transport, &Bytes::from(body), None).unwrap();
    let Payload::Json(text) = decoded.payload else {
        panic!("no tree");
    };
    let input = input::apply(&declaration(), Some(&text), &[], false).unwrap();
    String::from_utf8(input).unwrap()
}

proptest! {
    #[test]
    fn four_formats_give_one_input(of in logical()) {
        let json = canonical(DataFormat::Json, Transport::PlainHttp, as_json(&of));
        prop_assert!(json.contains(&of.price) && json.contains(&of.order_id.to_string()));
        let xml = canonical(DataFormat::Xml, Transport::PlainHttp, as_xml(&of));
        prop_assert_eq!(&json, &xml);
        for version in [SoapVersion::V11, SoapVersion::V12] {
            let soap = canonical(DataFormat::Xml, Transport::Soap, as_soap(&of, version));
            prop_assert_eq!(&json, &soap);
        }
        // A form cannot say "an empty list", and a list of one empty text looks like that.
        if !of.tags.is_empty() && of.tags != [""] {
            let form = canonical(DataFormat::Form, Transport::PlainHttp, as_form(&of));
            prop_assert_eq!(&json, &form);
        }
    }
}
