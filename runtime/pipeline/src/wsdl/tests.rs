use busker_model::sio::{Field, FieldType, SimpleIo};
use busker_model::{Origin, ServiceDefinition, ServiceName};

use super::*;
use crate::xml::{ElementName, parse};

fn definition(sio: Option<SimpleIo>) -> ServiceDefinition {
    let name = ServiceName::new("market.get-quote").unwrap();
    let mut definition = ServiceDefinition::new(name, "market.GetQuote", Origin::Rust);
    definition.sio = sio;
    definition
}

fn declared() -> SimpleIo {
    let ty = |name: &str, ty| Field::new(name, true).typed(ty);
    SimpleIo {
        input: vec![
            Field::new("symbol", true),
            Field::new("order_id", true),
            Field::new("is_urgent", false),
            ty("price", FieldType::Decimal),
            ty("ratio", FieldType::Float),
            ty("at", FieldType::Utc),
            ty("tags", FieldType::List),
            ty("extra", FieldType::Dict),
        ],
        output: vec![Field::new("note", false)],
        output_repeated: true,
        ..SimpleIo::default()
    }
}

const EXPOSED: Exposed<'_> = Exposed {
    address: "http://a/market",
    action: "urn:quote",
    element: "",
    version: None,
};

#[test]
fn types_of_simple_io_are_those_of_xml_schema() {
    let text = of_service(&definition(Some(declared())), EXPOSED);
    parse(&text).unwrap();
    for part in [
        "targetNamespace=\"urn:busker:service:market.get-quote\"",
        "<xsd:element name=\"request\"><xsd:complexType><xsd:sequence><xsd:element name=\"symbol\" type=\"xsd:string\"/>",
        "<xsd:element name=\"order_id\" type=\"xsd:integer\"/>",
        "<xsd:element name=\"is_urgent\" minOccurs=\"0\" nillable=\"true\" type=\"xsd:boolean\"/>",
        "name=\"price\" type=\"xsd:decimal\"",
        "name=\"ratio\" type=\"xsd:double\"",
        "name=\"at\" type=\"xsd:dateTime\"",
        "<xsd:element name=\"item\" minOccurs=\"0\" maxOccurs=\"unbounded\" nillable=\"true\" type=\"xsd:anyType\"/>",
        "<xsd:element name=\"key\" type=\"xsd:string\"/><xsd:element name=\"value\" type=\"xsd:anyType\"/>",
        "<xsd:element name=\"item_list\">",
        "<wsdl:operation name=\"market_get_quote\">",
        "<soap:operation soapAction=\"urn:quote\"/>",
        "<soap12:address location=\"http://a/market\"/>",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn a_channel_of_one_version_and_of_an_element_says_so() {
    let exposed = Exposed {
        element: "{urn:ask}ask",
        version: Some(SoapVersion::V12),
        ..EXPOSED
    };
    let text = of_service(&definition(Some(declared())), exposed);
    parse(&text).unwrap();
    assert!(
        text.contains("xmlns:e=\"urn:ask\" element=\"e:ask\""),
        "{text}"
    );
    assert!(text.contains("targetNamespace=\"urn:ask\""), "{text}");
    assert!(!text.contains("<soap:address"), "{text}");
    let undeclared = of_service(&definition(None), EXPOSED);
    parse(&undeclared).unwrap();
    assert!(
        undeclared.contains("<xsd:element name=\"request\" type=\"xsd:anyType\"/>"),
        "{undeclared}"
    );
}

#[test]
fn who_asks_in_the_generated_namespace_is_answered_in_it() {
    let sio = declared();
    let element = |namespace: &str| ElementName {
        namespace: namespace.to_owned(),
        name: "request".to_owned(),
    };
    let generated = namespace("market.get-quote", Some(&sio));
    let named = |element: Option<&ElementName>| {
        answering("market.get-quote", &sio, element)
            .namespace
            .clone()
    };
    assert_eq!(named(Some(&element(&generated))), generated);
    assert_eq!(named(Some(&element("urn:other"))), "");
    assert_eq!(named(None), "");
}
