//! Any service by its name or id, payload and response in Base64: what Zato's `AnyServiceInvoker`, its command line and its
//! browser console go by.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use busker_model::invocation::Role;
use busker_model::{DataFormat, ErrorClass, Fault, Payload, Transport};
use busker_pipeline::decode;
use serde_json::{Value, json};

use crate::call::Call;
use crate::row::{Answer, Row};

/// Milliseconds of a second.
const SECOND_MS: i64 = 1_000;
/// Content types of failures that a service did not write itself.
const PROBLEMS: [&str; 2] = ["application/problem+json", "application/problem+xml"];

pub(crate) fn rows() -> Vec<Row> {
    vec![
        Row::code("zato.service.invoke", Role::Operator, invoke)
            .takes("| id,name,payload,channel,data_format,transport,async:b,expiration:i")
            .answers("| response"),
    ]
}

async fn invoke(call: Call) -> Answer {
    let (format, transport) = (format(&call), transport(&call));
    let mut input = json!({
        "name": name(&call)?,
        "payload": call.text("payload"),
        "base64": true,
        "data_format": format,
        "transport": transport,
    });
    let is_async = call.flag("async");
    if is_async {
        input["async"] = json!(true);
        let expiration = call.number("expiration")?.filter(|seconds| *seconds > 0);
        if let Some(seconds) = expiration {
            input["deadline_ms"] = json!(seconds.saturating_mul(SECOND_MS));
        }
    }
    let answer = call.ours("busker.service.invoke", input).await?;
    let text = |field: &str| answer[field].as_str().unwrap_or_default();
    if is_async {
        return Ok(json!({"response": STANDARD.encode(text("cid"))}));
    }
    match failure(&answer, format, transport) {
        Some(fault) => Err(fault),
        None => Ok(json!({"response": text("body")})),
    }
}

/// One of the two ways to name a service.
fn name(call: &Call) -> Result<String, Fault> {
    match (call.number("id")?, call.given("name")) {
        (None, Some(name)) => Ok(name.to_owned()),
        (Some(id), None) => call.service_of(id),
        (Some(_), Some(_)) | (None, None) => Err(Fault::invalid(
            "Either id or name must be given, and not both",
        )),
    }
}

/// Formats that only Zato has are JSON on its own wire as well.
fn format(call: &Call) -> DataFormat {
    [DataFormat::Xml, DataFormat::Form, DataFormat::Raw]
        .into_iter()
        .find(|format| call.text("data_format") == format.as_str())
        .unwrap_or_default()
}

fn transport(call: &Call) -> Transport {
    if call.text("transport") == Transport::Soap.as_str() {
        Transport::Soap
    } else {
        Transport::PlainHttp
    }
}

/// The failure behind an answer that says so in the format it was asked in; `None` for what a service wrote, whatever its
/// status.
fn failure(answer: &Value, format: DataFormat, transport: Transport) -> Option<Fault> {
    let status = answer["status"].as_u64().filter(|status| *status >= 400)?;
    let kind = answer["content_type"].as_str().unwrap_or_default();
    let is_problem = PROBLEMS.iter().any(|problem| kind.starts_with(problem));
    if !is_problem && transport == Transport::PlainHttp {
        return None;
    }
    let body = STANDARD.decode(answer["body"].as_str()?).ok()?;
    let read_as = if kind.starts_with(PROBLEMS[0]) {
        DataFormat::Json
    } else if kind.starts_with(PROBLEMS[1]) {
        DataFormat::Xml
    } else {
        format
    };
    let tree = match decode(read_as, transport, &body.into(), None).ok()?.payload {
        Payload::Json(text) => serde_json::from_slice::<Value>(&text).ok()?,
        Payload::None | Payload::Raw(_) => return None,
    };
    let places = ["/detail", "/faultstring", "/Reason/Text/#text"];
    let message = places
        .into_iter()
        .find_map(|place| tree.pointer(place)?.as_str())?;
    let class = tree
        .pointer("/class")
        .or_else(|| tree.pointer("/detail/class"));
    let class = class
        .or_else(|| tree.pointer("/Detail/class"))
        .and_then(Value::as_str);
    let class = ErrorClass::ALL
        .into_iter()
        .find(|known| Some(known.as_str()) == class)?;
    let mut fault = Fault::new(class, message);
    let violations = tree.get("violations").cloned().unwrap_or_default();
    fault.detail_mut().violations = serde_json::from_value(violations).unwrap_or_default();
    // One that a service chose, or that only its code would tell.
    fault.detail_mut().status = u16::try_from(status)
        .ok()
        .filter(|_| transport == Transport::PlainHttp);
    Some(fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(
        status: u16,
        kind: &str,
        body: &str,
        format: DataFormat,
        transport: Transport,
    ) -> Option<Fault> {
        let answer = json!({"status": status, "content_type": kind, "body": STANDARD.encode(body)});
        failure(&answer, format, transport)
    }

    #[test]
    fn a_failure_is_read_back_in_each_format() {
        let json = r#"{"detail":"no symbol","class":"invalid","status":400}"#;
        let xml = "<problem xmlns=\"urn:ietf:rfc:7807\"><detail>no symbol</detail><class>invalid</class></problem>";
        let soap = "<soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body><soap:Fault>\
            <faultcode>soap:Client</faultcode><faultstring>no symbol</faultstring><detail><cid>K1</cid>\
            <class>invalid</class></detail></soap:Fault></soap:Body></soap:Envelope>";
        let rows = [
            (PROBLEMS[0], json, DataFormat::Json, Transport::PlainHttp),
            (PROBLEMS[1], xml, DataFormat::Xml, Transport::PlainHttp),
            (
                "text/xml; charset=utf-8",
                soap,
                DataFormat::Xml,
                Transport::Soap,
            ),
        ];
        for (kind, body, format, transport) in rows {
            let fault = of(400, kind, body, format, transport).unwrap();
            assert_eq!(
                (fault.class, &*fault.message),
                (ErrorClass::Invalid, "no symbol")
            );
        }
    }

    #[test]
    fn what_a_service_wrote_is_its_answer_whatever_the_status() {
        let plain =
            |status, kind, body| of(status, kind, body, DataFormat::Json, Transport::PlainHttp);
        assert_eq!(plain(200, "application/json", "{}"), None);
        assert_eq!(plain(404, "application/json", r#"{"detail":"x"}"#), None);
    }
}
