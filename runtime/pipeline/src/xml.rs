//! XML and JSON trees: one shape for both, so that a service reads `payload.customer.payment.date` alike from either.
//!
//! Element children become fields by local name, repeated ones a list, text a string, attributes `@name`, text beside
//! them `#text`, `xsi:nil` null. DTDs and processing instructions are refused, so nothing external is ever opened.
//! Reading is in `tree` and `soap`, after `charset` and `scan`; writing is in `write`.

use busker_model::Fault;
use roxmltree::{Document, ParsingOptions};

pub(crate) mod charset;
mod scan;
pub(crate) mod soap;
pub(crate) mod tree;
pub(crate) mod write;

pub use scan::{MAX_XML_ATTRIBUTES, MAX_XML_DEPTH, MAX_XML_NAMESPACES};

/// Most elements, texts and comments of a body.
pub const MAX_XML_NODES: u32 = 100_000;

/// Namespace of `xsi:nil`.
pub(crate) const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

fn bad(message: impl std::fmt::Display) -> Fault {
    Fault::invalid(format!("body: {message}"))
}

fn parse(text: &str) -> Result<Document<'_>, Fault> {
    scan::check(text)?;
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: MAX_XML_NODES,
        ..ParsingOptions::default()
    };
    Document::parse_with_options(text, options)
        .map_err(|error| bad(format!("not well-formed XML: {error}")))
}
