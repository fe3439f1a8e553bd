//! The WSDL of a service that channels expose: its SimpleIO, as elements.

use std::borrow::Cow;

use busker_model::ServiceDefinition;
use busker_model::sio::{Field, FieldType, SimpleIo};

use super::xsd::{Member, Type};
use super::{Message, Operation, Wsdl, plain_name};
use crate::SoapVersion;
use crate::xml::ElementName;

/// A SOAP channel, as far as its WSDL goes.
#[derive(Debug, Clone, Copy)]
pub struct Exposed<'a> {
    /// Where it is called.
    pub address: &'a str,
    /// Its action; empty for any.
    pub action: &'a str,
    /// Element it is called by, `name` or `{namespace}name`; empty for that of the service.
    pub element: &'a str,
    /// The version it takes; both when there is none.
    pub version: Option<SoapVersion>,
}

/// The namespace of a service's WSDL: what it declares, or `urn:busker:service:` and its name.
#[must_use]
pub fn namespace(service: &str, sio: Option<&SimpleIo>) -> String {
    match sio.map(|sio| sio.namespace.as_str()) {
        Some(own) if !own.is_empty() => own.to_owned(),
        Some(_) | None => format!("urn:busker:service:{service}"),
    }
}

/// The declaration an answer is written by. A service without a namespace answers without one, as in Zato; a request
/// in the namespace of its generated WSDL is answered in it.
#[must_use]
pub fn answering<'a>(
    service: &str,
    sio: &'a SimpleIo,
    element: Option<&ElementName>,
) -> Cow<'a, SimpleIo> {
    if !sio.namespace.is_empty() {
        return Cow::Borrowed(sio);
    }
    let generated = namespace(service, Some(sio));
    match element {
        Some(element) if element.namespace == generated => Cow::Owned(SimpleIo {
            namespace: generated,
            ..sio.clone()
        }),
        Some(_) | None => Cow::Borrowed(sio),
    }
}

/// The WSDL of a service behind a channel.
#[must_use]
pub fn of_service(definition: &ServiceDefinition, exposed: Exposed<'_>) -> String {
    let (name, sio) = (definition.name.as_str(), definition.sio.as_ref());
    let namespace = namespace(name, sio);
    let words = sio.cloned().unwrap_or_default();
    let (asked_in, element) = called_by(exposed.element, &namespace, &words.request_elem);
    let input = match sio {
        Some(sio) => Type::Sequence(sio.input.iter().map(input).collect()),
        None => Type::Open,
    };
    let output = match sio {
        Some(sio) if !sio.output.is_empty() => Type::Sequence(output(sio)),
        Some(_) | None => Type::Open,
    };
    let plain = plain_name(name);
    let operation = Operation {
        name: plain.clone(),
        doc: definition.doc.clone(),
        action: exposed.action.to_owned(),
        input: Message {
            namespace: asked_in,
            element: Member::new(element, input),
        },
        output: Message {
            namespace: namespace.clone(),
            element: Member::new(words.response_elem, output),
        },
    };
    Wsdl {
        name: plain,
        namespace,
        address: exposed.address.to_owned(),
        version: exposed.version,
        operations: vec![operation],
    }
    .written()
}

/// Namespace and name of the element that calls it.
fn called_by(pattern: &str, namespace: &str, usual: &str) -> (String, String) {
    let named = pattern
        .strip_prefix('{')
        .and_then(|rest| rest.split_once('}'));
    let (namespace, name) = named.unwrap_or((namespace, pattern));
    let name = if name.is_empty() { usual } else { name };
    (namespace.to_owned(), name.to_owned())
}

fn input(field: &Field) -> Member {
    Member::new(&*field.name, type_of(field))
        .optional(!field.required)
        .documented(&field.doc)
}

/// What stands in a response element (see `encode`).
fn output(sio: &SimpleIo) -> Vec<Member> {
    let text = |name: &str| Member::new(name, Type::Simple("string"));
    let env = Member::new(
        "zato_env",
        Type::Sequence(vec![text("cid"), text("result")]),
    );
    let item = Member::new(
        "item",
        Type::Sequence(sio.output.iter().map(input).collect()),
    );
    let answer = if sio.output_repeated {
        Member::new("item_list", Type::Sequence(vec![item.repeated()]))
    } else {
        item
    };
    vec![env, answer]
}

fn type_of(field: &Field) -> Type {
    let any = |name: &str| Member::new(name, Type::Open);
    let pair = || {
        let key = Member::new("key", Type::Simple("string"));
        Member::new("item", Type::Sequence(vec![key, any("value")])).repeated()
    };
    match field.wire_type() {
        FieldType::Boolean => Type::Simple("boolean"),
        FieldType::Integer => Type::Simple("integer"),
        FieldType::Float => Type::Simple("double"),
        FieldType::Decimal => Type::Simple("decimal"),
        FieldType::Utc => Type::Simple("dateTime"),
        FieldType::Auto | FieldType::AsIs | FieldType::Text | FieldType::Csv => {
            Type::Simple("string")
        }
        FieldType::List => Type::Sequence(vec![any("item").repeated()]),
        FieldType::Dict => Type::Sequence(vec![pair()]),
        FieldType::ListOfDicts => {
            let dict = Member::new("dict", Type::Sequence(vec![pair()])).repeated();
            Type::Sequence(vec![dict])
        }
        FieldType::Opaque => Type::Open,
    }
}
