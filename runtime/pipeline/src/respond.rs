//! Failures out: the one map from an error class to an answer.
//!
//! JSON, forms and raw bodies get RFC 9457 problem+json, plain XML the same as problem+xml, SOAP a fault of the version
//! that was asked. A caller reads the message and the cid; a traceback goes out only where a channel says so.

use busker_model::{Cid, DataFormat, ErrorClass, Exception, Fault, Side, Transport};
use serde_json::{Map, Value, json};

use crate::decode::SoapVersion;
use crate::encode::Encoded;
use crate::xml::write;

pub(crate) mod soap;

/// Seconds a caller waits when nothing better is known.
const DEFAULT_RETRY_AFTER_S: u32 = 1;

/// The shape of an error answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorStyle {
    /// RFC 9457 in JSON.
    Problem,
    /// RFC 9457 in XML.
    ProblemXml,
    /// A SOAP fault.
    Soap(SoapVersion),
    /// Zato's `zato_env` in JSON, for its own endpoints.
    Zato,
    /// Text, which is what Zato says where it has neither JSON nor SOAP.
    ZatoText,
    /// Zato's fault of SOAP 1.1, with the cid in its text.
    ZatoSoap,
}

impl ErrorStyle {
    /// The shape for a channel; `soap` is the version of the request when it could be read.
    #[must_use]
    pub fn of(format: DataFormat, transport: Transport, soap: Option<SoapVersion>) -> Self {
        match (transport, format) {
            (Transport::Soap, _) => Self::Soap(soap.unwrap_or(SoapVersion::V11)),
            (Transport::PlainHttp, DataFormat::Xml) => Self::ProblemXml,
            (Transport::PlainHttp, DataFormat::Json | DataFormat::Form | DataFormat::Raw) => {
                Self::Problem
            }
        }
    }
}

/// The HTTP status of a fault.
#[must_use]
pub fn status_of(fault: &Fault) -> u16 {
    if let Some(chosen) = fault.detail.as_ref().and_then(|detail| detail.status) {
        return chosen;
    }
    match (fault.code_str(), fault.class) {
        (Some("method-not-allowed"), _) => 405,
        (Some("slow-body" | "slow-head"), _) => 408,
        (Some("head-too-large"), _) => 431,
        (Some("rate-limited" | "locked-out"), _) => 429,
        (_, ErrorClass::Invalid) => 400,
        (_, ErrorClass::Unauthenticated) => 401,
        (_, ErrorClass::Forbidden) => 403,
        (_, ErrorClass::NotFound) => 404,
        (_, ErrorClass::Conflict) => 409,
        (_, ErrorClass::TooLarge) => 413,
        (_, ErrorClass::Busy) => 503,
        (_, ErrorClass::Timeout) => 504,
        (Some("worker-lost"), ErrorClass::Unavailable) => 502,
        (_, ErrorClass::Unavailable) => {
            if fault.side == Side::Remote {
                502
            } else {
                503
            }
        }
        (_, ErrorClass::Internal) => 500,
    }
}

/// Writes a fault. `expose` adds the traceback.
#[must_use]
pub fn respond(fault: &Fault, cid: Cid, style: ErrorStyle, expose: bool) -> Encoded {
    let status = status_of(fault);
    let (status, content_type, body) = match style {
        ErrorStyle::Problem => {
            let body = Value::Object(problem(fault, cid, status, expose)).to_string();
            (status, "application/problem+json", body)
        }
        ErrorStyle::ProblemXml => {
            let mut problem = problem(fault, cid, status, expose);
            problem.insert("@xmlns".to_owned(), json!("urn:ietf:rfc:7807"));
            let text = Value::Object(problem).to_string();
            let mut body = String::new();
            // A key or character XML cannot hold must not fail the answer.
            if write::element(&mut body, "problem", &text).is_err() {
                body = format!(
                    "<problem xmlns=\"urn:ietf:rfc:7807\"><status>{status}</status><cid>{cid}</cid></problem>"
                );
            }
            (status, "application/problem+xml", body)
        }
        ErrorStyle::Soap(version) => {
            let (status, body) = soap::fault(fault, cid, version, expose);
            (status, version.content_type(), body)
        }
        ErrorStyle::Zato => {
            let details = details(fault, expose);
            let env = json!({"result": "ZATO_ERROR", "cid": cid, "details": details});
            let body = json!({ "zato_env": env }).to_string();
            (status, "application/json", body)
        }
        ErrorStyle::ZatoText => (status, "text/plain; charset=utf-8", details(fault, expose)),
        ErrorStyle::ZatoSoap => {
            let (status, body) = soap::zato(fault, cid, &details(fault, expose));
            (status, SoapVersion::V11.content_type(), body)
        }
    };
    Encoded {
        status,
        content_type: content_type.to_owned(),
        body: body.into(),
        headers: headers(fault, status),
    }
}

