//! WSDL 1.1 (<https://www.w3.org/TR/wsdl.html>): document/literal, a binding for each version of SOAP, one fault.
//!
//! A WSDL tells clients what to send; nobody holds requests against it.

use crate::SoapVersion;
use crate::respond::soap::FAULT_NAMESPACE;
use crate::xml::typed::JSON;

mod schema;
mod service;
mod xsd;

#[cfg(test)]
mod tests;

pub use service::{Exposed, answering, namespace, of_service};

use xsd::{Member, Type, attribute, documentation, element, escaped, push};

/// A document that is about to be written.
pub(crate) struct Wsdl {
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) address: String,
    /// The version it is called in; both when there is none.
    pub(crate) version: Option<SoapVersion>,
    pub(crate) operations: Vec<Operation>,
}

/// An operation.
pub(crate) struct Operation {
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) action: String,
    input: Message,
    output: Message,
}

/// What goes one way.
struct Message {
    namespace: String,
    element: Member,
}

impl Operation {
    /// An operation whose input and output JSON Schemas describe.
    pub(crate) fn typed(
        name: String,
        namespace: &str,
        schemas: [(&str, &serde_json::Value); 2],
    ) -> Self {
        let [input, output] = schemas.map(|(name, schema)| Message {
            namespace: namespace.to_owned(),
            element: Member {
                doc: String::new(),
                ..schema::member(name, schema, true)
            },
        });
        Self {
            name,
            doc: String::new(),
            action: String::new(),
            input,
            output,
        }
    }

    fn messages(&self) -> [(&'static str, &Message); 2] {
        [("request", &self.input), ("response", &self.output)]
    }
}

/// A name of ours as one of XML without dots and dashes, which languages take for operators.
#[must_use]
pub fn plain_name(name: &str) -> String {
    let plain = name.replace(['.', '-'], "_");
    if plain.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        plain
    } else {
        format!("_{plain}")
    }
}

impl Wsdl {
    pub(crate) fn written(&self) -> String {
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<wsdl:definitions");
        attribute(&mut out, "name", &self.name);
        attribute(&mut out, "targetNamespace", &self.namespace);
        attribute(&mut out, "xmlns:tns", &self.namespace);
        attribute(&mut out, "xmlns:fault", FAULT_NAMESPACE);
        out.push_str(
            " xmlns:wsdl=\"http://schemas.xmlsoap.org/wsdl/\" xmlns:soap=\"http://schemas.xmlsoap.org/wsdl/soap/\" \
             xmlns:soap12=\"http://schemas.xmlsoap.org/wsdl/soap12/\" xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\">\n",
        );
        self.types(&mut out);
        self.messages(&mut out);
        self.port_type(&mut out);
        for version in self.versions() {
            self.binding(&mut out, version);
        }
        self.service(&mut out);
        out.push_str("</wsdl:definitions>\n");
        out
    }

    fn versions(&self) -> Vec<SoapVersion> {
        self.version.map_or_else(
            || vec![SoapVersion::V11, SoapVersion::V12],
            |only| vec![only],
        )
    }

    fn types(&self, out: &mut String) {
        out.push_str("<wsdl:types>\n");
        let elements = || {
            let operations = self.operations.iter();
            operations.flat_map(|operation| [&operation.input, &operation.output])
        };
        let mut namespaces: Vec<&str> = elements().map(|one| one.namespace.as_str()).collect();
        namespaces.sort_unstable();
        namespaces.dedup();
        for namespace in namespaces {
            open_schema(out, namespace);
            let declared = || elements().filter(|one| one.namespace == namespace);
            if declared().any(|one| one.element.has_json()) {
                json_type(out);
            }
            for message in declared() {
                element(out, &message.element, true);
                out.push('\n');
            }
            out.push_str("</xsd:schema>\n");
        }
        open_schema(out, FAULT_NAMESPACE);
        element(out, &fault(), true);
        out.push_str("\n</xsd:schema>\n</wsdl:types>\n");
    }

