//! The headers of a request. Weakest first: what the connection adds, what the request gives, then what no request may
//! change: credentials of the connection and our control headers.

use busker_connector::Failure;
use busker_model::{DataFormat, Transport};
use busker_service::HttpCall;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::outgoing_settings::{OutgoingSettings, SoapVersion};
use crate::soap;

const SOAP_ACTION: HeaderName = HeaderName::from_static("soapaction");
const BUSKER_CID: HeaderName = HeaderName::from_static("x-busker-cid");
const ZATO_CID: HeaderName = HeaderName::from_static("x-zato-cid");
const ZATO_COMPONENT: HeaderName = HeaderName::from_static("x-zato-component");
const ZATO_MSG_TS: HeaderName = HeaderName::from_static("x-zato-msg-ts");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// A key by which a peer knows a repetition.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Headers about one hop or the framing of the body: the client sets them.
const OF_THE_HOP: [&str; 12] = [
    "host",
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What a connection adds to each of its requests.
#[derive(Debug)]
pub(crate) struct Fixed {
    /// The header that carries the credentials.
    credentials: Option<(HeaderName, HeaderValue)>,
    component: HeaderValue,
    content_type: Option<HeaderValue>,
    soap_action: Option<HeaderValue>,
}

impl Fixed {
    pub(crate) fn new(
        settings: &OutgoingSettings,
        credentials: Option<(HeaderName, HeaderValue)>,
        component: &str,
    ) -> Result<Self, Failure> {
        let is_soap = settings.transport == Transport::Soap;
        let action = format!("\"{}\"", settings.soap_action);
        let soap_action = is_soap && settings.soap_version == SoapVersion::V11;
        Ok(Self {
            credentials,
            component: value(&ZATO_COMPONENT, component)?,
            content_type: content_type(settings)
                .map(|text| value(&CONTENT_TYPE, &text))
                .transpose()?,
            soap_action: soap_action
                .then(|| value(&SOAP_ACTION, &action))
                .transpose()?,
        })
    }

    /// The headers of one request.
    pub(crate) fn build(&self, call: &HttpCall, now_ms: i64) -> Result<HeaderMap, Failure> {
        let mut headers = HeaderMap::new();
        headers.insert(ZATO_COMPONENT, self.component.clone());
        if let Some(text) = timestamp(now_ms) {
            headers.insert(ZATO_MSG_TS, value(&ZATO_MSG_TS, &text)?);
        }
        if let Some(kind) = self.content_type.as_ref().filter(|_| !call.body.is_empty()) {
            headers.insert(CONTENT_TYPE, kind.clone());
        }
        if let Some(action) = &self.soap_action {
            headers.insert(SOAP_ACTION, action.clone());
        }
        override_with(&mut headers, &call.headers)?;
        if let Some((name, credentials)) = &self.credentials {
            headers.insert(name.clone(), credentials.clone());
        }
        let cid = value(&BUSKER_CID, call.cid.text().as_str())?;
        headers.insert(ZATO_CID, cid.clone());
        headers.insert(BUSKER_CID, cid);
        if let Some(parent) = &call.traceparent {
            headers.insert(TRACEPARENT, value(&TRACEPARENT, parent)?);
        }
        Ok(headers)
    }
}

/// The first of a name replaces what was there; further ones of the same name are added.
fn override_with(headers: &mut HeaderMap, given: &[(String, String)]) -> Result<(), Failure> {
    let mut own = HeaderMap::with_capacity(given.len());
    for (name, text) in given {
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| Failure::invalid(format!("{name:?} is not the name of a header")))?;
        if !OF_THE_HOP.contains(&name.as_str()) {
            let text = value(&name, text)?;
            own.append(name, text);
        }
    }
    for name in own.keys() {
        headers.remove(name);
    }
    let mut last = None;
    for (name, text) in own {
        // The map names only the first of the values under one name.
        last = name.or(last);
        if let Some(name) = &last {
            headers.append(name.clone(), text);
        }
    }
    Ok(())
}

/// A value is not repeated in the message: it may be a token.
fn value(name: &HeaderName, text: &str) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(text).map_err(|_| {
        Failure::invalid(format!(
            "header {name} holds a character that headers cannot carry"
        ))
    })
}

fn content_type(settings: &OutgoingSettings) -> Option<String> {
    if settings.transport == Transport::Soap {
        return Some(soap::content_type(
            settings.soap_version,
            &settings.soap_action,
        ));
    }
    match settings.format() {
        DataFormat::Json => Some("application/json".to_owned()),
        DataFormat::Xml => Some("application/xml".to_owned()),
        DataFormat::Form => Some("application/x-www-form-urlencoded".to_owned()),
        DataFormat::Raw => None,
    }
}

/// ISO 8601 in UTC with microseconds, as Zato sent it.
fn timestamp(now_ms: i64) -> Option<String> {
    let shape =
        format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(now_ms) * 1_000_000).ok()?;
    at.format(shape).ok()
}

#[cfg(test)]
mod tests;
