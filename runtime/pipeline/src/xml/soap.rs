//! SOAP envelopes, read by their namespace and never by the content type (W3C SOAP 1.1 note, SOAP 1.2 part 1).

use busker_model::Fault;
use busker_security::{UsernameToken, wss};
use roxmltree::Node;
use serde_json::Value;

use super::{bad, parse, tree};
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

/// What of an envelope is asked for.
#[derive(Debug)]
pub(crate) struct Envelope {
    pub(crate) version: SoapVersion,
    /// `None` when it is empty, a list when it has several children.
    pub(crate) body: Option<Value>,
    /// The UsernameToken of its Security header.
    pub(crate) token: Option<UsernameToken>,
}

/// Reads an envelope. With `secured`, its Security header is understood.
pub(crate) fn read(text: &str, secured: bool) -> Result<Envelope, Fault> {
    let document = parse(text)?;
    let root = document.root_element();
    let version = version_of(root)?;
    let child = |name: &str| {
        root.children()
            .find(|node| node.has_tag_name((version.namespace(), name)))
    };
    let mut token = None;
    if let Some(header) = child("Header") {
        check_header(version, header, secured)?;
        if secured {
            token = wss::read(header)?;
        }
    }
    let body = child("Body").ok_or_else(no_body)?;
    let mut children: Vec<Value> = body
        .children()
        .filter(Node::is_element)
        .map(tree::value)
        .collect();
    let payload = match children.len() {
        0 | 1 => children.pop(),
        _ => Some(Value::Array(children)),
    };
    Ok(Envelope {
        version,
        body: payload,
        token,
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

/// Refuses a block that its sender says we must understand: we understand WS-Security, where a channel is secured by it.
fn check_header(version: SoapVersion, header: Node<'_, '_>, secured: bool) -> Result<(), Fault> {
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
    let understood = |block: &Node<'_, '_>| secured && wss::is_security(block);
    let blocks = header.children().filter(Node::is_element);
    let blocks = blocks.filter(|block| !understood(block));
    match blocks.filter(must).find(ours) {
        Some(block) => Err(bad(format!(
            "the header {:?} must be understood, and is not",
            block.tag_name().name()
        ))
        .code(MUST_UNDERSTAND)),
        None => Ok(()),
    }
}
