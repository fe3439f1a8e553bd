//! Bytes in: JSON, XML, SOAP, forms and raw bodies become one payload.

use busker_model::{DataFormat, Fault, Payload, Transport};
use busker_security::UsernameToken;
use bytes::Bytes;
use serde::Serialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::params::read_pairs;
use crate::xml::{self, ElementName, soap::HeaderName, unmarked};

/// Deepest nesting of a JSON body.
pub const MAX_JSON_DEPTH: usize = 64;

/// Version of a SOAP envelope, by its namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SoapVersion {
    /// 1.1, <http://schemas.xmlsoap.org/soap/envelope/>
    V11,
    /// 1.2, <http://www.w3.org/2003/05/soap-envelope>
    V12,
}

/// A body that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// What the service reads.
    pub payload: Payload,
    /// Version of its SOAP envelope, if it had one.
    pub soap: Option<SoapVersion>,
    /// First element of its SOAP body.
    pub element: Option<ElementName>,
    /// The UsernameToken of its envelope, where its Security header is understood.
    pub token: Option<UsernameToken>,
}

impl Decoded {
    const fn plain(payload: Payload) -> Self {
        Self {
            payload,
            soap: None,
            element: None,
            token: None,
        }
    }
}

/// Reads a body. `content_type` is asked for its charset only; header blocks of an envelope that must be understood are
/// refused (see [`decode_soap`]).
///
/// # Errors
/// `Invalid`, naming what is wrong and where.
pub fn decode(
    format: DataFormat,
    transport: Transport,
    raw: &Bytes,
    content_type: Option<&str>,
) -> Result<Decoded, Fault> {
    if raw.is_empty() && transport == Transport::PlainHttp {
        return Ok(Decoded::plain(Payload::None));
    }
    let plain = |payload| Ok(Decoded::plain(payload));
    match (transport, format) {
        (Transport::Soap, _) => decode_soap(raw, content_type, &[]),
        (Transport::PlainHttp, DataFormat::Json) => plain(json(raw)?),
        (Transport::PlainHttp, DataFormat::Xml) => {
            let text = xml::charset::to_text(raw, content_type)?;
            plain(tree(&xml::tree::read(unmarked(&text))?)?)
        }
        (Transport::PlainHttp, DataFormat::Form) => plain(form(raw)?),
        (Transport::PlainHttp, DataFormat::Raw) => plain(Payload::Raw(raw.clone())),
    }
}

/// Reads a SOAP envelope for someone who acts on these header blocks.
///
/// # Errors
/// `Invalid`, naming what is wrong and where; with a code for a version nobody knows, and for a header block that must be
/// understood and is not.
pub fn decode_soap(
    raw: &[u8],
    content_type: Option<&str>,
    understood: &[HeaderName],
) -> Result<Decoded, Fault> {
    if raw.trim_ascii().is_empty() {
        return Err(xml::soap::no_body());
    }
    let text = xml::charset::to_text(raw, content_type)?;
    let message = xml::soap::read(unmarked(&text), understood)?;
    let payload = message.payload.map(|payload| tree(&payload)).transpose()?;
    Ok(Decoded {
        payload: payload.unwrap_or(Payload::None),
        soap: Some(message.version),
        element: message.element,
        token: message.token,
    })
}

/// The first element of the body of a SOAP envelope, for who has to know whose it is before it is read.
///
/// # Errors
/// `Invalid`, naming what is wrong and where.
pub fn soap_element(raw: &[u8], content_type: Option<&str>) -> Result<Option<ElementName>, Fault> {
    if raw.trim_ascii().is_empty() {
        return Err(xml::soap::no_body());
    }
    let text = xml::charset::to_text(raw, content_type)?;
    xml::soap::first_element(unmarked(&text))
}

/// Valid JSON passes as the bytes it came in, without a byte order mark or white space around it.
pub(crate) fn json(raw: &Bytes) -> Result<Payload, Fault> {
    let text = std::str::from_utf8(raw).map_err(|error| {
        Fault::invalid(format!("body: not UTF-8 at byte {}", error.valid_up_to()))
    })?;
    let text = unmarked(text).trim_ascii();
    if text.is_empty() {
        return Ok(Payload::None);
    }
    check_depth(text.as_bytes())?;
    serde_json::from_str::<IgnoredAny>(text)
        .map_err(|error| Fault::invalid(format!("body: not valid JSON: {error}")))?;
    Ok(Payload::Json(raw.slice_ref(text.as_bytes())))
}

/// Bounds nesting, so that no reader after this one recurses too deep.
pub(crate) fn check_depth(text: &[u8]) -> Result<(), Fault> {
    // Most bodies have too few brackets to be deep; counting them is far cheaper than following strings.
    let brackets = text.iter().filter(|&&b| b == b'{' || b == b'[').count();
    if brackets <= MAX_JSON_DEPTH {
        return Ok(());
    }
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for &byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => depth += 1,
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_JSON_DEPTH {
            return Err(Fault::invalid(format!(
                "body: nested deeper than {MAX_JSON_DEPTH} levels"
            )));
        }
    }
    Ok(())
}

fn form(raw: &[u8]) -> Result<Payload, Fault> {
    let pairs = read_pairs(raw).map_err(|fault| Fault::invalid(format!("body: {fault}")))?;
    let mut fields = Map::new();
    for (name, value) in pairs {
        xml::tree::add(&mut fields, name, Value::String(value));
    }
    tree(&Value::Object(fields))
}

fn tree<T: Serialize>(value: &T) -> Result<Payload, Fault> {
    let text = serde_json::to_vec(value).map_err(|error| {
        Fault::internal("the body could not be read").operator(error.to_string())
    })?;
    Ok(Payload::Json(text.into()))
}

#[cfg(test)]
mod tests;
