//! A UsernameToken, read from the Security header of an envelope by namespaces and never by prefixes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use busker_model::{Fault, Secret};
use roxmltree::Node;

use super::{CHALLENGE, MAX_NONCE_BYTES};
use crate::part::MAX_PART_BYTES;
use crate::refusal::wrong;

/// Namespace of the Security header.
pub const NAMESPACE: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const UTILITY: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
const TEXT: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText";
const DIGEST: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest";
const BASE64: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary";

/// What the password of a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordKind {
    /// The password itself.
    Text,
    /// A digest of it.
    Digest,
}

/// A UsernameToken as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsernameToken {
    /// Username.
    pub username: String,
    /// Password, or its digest in Base64.
    pub password: Secret,
    /// Which of them.
    pub kind: PasswordKind,
    /// Nonce, in Base64.
    pub nonce: Option<String>,
    /// When it was made, as it was written.
    pub created: Option<String>,
    /// When the whole header ends, as it was written.
    pub expires: Option<String>,
}

impl UsernameToken {
    /// The nonce without its Base64.
    pub(super) fn nonce_bytes(&self) -> Result<Option<Vec<u8>>, ()> {
        let Some(text) = &self.nonce else {
            return Ok(None);
        };
        let bytes = STANDARD.decode(text.trim_ascii()).map_err(|_| ())?;
        let fits = (1..=MAX_NONCE_BYTES).contains(&bytes.len());
        fits.then_some(Some(bytes)).ok_or(())
    }
}

/// Reads the token of the header of an envelope; `None` when there is none.
///
/// # Errors
/// `Unauthenticated`: two of what must be there once, or a part that is not what it should be.
pub fn read(header: Node<'_, '_>) -> Result<Option<UsernameToken>, Fault> {
    let unreadable = || wrong(CHALLENGE);
    let Some(security) = only(header, NAMESPACE, "Security").ok_or_else(unreadable)? else {
        return Ok(None);
    };
    let Some(token) = only(security, NAMESPACE, "UsernameToken").ok_or_else(unreadable)? else {
        return Ok(None);
    };
    let stamp = only(security, UTILITY, "Timestamp").ok_or_else(unreadable)?;
    let expires = match stamp {
        Some(stamp) => only(stamp, UTILITY, "Expires").ok_or_else(unreadable)?,
        None => None,
    };
    parts(token, expires).map(Some).ok_or_else(unreadable)
}

fn parts(token: Node<'_, '_>, expires: Option<Node<'_, '_>>) -> Option<UsernameToken> {
    let username = only(token, NAMESPACE, "Username")??;
    let password = only(token, NAMESPACE, "Password")??;
    let nonce = only(token, NAMESPACE, "Nonce")?;
    let created = only(token, UTILITY, "Created")?;
    let kind = match password.attribute("Type") {
        None | Some(TEXT) => PasswordKind::Text,
        Some(DIGEST) => PasswordKind::Digest,
        Some(_) => return None,
    };
    let encoding = nonce.and_then(|nonce| nonce.attribute("EncodingType"));
    if encoding.is_some_and(|encoding| encoding != BASE64) {
        return None;
    }
    let optional = |node: Option<Node<'_, '_>>| match node {
        None => Some(None),
        Some(node) => text(node).map(Some),
    };
    Some(UsernameToken {
        username: text(username)?,
        password: Secret::new(text(password)?),
        kind,
        // An empty element is as good as none.
        nonce: optional(nonce)?.filter(|text| !text.is_empty()),
        created: optional(created)?.filter(|text| !text.is_empty()),
        expires: optional(expires)?.filter(|text| !text.is_empty()),
    })
}

/// The only child of that name, if there is one; `None` when there are two.
fn only<'a, 'i>(parent: Node<'a, 'i>, namespace: &str, name: &str) -> Option<Option<Node<'a, 'i>>> {
    let mut found = parent
        .children()
        .filter(|child| child.has_tag_name((namespace, name)));
    let first = found.next();
    found.next().is_none().then_some(first)
}

/// All text of an element: a comment in it must not cut it in two, and an element has no place there.
fn text(node: Node<'_, '_>) -> Option<String> {
    let mut whole = String::new();
    for child in node.children() {
        if child.is_element() {
            return None;
        }
        whole.push_str(child.text().filter(|_| child.is_text()).unwrap_or_default());
    }
    (whole.len() <= MAX_PART_BYTES).then_some(whole)
}
