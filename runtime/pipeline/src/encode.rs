//! Replies out: what a service answered, in the format of its channel.
//!
//! Shapes are Zato's (1.1): SimpleIO answers stand inside the response element; XML adds `zato_env` with the cid and
//! the result, and lists become `<item_list><item>…`.

use busker_model::invocation::ReplyBody;
use busker_model::sio::SimpleIo;
use busker_model::{Cid, DataFormat, Fault, Reply, Transport};
use bytes::Bytes;
use serde_json::Value;

use crate::decode::SoapVersion;
use crate::xml;

/// What an answer's shape depends on.
#[derive(Debug, Clone, Copy)]
pub struct EncodeContext<'a> {
    /// Correlation id.
    pub cid: Cid,
    /// Format of the channel.
    pub format: DataFormat,
    /// Envelope of the channel.
    pub transport: Transport,
    /// Version of the request's envelope.
    pub soap: Option<SoapVersion>,
    /// The service's declaration.
    pub sio: Option<&'a SimpleIo>,
}

/// An answer as it goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// HTTP status.
    pub status: u16,
    /// Content type.
    pub content_type: String,
    /// Body.
    pub body: Bytes,
    /// Further headers.
    pub headers: Vec<(String, String)>,
}

/// Writes a reply.
///
/// # Errors
/// `Internal` when the reply has no form in the channel's format.
pub fn encode(context: EncodeContext<'_>, reply: Reply) -> Result<Encoded, Fault> {
    let xml_out = context.transport == Transport::Soap || context.format == DataFormat::Xml;
    let (body, kind) = match reply.body {
        ReplyBody::Raw(bytes) => (bytes, "text/plain"),
        ReplyBody::Empty if context.transport == Transport::Soap => {
            (Bytes::from(envelope(&context, "")), content_type(&context))
        }
        ReplyBody::Empty => (Bytes::new(), "text/plain"),
        ReplyBody::Json(text) if xml_out => (
            Bytes::from(to_xml(&context, &text)?),
            content_type(&context),
        ),
        ReplyBody::Json(text) => (wrap_json(context.sio, text), "application/json"),
    };
    Ok(Encoded {
        status: reply.status.unwrap_or(200),
        content_type: reply.content_type.unwrap_or_else(|| kind.to_owned()),
        body,
        headers: reply.headers,
    })
}

/// The declaration, when it has output and stands in a response element.
fn wrapping(sio: Option<&SimpleIo>) -> Option<&SimpleIo> {
    sio.filter(|sio| !sio.output.is_empty())
}

fn wrap_json(sio: Option<&SimpleIo>, text: Bytes) -> Bytes {
    let Some(sio) = wrapping(sio).filter(|sio| !sio.bare) else {
        return text;
    };
    let element = Value::String(sio.response_elem.clone()).to_string();
    let mut out = Vec::with_capacity(text.len() + element.len() + 3);
    out.push(b'{');
    out.extend_from_slice(element.as_bytes());
    out.push(b':');
    out.extend_from_slice(&text);
    out.push(b'}');
    out.into()
}

fn to_xml(context: &EncodeContext<'_>, text: &[u8]) -> Result<String, Fault> {
    let value: Value = serde_json::from_slice(text).map_err(|error| {
        Fault::internal("the answer could not be written").operator(error.to_string())
    })?;
    let inner = match wrapping(context.sio) {
        Some(sio) => declared_xml(context.cid, sio, &value)?,
        None => tree_xml(&value)?,
    };
    Ok(if context.transport == Transport::Soap {
        envelope(context, &inner)
    } else {
        inner
    })
}

fn declared_xml(cid: Cid, sio: &SimpleIo, value: &Value) -> Result<String, Fault> {
    let element = &sio.response_elem;
    let mut out = String::with_capacity(256);
    out.push_str(&format!("<{element}"));
    if !sio.namespace.is_empty() {
        out.push_str(&format!(
            " xmlns=\"{}\"",
            xml::escaped("namespace", &sio.namespace)?
        ));
    }
    out.push_str(&format!(
        "><zato_env><cid>{cid}</cid><result>ZATO_OK</result></zato_env>"
    ));
    match value {
        Value::Array(items) => {
            out.push_str("<item_list>");
            items
                .iter()
                .try_for_each(|item| xml::write(&mut out, "item", item))?;
            out.push_str("</item_list>");
        }
        one => xml::write(&mut out, "item", one)?,
    }
    out.push_str(&format!("</{element}>"));
    Ok(out)
}

/// Without a declaration an object of one key is that element; anything else stands in `<response>`.
fn tree_xml(value: &Value) -> Result<String, Fault> {
    let mut out = String::with_capacity(256);
    let single = value
        .as_object()
        .filter(|fields| fields.len() == 1)
        .and_then(|fields| fields.iter().next());
    match (single, value) {
        (Some((name, value)), _) if !value.is_array() && !name.starts_with(['@', '#']) => {
            xml::write(&mut out, name, value)?;
        }
        (_, Value::Array(items)) => {
            out.push_str("<response>");
            items
                .iter()
                .try_for_each(|item| xml::write(&mut out, "item", item))?;
            out.push_str("</response>");
        }
        (_, other) => xml::write(&mut out, "response", other)?,
    }
    Ok(out)
}

/// Wraps content in an envelope of the version that was asked; 1.1 when none was.
pub(crate) fn envelope(context: &EncodeContext<'_>, inner: &str) -> String {
    let namespace = match context.soap {
        Some(SoapVersion::V12) => "http://www.w3.org/2003/05/soap-envelope",
        Some(SoapVersion::V11) | None => "http://schemas.xmlsoap.org/soap/envelope/",
    };
    format!(
        "<soap:Envelope xmlns:soap=\"{namespace}\"><soap:Body>{inner}</soap:Body></soap:Envelope>"
    )
}

fn content_type(context: &EncodeContext<'_>) -> &'static str {
    match (context.transport, context.soap) {
        (Transport::Soap, Some(SoapVersion::V12)) => "application/soap+xml; charset=utf-8",
        (Transport::Soap, _) => "text/xml; charset=utf-8",
        (Transport::PlainHttp, _) => "application/xml",
    }
}

#[cfg(test)]
mod tests;
