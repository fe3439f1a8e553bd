//! Any bytes at all, as a body of any format and through SimpleIO: a refusal that blames the caller, or input that is what
//! the declaration says. Nothing panics, nothing blames us.

use busker_model::invocation::ReplyBody;
use busker_model::sio::{Field, FieldType, SimpleIo, input, output};
use busker_model::{Cid, DataFormat, ErrorClass, Payload, Reply, Transport};
use busker_pipeline::{
    Binding, EncodeContext, Operation, SoapVersion, decode, encode, root_of, soap_element,
};
use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

const FORMATS: [(DataFormat, Transport); 5] = [
    (DataFormat::Json, Transport::PlainHttp),
    (DataFormat::Xml, Transport::PlainHttp),
    (DataFormat::Form, Transport::PlainHttp),
    (DataFormat::Raw, Transport::PlainHttp),
    (DataFormat::Xml, Transport::Soap),
];
const TYPES: [FieldType; 13] = [
    FieldType::Auto,
    FieldType::AsIs,
    FieldType::Boolean,
    FieldType::Integer,
    FieldType::Float,
    FieldType::Decimal,
    FieldType::Text,
    FieldType::Csv,
    FieldType::Utc,
    FieldType::List,
    FieldType::Dict,
    FieldType::ListOfDicts,
    FieldType::Opaque,
];

/// A field of each type, `a` to `m`.
#[expect(clippy::fn_params_excessive_bools, reason = "both are drawn at random")]
fn declaration(bare: bool, required: bool) -> SimpleIo {
    let names = "abcdefghijklm".chars();
    let fields = names.zip(TYPES);
    let fields: Vec<Field> = fields
        .map(|(name, ty)| Field::new(name.to_string(), required).typed(ty))
        .collect();
    SimpleIo {
        input: fields.clone(),
        output: fields,
        bare,
        ..SimpleIo::default()
    }
}

/// What a value of a field may look like in a text.
fn scrap() -> impl Strategy<Value = String> {
    prop_oneof![
        "[\\PC\\x00-\\x1f]{0,12}",
        "-?[0-9]{0,30}(\\.[0-9]{0,5})?([eE][+-]?[0-9]{1,4})?",
        Just("true".to_owned()),
        Just("null".to_owned()),
        Just("&amp;&#x41;&#0;&undefined;".to_owned()),
        Just("]]>".to_owned()),
        Just("%ff%00%zz+".to_owned()),
        Just("<item><key>k</key><value>v</value></item>".to_owned()),
        Just("<item>1</item><item/>".to_owned()),
        Just("{\"item\":[1,{\"key\":1}]}".to_owned()),
        Just("[[[[{}]]]]".to_owned()),
        Just("\"\\ud800\"".to_owned()),
    ]
}

/// A body that is nearly right, in each format.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let field = ("[a-n]", scrap());
    prop::collection::vec(field, 0..6).prop_flat_map(|fields| {
        let json: Vec<String> = fields.iter().map(|(n, v)| format!("\"{n}\":{v}")).collect();
        let quoted: Vec<String> = fields
            .iter()
            .map(|(n, v)| format!("\"{n}\":{}", json!(v)))
            .collect();
        let xml: String = fields
            .iter()
            .map(|(n, v)| format!("<{n}>{v}</{n}>"))
            .collect();
        let form: Vec<String> = fields.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let soap = |version: SoapVersion| {
            let namespace = version.namespace();
            format!(
                "<e:Envelope xmlns:e='{namespace}'><e:Header><h e:mustUnderstand='0'/></e:Header>\
                 <e:Body><x_request xmlns:t='urn:t'>{xml}</x_request></e:Body></e:Envelope>"
            )
        };
        prop::sample::select(vec![
            format!("{{{}}}", json.join(",")),
            format!("{{{}}}", quoted.join(",")),
            format!("<r>{xml}</r>"),
            form.join("&"),
            soap(SoapVersion::V11),
            soap(SoapVersion::V12),
        ])
        .prop_map(String::into_bytes)
    })
}

/// Bytes, and bytes that were right before something happened to them.
fn bodies() -> impl Strategy<Value = Vec<u8>> {
    let any_bytes = prop::collection::vec(any::<u8>(), 0..200);
    let harmed = (nearly(), any::<prop::sample::Index>(), any::<u8>(), 0_u8..4);
    let harmed = harmed.prop_map(|(mut body, at, byte, how)| {
        if !body.is_empty() {
            let at = at.index(body.len());
            match how {
                0 => body.truncate(at),
                1 => body[at] = byte,
                2 => body.insert(at, byte),
                _ => drop(body.drain(..at)),
            }
        }
        body
    });
    prop_oneof![1 => any_bytes, 3 => nearly(), 3 => harmed]
}

