//! A service behind one channel of each format, and what is sent to it.

use busker_integration_tests::{Answer, Environment};
use serde_json::json;

/// Format, transport and data format of the channels.
pub(crate) const FORMATS: [(&str, &str, &str); 5] = [
    ("json", "plain_http", "json"),
    ("xml", "plain_http", "xml"),
    ("soap", "soap", "xml"),
    ("form", "plain_http", "form"),
    ("raw", "plain_http", "raw"),
];

/// Opens a channel `/<format>/<service>` of each of the formats.
pub(crate) async fn open(environment: &Environment, service: &str, formats: &[&str]) {
    for (format, transport, data_format) in FORMATS {
        if formats.contains(&format) {
            let settings = json!({
                "url_path": path(format, service), "service": service, "transport": transport,
                "data_format": data_format
            });
            let name = format!("{service} as {format}");
            environment.add_channel(&name, settings).await;
        }
    }
}

/// Path of a channel.
pub(crate) fn path(format: &str, service: &str) -> String {
    format!("/{format}/{service}")
}

/// Posts to a service; a SOAP body is put into its envelope.
pub(crate) async fn post(
    environment: &Environment,
    format: &str,
    service: &str,
    body: &str,
) -> Answer {
    let body = if format == "soap" {
        envelope(body)
    } else {
        body.to_owned()
    };
    environment.post(&path(format, service), body).await
}

/// A SOAP 1.1 envelope.
pub(crate) fn envelope(body: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>{body}</s:Body></s:Envelope>"
    )
}

/// What is inside the envelope of an answer.
pub(crate) fn inside(answer: &Answer) -> &str {
    let body = answer.body.split_once("<soap:Body>");
    let body = body.and_then(|(_, rest)| rest.rsplit_once("</soap:Body>"));
    body.unwrap_or_else(|| panic!("no envelope: {answer:?}")).0
}
