//! The SOAP binding of operations whose input and output JSON Schemas describe.
//!
//! A request names its operation by the first element of its body, `<NAME_request>`; a SOAPAction, which is the
//! operation's own name, has to agree. The answer is `<NAME_response>`. What is in them says `xml::typed`; this file knows
//! envelopes and names, and runs nothing.

use std::collections::HashMap;

use busker_model::{Fault, Payload};
use bytes::Bytes;
use roxmltree::Node;
use serde_json::Value;

use crate::decode::{SoapVersion, json};
use crate::encode::Encoded;
use crate::wsdl::{self, Wsdl, plain_name};
use crate::xml::typed::{read, write};
use crate::xml::{self, XSI, unmarked};

/// An operation.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Name, which is its SOAPAction too.
    pub name: String,
    /// What it does, one sentence.
    pub summary: String,
    /// JSON Schema of its input, an object.
    pub input: Value,
    /// JSON Schema of its output.
    pub output: Value,
}

impl Operation {
    /// Name of the element that asks for it.
    #[must_use]
    pub fn request_element(&self) -> String {
        format!("{}_request", plain_name(&self.name))
    }

    /// Name of the element it answers with.
    #[must_use]
    pub fn response_element(&self) -> String {
        format!("{}_response", plain_name(&self.name))
    }
}

/// A request that was read.
#[derive(Debug)]
pub struct Asked<'a> {
    /// Version of its envelope.
    pub version: SoapVersion,
    /// What it asks for.
    pub operation: &'a Operation,
    /// Its input; whether it is right is not known yet.
    pub input: Payload,
}

/// Operations of one namespace.
#[derive(Debug)]
pub struct Binding {
    namespace: &'static str,
    operations: Vec<Operation>,
    /// Places by request element.
    by_element: HashMap<String, usize>,
}

impl Binding {
    /// Binds operations to elements of a namespace; no two may have the same plain name.
    #[must_use]
    pub fn new(namespace: &'static str, operations: Vec<Operation>) -> Self {
        let by_element = operations.iter().enumerate();
        let by_element = by_element
            .map(|(place, operation)| (operation.request_element(), place))
            .collect();
        Self {
            namespace,
            operations,
            by_element,
        }
    }

    /// All operations, as they were given.
    #[must_use]
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// Reads a request; `action` is its SOAPAction without quotes, or empty.
    ///
    /// # Errors
    /// `Invalid` for what is no envelope with one element in its body, and for an action that names another operation;
    /// `NotFound` for an element that names none.
    pub fn read(
        &self,
        raw: &[u8],
        content_type: Option<&str>,
        action: &str,
    ) -> Result<Asked<'_>, Fault> {
        if raw.trim_ascii().is_empty() {
            return Err(xml::soap::no_body());
        }
        let text = xml::charset::to_text(raw, content_type)?;
        let document = xml::parse(unmarked(&text))?;
        let envelope = xml::soap::open(&document, &[])?;
        let mut elements = envelope.body.children().filter(Node::is_element);
        let (Some(element), None) = (elements.next(), elements.next()) else {
            return Err(Fault::invalid(
                "Body: must hold one element, which names the operation",
            ));
        };
        let operation = self.named(element)?;
        if !action.is_empty() && action != operation.name {
            return Err(Fault::invalid(format!(
                "SOAPAction: {action:?} is not {:?}, which the body asks for; send the same or none",
                operation.name
            )));
        }
        let mut input = String::new();
        read::value(&mut input, element, &operation.input)?;
        Ok(Asked {
            version: envelope.version,
            operation,
            input: json(&Bytes::from(input))?,
        })
    }

    fn named(&self, element: Node<'_, '_>) -> Result<&Operation, Fault> {
        let name = element.tag_name().name();
        let is_ours = element
            .tag_name()
            .namespace()
            .is_none_or(|namespace| namespace == self.namespace);
        let place = self.by_element.get(name).filter(|_| is_ours);
        let found = place.and_then(|&place| self.operations.get(place));
        found.ok_or_else(|| {
            let namespace = self.namespace;
            Fault::not_found(format!(
                "Body: no operation is called by <{name}>; their elements are in {namespace:?}, and ?wsdl lists them"
            ))
        })
    }

    /// Writes an answer, which is JSON text.
    ///
    /// # Errors
    /// `Internal` when it has no form in XML.
    pub fn write(
        &self,
        operation: &Operation,
        version: SoapVersion,
        answer: &[u8],
    ) -> Result<Encoded, Fault> {
        let text = std::str::from_utf8(answer).map_err(|error| {
            Fault::internal("the answer could not be written").operator(error.to_string())
        })?;
        let name = operation.response_element();
        let mut element = String::with_capacity(2 * text.len());
        write::element(
            &mut element,
            write::Tag::of(&name),
            &operation.output,
            text,
            0,
        )?;
        let (own, xsi) = (write::OWN_PREFIX, write::XSI_PREFIX);
        let namespace = self.namespace;
        let declared = format!(
            "<{name} xmlns=\"{namespace}\" xmlns:{own}=\"{namespace}\" xmlns:{xsi}=\"{XSI}\""
        );
        let inner = element.replacen(&format!("<{name}"), &declared, 1);
        Ok(Encoded {
            status: 200,
            content_type: version.content_type().to_owned(),
            body: version.envelope(&inner).into(),
            headers: Vec::new(),
        })
    }

    /// One WSDL of all operations.
    #[must_use]
    pub fn wsdl(&self, name: &str, address: &str) -> String {
        let operation = |operation: &Operation| {
            let (request, response) = (operation.request_element(), operation.response_element());
            let schemas = [
                (request.as_str(), &operation.input),
                (response.as_str(), &operation.output),
            ];
            let plain = plain_name(&operation.name);
            let mut typed = wsdl::Operation::typed(plain, self.namespace, schemas);
            typed.doc.clone_from(&operation.summary);
            typed.action.clone_from(&operation.name);
            typed
        };
        Wsdl {
            name: name.to_owned(),
            namespace: self.namespace.to_owned(),
            address: address.to_owned(),
            version: None,
            operations: self.operations.iter().map(operation).collect(),
        }
        .written()
    }
}

#[cfg(test)]
mod tests;
