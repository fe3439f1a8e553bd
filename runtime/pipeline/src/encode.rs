//! Replies out: what a service answered, in the format of its channel.
//!
//! Shapes are Zato's (1.1): SimpleIO answers stand inside the response element; XML adds `zato_env` with the cid and
//! the result, and lists become `<item_list><item>…`.

use busker_model::invocation::ReplyBody;
use busker_model::sio::SimpleIo;
use busker_model::{Cid, DataFormat, Fault, Reply, Transport};
use bytes::Bytes;
use indexmap::IndexMap;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::decode::SoapVersion;
use crate::xml::write;

mod admin;
mod head;

pub use admin::encode_admin;

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

impl EncodeContext<'_> {
    /// Version of the answer's envelope: the one that was asked.
    fn version(&self) -> SoapVersion {
        self.soap.unwrap_or(SoapVersion::V11)
    }
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
/// `Internal` when the reply has no form in the channel's format, or a status or header that HTTP does not know.
pub fn encode(context: EncodeContext<'_>, reply: Reply) -> Result<Encoded, Fault> {
    let xml_out = context.transport == Transport::Soap || context.format == DataFormat::Xml;
    let (body, kind) = match reply.body {
        ReplyBody::Raw(bytes) if context.transport == Transport::Soap => {
            let inner = without_declaration(&bytes);
            (
                context.version().envelope(&inner).into(),
                content_type(&context),
            )
        }
        ReplyBody::Raw(bytes) => (bytes, raw_content_type(context.format)),
        ReplyBody::Empty if context.transport == Transport::Soap => (
            context.version().envelope("").into(),
            content_type(&context),
        ),
        ReplyBody::Empty => (Bytes::new(), "text/plain"),
        ReplyBody::Json(text) if xml_out => (
            Bytes::from(to_xml(&context, &text)?),
            content_type(&context),
        ),
        ReplyBody::Json(text) => (wrap_json(context.sio, text), "application/json"),
    };
    Ok(Encoded {
        status: head::status(reply.status)?,
        content_type: match reply.content_type {
            Some(own) => head::content_type(own)?,
            None => kind.to_owned(),
        },
        body,
        headers: head::headers(reply.headers)?,
    })
}

/// Text of a service that wrote its own XML, without the XML declaration that cannot stand inside an envelope.
fn without_declaration(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim();
    match text
        .strip_prefix("<?xml")
        .and_then(|rest| rest.split_once("?>"))
    {
        Some((_, rest)) => rest.trim_start().to_owned(),
        None => text.to_owned(),
    }
}

/// Content type of text a service wrote itself: Zato goes by the channel's format.
const fn raw_content_type(format: DataFormat) -> &'static str {
    match format {
        DataFormat::Json => "application/json",
        DataFormat::Xml => "application/xml",
        DataFormat::Form | DataFormat::Raw => "text/plain",
    }
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
    let text = canonical(text)?;
    let inner = match wrapping(context.sio) {
        Some(sio) => declared_xml(context.cid, sio, text)?,
        None => tree_xml(text)?,
    };
    Ok(if context.transport == Transport::Soap {
        context.version().envelope(&inner)
    } else {
        inner
    })
}

/// The one JSON value of an answer.
fn canonical(text: &[u8]) -> Result<&str, Fault> {
    let value: &RawValue = serde_json::from_slice(text).map_err(|error| {
        Fault::internal("the answer could not be written").operator(error.to_string())
    })?;
    Ok(value.get())
}

fn declared_xml(cid: Cid, sio: &SimpleIo, json: &str) -> Result<String, Fault> {
    let element = &sio.response_elem;
    let mut out = String::with_capacity(256 + 2 * json.len());
    out.push('<');
    out.push_str(element);
    if !sio.namespace.is_empty() {
        out.push_str(" xmlns=\"");
        write::escape(&mut out, "namespace", &sio.namespace)?;
        out.push('"');
    }
    out.push_str("><zato_env><cid>");
    out.push_str(cid.text().as_str());
    out.push_str("</cid><result>ZATO_OK</result></zato_env>");
    if json.is_empty() {
        // Nothing but the result, which is an answer too.
    } else if json.starts_with('[') {
        let items: Vec<&RawValue> = serde_json::from_str(json).unwrap_or_default();
        out.push_str("<item_list>");
        for item in items {
            write::item(&mut out, "item", &sio.output, item.get())?;
        }
        out.push_str("</item_list>");
    } else {
        write::item(&mut out, "item", &sio.output, json)?;
    }
    out.push_str("</");
    out.push_str(element);
    out.push('>');
    Ok(out)
}

/// Without a declaration an object of one key is that element; anything else stands in `<response>`.
fn tree_xml(json: &str) -> Result<String, Fault> {
    let mut out = String::with_capacity(2 * json.len());
    if json.starts_with('[') {
        out.push_str("<response>");
        write::items(&mut out, "item", json, 1)?;
        out.push_str("</response>");
        return Ok(out);
    }
    let members: IndexMap<String, &RawValue> = match json.as_bytes().first() {
        Some(b'{') => serde_json::from_str(json).unwrap_or_default(),
        Some(_) | None => IndexMap::new(),
    };
    match members.first() {
        Some((name, value))
            if members.len() == 1
                && !value.get().starts_with('[')
                && !name.starts_with(['@', '#']) =>
        {
            write::element(&mut out, name, value.get())?;
        }
        Some(_) | None => write::element(&mut out, "response", json)?,
    }
    Ok(out)
}

fn content_type(context: &EncodeContext<'_>) -> &'static str {
    match context.transport {
        Transport::Soap => context.version().content_type(),
        Transport::PlainHttp => "application/xml",
    }
}

#[cfg(test)]
mod tests;