fn title(class: ErrorClass) -> &'static str {
    match class {
        ErrorClass::Invalid => "Invalid request",
        ErrorClass::Unauthenticated => "Credentials needed",
        ErrorClass::Forbidden => "Not allowed",
        ErrorClass::NotFound => "Not found",
        ErrorClass::Conflict => "Conflict",
        ErrorClass::TooLarge => "Too large",
        ErrorClass::Busy => "Busy",
        ErrorClass::Timeout => "Timed out",
        ErrorClass::Unavailable => "Unavailable",
        ErrorClass::Internal => "Internal error",
    }
}

fn problem(fault: &Fault, cid: Cid, status: u16, expose: bool) -> Map<String, Value> {
    let mut problem = Map::new();
    problem.insert("type".into(), json!("about:blank"));
    problem.insert("title".into(), json!(title(fault.class)));
    problem.insert("status".into(), json!(status));
    problem.insert("detail".into(), json!(fault.message));
    problem.insert("class".into(), json!(fault.class));
    problem.insert("cid".into(), json!(cid));
    if let Some(detail) = &fault.detail {
        if let Some(code) = detail.code {
            problem.insert("code".into(), json!(code));
        }
        if !detail.violations.is_empty() {
            problem.insert("violations".into(), json!(detail.violations));
        }
    }
    if let Some(exception) = exception_of(fault).filter(|_| expose) {
        problem.insert("traceback".into(), json!(exception.to_string()));
    }
    problem
}

/// What Zato calls the details of an error.
fn details(fault: &Fault, expose: bool) -> String {
    match exception_of(fault).filter(|_| expose) {
        Some(exception) => exception.to_string(),
        None => fault.message.to_string(),
    }
}

fn exception_of(fault: &Fault) -> Option<&Exception> {
    fault.detail.as_ref()?.exception.as_ref()
}

fn headers(fault: &Fault, status: u16) -> Vec<(String, String)> {
    let mut headers = Vec::new();
    let detail = fault.detail.as_deref();
    if matches!(status, 429 | 503) {
        let seconds = detail
            .and_then(|detail| detail.retry_after_s)
            .unwrap_or(DEFAULT_RETRY_AFTER_S);
        headers.push(("Retry-After".to_owned(), seconds.to_string()));
    }
    let challenge = detail.and_then(|detail| detail.challenge.as_ref());
    if let (401, Some(challenge)) = (status, challenge) {
        let printable = challenge.chars().filter(|c| !c.is_control());
        headers.push(("WWW-Authenticate".to_owned(), printable.collect()));
    } else if status == 401 {
        let realm = detail
            .and_then(|detail| detail.realm.as_deref())
            .unwrap_or("Busker");
        headers.push((
            "WWW-Authenticate".to_owned(),
            format!("Basic realm=\"{}\"", quotable(realm)),
        ));
    }
    headers
}

/// A realm inside a quoted string: quotes and backslashes escaped, anything that could end the line left out.
fn quotable(realm: &str) -> String {
    let mut out = String::with_capacity(realm.len());
    for c in realm.chars().filter(|c| !c.is_control()) {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests;