fn content_types() -> impl Strategy<Value = Option<&'static str>> {
    prop::sample::select(vec![
        None,
        Some("text/xml; charset=utf-16"),
        Some("application/soap+xml; charset=\"iso-8859-1\""),
        Some("text/xml; charset=klingon"),
    ])
}

/// Whether a canonical value is of the type that a field declares.
fn is_of(ty: &FieldType, value: &Value) -> bool {
    let nothing = value.is_null() || value == "";
    match ty {
        FieldType::Boolean => value.is_boolean() || value.is_null(),
        FieldType::Integer | FieldType::Float => value.is_number() || nothing,
        FieldType::Decimal | FieldType::Text | FieldType::Utc => {
            value.is_string() || value.is_null()
        }
        FieldType::Csv | FieldType::List | FieldType::ListOfDicts => {
            value.is_array() || value.is_null()
        }
        FieldType::Dict => value.is_object() || value.is_null(),
        FieldType::Auto | FieldType::AsIs | FieldType::Opaque => true,
    }
}

fn binding() -> Binding {
    let words = json!({"type": "object", "properties": {
        "a": {"type": "integer"}, "b": {"type": "array", "items": {"type": "boolean"}}, "c": {},
        "d": {"type": "object", "additionalProperties": {"type": "string"}},
    }});
    let operation = Operation {
        name: "x".to_owned(),
        summary: String::new(),
        input: words.clone(),
        output: words,
    };
    Binding::new("urn:t", vec![operation])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn any_body_is_read_or_refused_as_the_callers_mistake(body in bodies(), kind in content_types(), bare: bool, required: bool) {
        let sio = declaration(bare, required);
        let raw = Bytes::from(body);
        for (format, transport) in FORMATS {
            let decoded = match decode(format, transport, &raw, kind) {
                Ok(decoded) => decoded,
                Err(fault) => {
                    prop_assert_eq!(fault.class, ErrorClass::Invalid, "{:?}", fault);
                    continue;
                }
            };
            prop_assert_eq!(decoded.soap.is_some(), transport == Transport::Soap);
            let payload = match &decoded.payload {
                Payload::None => None,
                Payload::Json(bytes) => {
                    prop_assert!(serde_json::from_slice::<&serde_json::value::RawValue>(bytes).is_ok());
                    Some(bytes)
                }
                Payload::Raw(bytes) => Some(bytes),
            };
            if let Ok(canonical) = input::apply(&sio, payload.map(AsRef::as_ref), &[], false) {
                // A number may be too large for a `Value`; for the gate it is text.
                if let Ok(canonical) = serde_json::from_slice::<Value>(&canonical) {
                    for (name, value) in canonical.as_object().unwrap() {
                        let field = sio.input.iter().find(|field| field.name == *name).unwrap();
                        prop_assert!(is_of(&field.ty, value), "{}: {}", name, value);
                    }
                }
            }
        }
    }

    #[test]
    fn any_envelope_and_any_document_is_read_or_refused(body in bodies(), kind in content_types()) {
        let refused = [
            soap_element(&body, kind).err(),
            root_of(&body).err(),
            binding().read(&body, kind, "").err(),
        ];
        for fault in refused.into_iter().flatten() {
            let fine = matches!(fault.class, ErrorClass::Invalid | ErrorClass::NotFound);
            prop_assert!(fine, "{:?}", fault);
        }
    }

    #[test]
    fn any_answer_is_written_or_blamed_on_the_service(fields in prop::collection::vec(("[a-n]", scrap()), 0..6), bare: bool) {
        let sio = declaration(bare, false);
        let mut object = json!({});
        for (name, text) in &fields {
            object[name] = serde_json::from_str(text).unwrap_or_else(|_| json!(text));
        }
        let text = object.to_string();
        let checked = match output::apply(&sio, text.as_bytes()) {
            Ok(checked) => checked,
            Err(fault) => {
                prop_assert_eq!(fault.class, ErrorClass::Internal);
                return Ok(());
            }
        };
        let mut value = Vec::new();
        checked.write_value(&mut value);
        for (format, transport) in FORMATS {
            let context = EncodeContext { cid: Cid::from_u128(7), format, transport, soap: None, sio: Some(&sio) };
            let reply = Reply { body: ReplyBody::Json(value.clone().into()), ..Reply::default() };
            match encode(context, reply) {
                Ok(encoded) if transport == Transport::Soap || format == DataFormat::Xml => {
                    root_of(&encoded.body).unwrap_or_else(|fault| panic!("{fault:?}: {encoded:?}"));
                }
                Ok(encoded) => prop_assert!(serde_json::from_slice::<&serde_json::value::RawValue>(&encoded.body).is_ok()),
                Err(fault) => prop_assert_eq!(fault.class, ErrorClass::Internal),
            }
        }
    }
}