    fn messages(&self, out: &mut String) {
        for operation in &self.operations {
            for (way, message) in operation.messages() {
                push(out, &["<wsdl:message name=\"", &operation.name, "_", way]);
                out.push_str("\"><wsdl:part name=\"parameters\"");
                attribute(out, "xmlns:e", &message.namespace);
                attribute(out, "element", &format!("e:{}", message.element.name));
                out.push_str("/></wsdl:message>\n");
            }
        }
        out.push_str(
            "<wsdl:message name=\"fault\"><wsdl:part name=\"fault\" element=\"fault:fault\"/></wsdl:message>\n",
        );
    }

    fn port_type(&self, out: &mut String) {
        push(out, &["<wsdl:portType name=\"", &self.name, "\">\n"]);
        for operation in &self.operations {
            let name = &operation.name;
            push(out, &["<wsdl:operation name=\"", name, "\">"]);
            documentation(out, "wsdl", &operation.doc);
            push(out, &["<wsdl:input message=\"tns:", name, "_request\"/>"]);
            push(out, &["<wsdl:output message=\"tns:", name, "_response\"/>"]);
            out.push_str("<wsdl:fault name=\"fault\" message=\"tns:fault\"/></wsdl:operation>\n");
        }
        out.push_str("</wsdl:portType>\n");
    }

    fn binding(&self, out: &mut String, version: SoapVersion) {
        let (port, prefix) = port(version);
        push(out, &["<wsdl:binding name=\"", port, "\" type=\"tns:"]);
        push(out, &[&self.name, "\">\n<", prefix]);
        out.push_str(
            ":binding style=\"document\" transport=\"http://schemas.xmlsoap.org/soap/http\"/>\n",
        );
        for operation in &self.operations {
            push(out, &["<wsdl:operation name=\"", &operation.name, "\"><"]);
            push(out, &[prefix, ":operation"]);
            attribute(out, "soapAction", &operation.action);
            let body = format!("<{prefix}:body use=\"literal\"/>");
            push(out, &["/><wsdl:input>", &body, "</wsdl:input>"]);
            push(out, &["<wsdl:output>", &body, "</wsdl:output>"]);
            push(out, &["<wsdl:fault name=\"fault\"><", prefix]);
            out.push_str(":fault name=\"fault\" use=\"literal\"/></wsdl:fault></wsdl:operation>\n");
        }
        out.push_str("</wsdl:binding>\n");
    }

    fn service(&self, out: &mut String) {
        push(out, &["<wsdl:service name=\"", &self.name, "\">\n"]);
        for version in self.versions() {
            let (port, prefix) = port(version);
            push(out, &["<wsdl:port name=\"", port, "\" binding=\"tns:"]);
            push(out, &[port, "\"><", prefix, ":address location=\""]);
            push(out, &[&escaped(&self.address), "\"/></wsdl:port>\n"]);
        }
        out.push_str("</wsdl:service>\n");
    }
}

/// Name of a port and prefix of its elements.
const fn port(version: SoapVersion) -> (&'static str, &'static str) {
    match version {
        SoapVersion::V11 => ("soap11", "soap"),
        SoapVersion::V12 => ("soap12", "soap12"),
    }
}

fn open_schema(out: &mut String, namespace: &str) {
    out.push_str("<xsd:schema elementFormDefault=\"qualified\"");
    attribute(out, "targetNamespace", namespace);
    out.push_str(">\n");
}

fn json_type(out: &mut String) {
    push(out, &["<xsd:simpleType name=\"", JSON, "\">"]);
    documentation(
        out,
        "xsd",
        "JSON text (RFC 8259); text of its own is in quotes.",
    );
    out.push_str("<xsd:restriction base=\"xsd:string\"/></xsd:simpleType>\n");
}

/// The element in the detail of every fault (see `respond::soap`).
fn fault() -> Member {
    let text = |name: &str| Member::new(name, Type::Simple("string"));
    let violation = Type::Sequence(vec![text("field"), text("message")]);
    let violations = Type::Sequence(vec![Member::new("violation", violation).repeated()]);
    Member::new(
        "fault",
        Type::Sequence(vec![
            text("cid"),
            text("class"),
            text("code").optional(true),
            Member::new("violations", violations).optional(true),
            text("traceback").optional(true),
        ]),
    )
}
