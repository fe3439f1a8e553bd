//! Zato's three wires: how a request looks on each, and what an answer must be, written down here apart from the code that
//! makes it.

use busker_integration_tests::{Answer, Environment};
use roxmltree::{Document, Node};
use serde_json::{Map, Value, json};

use crate::ask;

const NAMESPACE: &str = "https://zato.io/ns/20130518";
const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
/// What stands for a cid in canonical texts.
const CID: &str = "CID";

/// How a message looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wire {
    Json,
    Xml,
    Soap,
}

impl Wire {
    pub(crate) const ALL: [Self; 3] = [Self::Json, Self::Xml, Self::Soap];

    /// Sends a request for a service to its endpoint.
    pub(crate) async fn send(
        self,
        environment: &Environment,
        service: &str,
        input: &Value,
    ) -> Answer {
        let element = element(service, "request");
        match self {
            Self::Json => {
                let path = format!("/zato/json/{service}");
                ask(environment, "pubapi", &path, input).await
            }
            Self::Xml => {
                let path = format!("/zato/xml/{service}");
                let body = format!(
                    "<?xml version=\"1.0\"?>\n<{element}>{}</{element}>",
                    leaves(input)
                );
                ask(environment, "pubapi", &path, body).await
            }
            Self::Soap => {
                let body = format!(
                    "<s:Envelope xmlns:s=\"{SOAP}\"><s:Body><{element} xmlns=\"{NAMESPACE}\">{}</{element}></s:Body>\
                     </s:Envelope>",
                    leaves(input)
                );
                let request = environment
                    .http
                    .post(environment.channel("/zato/soap"))
                    .basic_auth("pubapi", crate::passwords(environment).get("pubapi"))
                    .header("SOAPAction", format!("\"{service}\""))
                    .body(body);
                environment.send(request).await
            }
        }
    }

    /// The canonical text of a success: null is an answer without output.
    pub(crate) fn success(self, service: &str, output: &Value) -> String {
        let element = element(service, "response");
        if self == Self::Json {
            let mut answer = json!({"zato_env": {"result": "ZATO_OK", "cid": CID, "details": ""}});
            if !output.is_null() {
                answer[element] = output.clone();
            }
            return sorted(&answer).to_string();
        }
        let items = match output {
            Value::Null => String::new(),
            Value::Array(items) => {
                let items = items
                    .iter()
                    .map(|item| format!("<item>{}</item>", leaves(item)));
                format!("<item_list>{}</item_list>", items.collect::<String>())
            }
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                format!("<item>{}</item>", leaves(output))
            }
        };
        let inner = format!(
            "<{element} xmlns=\"{NAMESPACE}\"><zato_env><cid>{CID}</cid><result>ZATO_OK</result></zato_env>{items}\
             </{element}>"
        );
        self.canonical(&if self == Self::Soap {
            format!("<e:Envelope xmlns:e=\"{SOAP}\"><e:Body>{inner}</e:Body></e:Envelope>")
        } else {
            inner
        })
    }

    /// The canonical text of a failure.
    pub(crate) fn failure(self, message: &str) -> String {
        match self {
            Self::Json => {
                let env = json!({"result": "ZATO_ERROR", "cid": CID, "details": message});
                sorted(&json!({ "zato_env": env })).to_string()
            }
            Self::Xml => message.to_owned(),
            Self::Soap => self.canonical(&format!(
                "<e:Envelope xmlns:e=\"{SOAP}\"><e:Body><e:Fault><faultcode>SOAP-ENV:Client</faultcode><faultstring>\
                 <![CDATA[cid [{CID}], faultstring [{message}]]]></faultstring></e:Fault></e:Body></e:Envelope>"
            )),
        }
    }

    /// Status of a failure: SOAP 1.1 asks for 500 with every fault of what was in an envelope.
    pub(crate) fn status(self, status: u16) -> u16 {
        if self == Self::Soap && matches!(status, 400 | 409) {
            500
        } else {
            status
        }
    }

    /// A text without what may differ: white space, prefixes, the order of members, the cid.
    pub(crate) fn canonical(self, text: &str) -> String {
        let text = without_cids(text);
        match self {
            Self::Json => {
                let value: Value =
                    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
                sorted(&value).to_string()
            }
            Self::Xml if !text.starts_with('<') => text,
            Self::Xml | Self::Soap => {
                let document =
                    Document::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
                flat(document.root_element())
            }
        }
    }
}

/// Elements follow the name of their service, but for one of Zato's.
fn element(service: &str, side: &str) -> String {
    if (service, side) == ("zato.service.get-request-response", "response") {
        return "zato_service_request_response_response".to_owned();
    }
    let stem = service.replace(['.', '-'], "_");
    format!("{stem}_{side}")
}

/// Fields as elements.
fn leaves(fields: &Value) -> String {
    let fields = fields.as_object().unwrap().iter();
    fields
        .map(|(name, value)| {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), |text| text.replace('&', "&amp;"));
            format!("<{name}>{text}</{name}>")
        })
        .collect()
}

/// `K` and 39 digits, wherever they stand.
fn without_cids(text: &str) -> String {
    let mut parts = text.split('K');
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        match part.get(39..) {
            Some(rest) if digits == 39 => kept.extend([CID, rest]),
            Some(_) | None => kept.extend(["K", part]),
        }
    }
    kept
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut names: Vec<_> = fields.keys().collect();
            names.sort();
            let members = names
                .into_iter()
                .map(|name| (name.clone(), sorted(&fields[name])));
            Value::Object(members.collect::<Map<_, _>>())
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// An element with its namespace, its attributes, and what is in it.
fn flat(node: Node<'_, '_>) -> String {
    let tag = node.tag_name();
    let mut out = format!("{{{}}}{}", tag.namespace().unwrap_or_default(), tag.name());
    for attribute in node.attributes() {
        out.push_str(&format!(" @{}={}", attribute.name(), attribute.value()));
    }
    let inner = node.children().filter_map(|child| {
        if child.is_element() {
            Some(flat(child))
        } else {
            let text = child.text()?.trim();
            (!text.is_empty()).then(|| format!("{text:?}"))
        }
    });
    format!("{out}({})", inner.collect::<Vec<_>>().join(" "))
}
