//! XML and JSON trees: one shape for both, so that a service reads `payload.customer.payment.date` alike from either.
//!
//! Element children become fields by local name, repeated ones a list, text a string, attributes `@name`, text beside
//! them `#text`, `xsi:nil` null. DTDs and processing instructions are refused, so nothing external is ever opened.
//! Reading is in `tree` and `soap`, after `charset` and `scan`; writing is in `write`. Where a JSON Schema says what is in a
//! document, `typed` reads and writes it without loss.

use busker_model::Fault;
use roxmltree::{Document, Node, ParsingOptions};

pub(crate) mod charset;
mod scan;
pub(crate) mod soap;
pub(crate) mod tree;
pub(crate) mod typed;
pub(crate) mod write;

pub(crate) use scan::check;
pub use scan::{MAX_XML_ATTRIBUTES, MAX_XML_DEPTH, MAX_XML_NAMESPACES};

/// Most elements, texts and comments of a body.
pub const MAX_XML_NODES: u32 = 100_000;

/// Namespace of `xsi:nil`.
pub(crate) const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// Name of an element.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ElementName {
    /// Its namespace; empty when it has none.
    pub namespace: String,
    /// Its local name.
    pub name: String,
}

impl ElementName {
    fn of(node: Node<'_, '_>) -> Self {
        Self {
            namespace: node.tag_name().namespace().unwrap_or_default().to_owned(),
            name: node.tag_name().name().to_owned(),
        }
    }

    /// Whether it is the element of a pattern: `{namespace}name`, or a name alone, whatever its namespace.
    #[must_use]
    pub fn is_called(&self, pattern: &str) -> bool {
        match pattern
            .strip_prefix('{')
            .and_then(|rest| rest.split_once('}'))
        {
            Some((namespace, name)) => self.namespace == namespace && self.name == name,
            None => self.name == pattern,
        }
    }
}

/// The root of a document that is well-formed and within the bounds of a body, in whatever encoding it says it is.
///
/// # Errors
/// `Invalid`, naming what is wrong and where.
pub fn root_of(raw: &[u8]) -> Result<ElementName, Fault> {
    let text = charset::to_text(raw, None)?;
    let document = parse(unmarked(&text))?;
    Ok(ElementName::of(document.root_element()))
}

/// Text without a byte order mark.
pub(crate) fn unmarked(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

fn bad(message: impl std::fmt::Display) -> Fault {
    Fault::invalid(format!("body: {message}"))
}

pub(crate) fn parse(text: &str) -> Result<Document<'_>, Fault> {
    check(text)?;
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: MAX_XML_NODES,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(text, options)
        .map_err(|error| bad(format!("not well-formed XML: {error}")))
}
