//! SOAP envelopes, read by their namespace and never by the content type (W3C SOAP 1.1 note, SOAP 1.2 part 1).

use busker_model::Fault;
use busker_security::{UsernameToken, wss};
use roxmltree::{Document, Node};
use serde_json::Value;

use super::{ElementName, bad, parse, tree};
use crate::decode::SoapVersion;

/// Code of a fault for a header block that must be understood.
pub(crate) const MUST_UNDERSTAND: &str = "must-understand";
/// Code of a fault for an envelope of an unknown version.
pub(crate) const VERSION_MISMATCH: &str = "version-mismatch";

/// Roles a header block can be addressed to that are ours; one without a role is ours too.
const OUR_ROLES: [&str; 4] = [
    "",
    "http://schemas.xmlsoap.org/soap/actor/next",
    "http://www.w3.org/2003/05/soap-envelope/role/next",
    "http://www.w3.org/2003/05/soap-envelope/role/ultimateReceiver",
];

impl SoapVersion {
    /// Namespace of the envelope.
    #[must_use]
    pub const fn namespace(self) -> &'static str {
        match self {
            Self::V11 => "http://schemas.xmlsoap.org/soap/envelope/",
            Self::V12 => "http://www.w3.org/2003/05/soap-envelope",
        }
    }

    /// Content type of an answer.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::V11 => "text/xml; charset=utf-8",
            Self::V12 => "application/soap+xml; charset=utf-8",
        }
    }

    /// Wraps content in an envelope.
    pub(crate) fn envelope(self, inner: &str) -> String {
        let namespace = self.namespace();
        format!(
            "<soap:Envelope xmlns:soap=\"{namespace}\"><soap:Body>{inner}</soap:Body></soap:Envelope>"
        )
    }

    /// A guess at the version of a body that could not be read, so that its fault can be of the same one.
    #[must_use]
    pub fn guess(raw: &[u8], content_type: Option<&str>) -> Self {
        /// How far the root element is looked for, in bytes.
        const HEAD_BYTES: usize = 2_048;
        let head = String::from_utf8_lossy(raw.get(..HEAD_BYTES).unwrap_or(raw));
        let by_type = || content_type.is_some_and(|kind| kind.starts_with("application/soap+xml"));
        if head.contains(Self::V11.namespace()) {
            Self::V11
        } else if head.contains(Self::V12.namespace()) || by_type() {
            Self::V12
        } else {
            Self::V11
        }
    }
}

/// A header block that whoever takes an envelope acts on, so that its sender may say that it must be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderName {
    /// Namespace.
    pub namespace: &'static str,
    /// Local name.
    pub name: &'static str,
}

impl HeaderName {
    /// The header of WS-Security: who acts on it gets its UsernameToken.
    pub const SECURITY: Self = Self {
        namespace: wss::NAMESPACE,
        name: "Security",
    };
}

/// An envelope as a tree.
pub(crate) struct Message {
    pub(crate) version: SoapVersion,
    /// What is in its body: nothing, an element's value, or a list when there are several.
    pub(crate) payload: Option<Value>,
    /// The first element of its body.
    pub(crate) element: Option<ElementName>,
    /// The UsernameToken of its Security header, where that is acted on.
    pub(crate) token: Option<UsernameToken>,
}

/// An envelope whose headers are taken.
pub(crate) struct Envelope<'a, 'input> {
    pub(crate) version: SoapVersion,
    pub(crate) header: Option<Node<'a, 'input>>,
    pub(crate) body: Node<'a, 'input>,
}

/// Reads an envelope.
pub(crate) fn read(text: &str, understood: &[HeaderName]) -> Result<Message, Fault> {
    let document = parse(text)?;
    let Envelope {
        version,
        header,
        body,
    } = open(&document, understood)?;
    let token = match header {
        Some(header) if understood.contains(&HeaderName::SECURITY) => wss::read(header)?,
        Some(_) | None => None,
    };
    let mut elements = body.children().filter(Node::is_element).peekable();
    let element = elements.peek().map(|first| ElementName::of(*first));
    let mut children: Vec<Value> = elements.map(tree::value).collect();
    let payload = match children.len() {
        0 | 1 => children.pop(),
        _ => Some(Value::Array(children)),
    };
    Ok(Message {
        version,
        payload,
        element,
        token,
    })
}

/// The first element of an envelope's body. Its headers are for whoever it turns out to be for.
pub(crate) fn first_element(text: &str) -> Result<Option<ElementName>, Fault> {
    let document = parse(text)?;
    let root = document.root_element();
    let version = version_of(root)?;
    let body = child_of(root, version, "Body").ok_or_else(no_body)?;
    let first = body.children().find(Node::is_element);
    Ok(first.map(ElementName::of))
}

fn child_of<'a, 'input>(
    root: Node<'a, 'input>,
    version: SoapVersion,
    name: &str,
) -> Option<Node<'a, 'input>> {
    root.children()
        .find(|node| node.has_tag_name((version.namespace(), name)))
}

/// Takes a document as an envelope.
pub(crate) fn open<'a, 'input>(
    document: &'a Document<'input>,
    understood: &[HeaderName],
) -> Result<Envelope<'a, 'input>, Fault> {
    let root = document.root_element();
    let version = version_of(root)?;
    let header = child_of(root, version, "Header");
    if let Some(header) = header {
        check_header(version, header, understood)?;
    }
    let body = child_of(root, version, "Body").ok_or_else(no_body)?;
    Ok(Envelope {
        version,
        header,
        body,
    })
}

fn version_of(root: Node<'_, '_>) -> Result<SoapVersion, Fault> {
    if root.tag_name().name() != "Envelope" {
        return Err(bad(format!(
            "not a SOAP envelope but <{}>",
            root.tag_name().name()
        )));
    }
    let namespace = root.tag_name().namespace().unwrap_or_default();
    [SoapVersion::V11, SoapVersion::V12]
        .into_iter()
        .find(|version| version.namespace() == namespace)
        .ok_or_else(|| bad(format!("unknown SOAP version {namespace:?}")).code(VERSION_MISMATCH))
}

/// The fault of a request without a body, in Zato's words.
pub(crate) fn no_body() -> Fault {
    Fault::invalid("Client did not send the [/soapenv:Envelope/soapenv:Body] element")
}

/// Refuses a block that its sender says we must understand, and that nobody acts on.
fn check_header(
    version: SoapVersion,
    header: Node<'_, '_>,
    understood: &[HeaderName],
) -> Result<(), Fault> {
    let namespace = version.namespace();
    let role_attribute = match version {
        SoapVersion::V11 => "actor",
        SoapVersion::V12 => "role",
    };
    let ours = |block: &Node<'_, '_>| {
        let role = block.attribute((namespace, role_attribute));
        OUR_ROLES.contains(&role.unwrap_or_default())
    };
    let must = |block: &Node<'_, '_>| {
        let must = block.attribute((namespace, "mustUnderstand"));
        matches!(must, Some("1" | "true"))
    };
    let acted_on = |block: &Node<'_, '_>| {
        let mut known = understood.iter();
        known.any(|header| block.has_tag_name((header.namespace, header.name)))
    };
    let blocks = header.children().filter(Node::is_element);
    let mut missed = blocks.filter(|block| must(block) && ours(block) && !acted_on(block));
    match missed.next() {
        Some(block) => Err(bad(format!(
            "the header {:?} must be understood, and is not",
            block.tag_name().name()
        ))
        .code(MUST_UNDERSTAND)),
        None => Ok(()),
    }
}
