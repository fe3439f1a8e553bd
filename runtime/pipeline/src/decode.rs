//! Bytes in: JSON, XML, SOAP, forms and raw bodies become one payload.

use busker_model::{DataFormat, Fault, Payload, Transport};
use busker_security::UsernameToken;
use bytes::Bytes;
use serde::Serialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use crate::params::read_pairs;
use crate::xml;

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
    /// The UsernameToken of its envelope, where it was asked for.
    pub token: Option<UsernameToken>,
}

/// Reads a body. `content_type` is asked for its charset only.
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
        return Ok(Decoded {
            payload: Payload::None,
            soap: None,
            token: None,
        });
    }
    let plain = |payload| {
        Ok(Decoded {
            payload,
            soap: None,
            token: None,
        })
    };
    match (transport, format) {
        (Transport::Soap, _) => soap(raw, content_type, false),
        (Transport::PlainHttp, DataFormat::Json) => plain(json(raw)?),
        (Transport::PlainHttp, DataFormat::Xml) => {
            let text = xml::charset::to_text(raw, content_type)?;
            plain(tree(&xml::tree::read(unmarked(&text))?)?)
        }
        (Transport::PlainHttp, DataFormat::Form) => plain(form(raw)?),
        (Transport::PlainHttp, DataFormat::Raw) => plain(Payload::Raw(raw.clone())),
    }
}

/// Reads the body of a channel that is secured by WS-Security: as [`decode`], with the UsernameToken of the envelope.
///
/// # Errors
/// Those of [`decode`]; `Unauthenticated` for a Security header that cannot be read.
pub fn decode_secured(raw: &Bytes, content_type: Option<&str>) -> Result<Decoded, Fault> {
    soap(raw, content_type, true)
}

/// Valid JSON passes as the bytes it came in, without a byte order mark or white space around it.
fn json(raw: &Bytes) -> Result<Payload, Fault> {
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

/// Text without a byte order mark.
fn unmarked(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// Bounds nesting, so that no reader after this one recurses too deep.
fn check_depth(text: &[u8]) -> Result<(), Fault> {
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

fn soap(raw: &[u8], content_type: Option<&str>, secured: bool) -> Result<Decoded, Fault> {
    if raw.trim_ascii().is_empty() {
        return Err(xml::soap::no_body());
    }
    let text = xml::charset::to_text(raw, content_type)?;
    let envelope = xml::soap::read(unmarked(&text), secured)?;
    Ok(Decoded {
        payload: envelope
            .body
            .map_or(Ok(Payload::None), |body| tree(&body))?,
        soap: Some(envelope.version),
        token: envelope.token,
    })
}

fn tree<T: Serialize>(value: &T) -> Result<Payload, Fault> {
    let text = serde_json::to_vec(value).map_err(|error| {
        Fault::internal("the body could not be read").operator(error.to_string())
    })?;
    Ok(Payload::Json(text.into()))
}

#[cfg(test)]
mod tests;
