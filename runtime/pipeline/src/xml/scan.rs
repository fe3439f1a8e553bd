//! A cheap pass before the tree is built: a DOM is quadratic in attributes and namespaces, and unbounded in depth.

use busker_model::Fault;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::bad;

/// Deepest nesting of an XML body.
pub const MAX_XML_DEPTH: usize = 64;
/// Most attributes of one element, namespace declarations among them.
pub const MAX_XML_ATTRIBUTES: usize = 64;
/// Most namespace declarations in scope at one element: each element that adds one copies those above it.
pub const MAX_XML_NAMESPACES: usize = 256;

/// Checks the bounds; whether the document is well-formed in every way is for the parser after it.
pub(crate) fn check(text: &str) -> Result<(), Fault> {
    let mut reader = Reader::from_str(text);
    // Namespace declarations of each open element.
    let mut open: Vec<usize> = Vec::new();
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => {
                if open.len() == MAX_XML_DEPTH {
                    return Err(bad(format!("nested deeper than {MAX_XML_DEPTH} elements")));
                }
                open.push(declarations(&start)?);
                if open.iter().sum::<usize>() > MAX_XML_NAMESPACES {
                    return Err(bad(format!(
                        "more than {MAX_XML_NAMESPACES} namespaces at one place"
                    )));
                }
            }
            Ok(Event::Empty(start)) => {
                declarations(&start)?;
            }
            Ok(Event::End(_)) => {
                open.pop();
            }
            Ok(Event::DocType(_)) => return Err(bad("a DOCTYPE is not accepted")),
            Ok(Event::PI(_)) => return Err(bad("a processing instruction is not accepted")),
            Ok(Event::Eof) => return Ok(()),
            Ok(
                Event::Text(_)
                | Event::CData(_)
                | Event::Comment(_)
                | Event::Decl(_)
                | Event::GeneralRef(_),
            ) => {}
            Err(error) => return Err(bad(format!("not well-formed XML: {error}"))),
        }
    }
}

/// Counts namespace declarations of an element within the bound on its attributes.
fn declarations(start: &BytesStart<'_>) -> Result<usize, Fault> {
    let (mut attributes, mut namespaces) = (0, 0);
    for attribute in start.attributes().with_checks(false) {
        attributes += 1;
        if attributes > MAX_XML_ATTRIBUTES {
            return Err(bad(format!(
                "an element has more than {MAX_XML_ATTRIBUTES} attributes"
            )));
        }
        let declares = attribute.is_ok_and(|a| a.key.as_namespace_binding().is_some());
        namespaces += usize::from(declares);
    }
    Ok(namespaces)
}
