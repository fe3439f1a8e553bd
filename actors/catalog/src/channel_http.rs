//! HTTP channels, plain and SOAP.

use busker_connector::MAX_RATE;
use busker_connector_http::{ChannelSettings, MAX_TIMEOUT_MS};
use busker_model::object::Violation;
use busker_model::{Family, Transport};
use serde_json::{Value, json};

use crate::kind::written;
use crate::{Kind, Prepared};

const GROUPS: &[&str] = &[Transport::PlainHttp.as_str(), Transport::Soap.as_str()];

pub(crate) fn kind() -> Kind {
    Kind {
        family: Family::Channel,
        kind: "http",
        summary: "an HTTP channel",
        check,
        schema,
        secrets: &[],
        groups: GROUPS,
        pings: false,
        example: || {
            json!({
                "url_path": "/stockmarket", "method": "POST",
                "service": "stockmarket.get-market-cap", "data_format": "json", "timeout_ms": 10_000,
            })
        },
    }
}

fn check(settings: &Value) -> Result<Prepared, Vec<Violation>> {
    let read = ChannelSettings::read(settings)?;
    Ok(Prepared {
        settings: written(&read)?,
        references: read.references(),
        group: read.transport.as_str().to_owned(),
        unique: Some(read.unique()),
    })
}

fn schema() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["url_path", "service"],
        "properties": {
            "url_path": {"type": "string", "description": "Path, exact (/crm) or with patterns (/crm/{id})."},
            "method": {"type": ["string", "null"], "description": "Method in upper case; none means any."},
            "service": {"type": "string", "description": "Service it invokes; it may be deployed later."},
            "security": {"type": ["string", "null"], "description": "Security definition; none means anyone may call."},
            "data_format": {"enum": ["json", "xml", "form", "raw"], "description": "Format of bodies; soap is always xml."},
            "transport": {"enum": GROUPS, "description": "Envelope of bodies."},
            "soap_action": {"type": "string", "description": "SOAP action; empty takes any."},
            "soap_element": {"type": "string", "description": "Element in the body of a request that is for it, where no SOAP action says so: name or {namespace}name; empty takes any."},
            "soap_version": {"enum": ["1.1", "1.2", null], "description": "SOAP version it takes; none takes both."},
            "timeout_ms": {"type": ["integer", "null"], "minimum": 1, "maximum": MAX_TIMEOUT_MS, "description": "Longest time for a request, in milliseconds."},
            "max_concurrency": {"type": ["integer", "null"], "minimum": 1, "description": "Most requests at once on one node."},
            "max_body_bytes": {"type": ["integer", "null"], "minimum": 0, "description": "Longest body, in bytes."},
            "params_pri": {"enum": ["channel-params-over-msg", "msg-over-channel-params"], "description": "Whether parameters beat fields of the message."},
            "url_params_pri": {"enum": ["qs-over-path", "path-over-qs"], "description": "Whether the query or the path wins when both have a parameter."},
            "cancel_on_disconnect": {"type": "boolean", "description": "Whether a request ends where it stands when its client hangs up."},
            "rate_limit": {
                "type": ["object", "null"], "additionalProperties": false, "required": ["requests", "per"],
                "properties": {
                    "requests": {"type": "integer", "minimum": 1, "maximum": MAX_RATE},
                    "per": {"enum": ["second", "minute", "hour"]},
                },
                "description": "Most requests per time, over the whole cluster; none sets no limit.",
            },
            "placement": {"enum": ["every-node", "singleton"], "description": "Which nodes of a cluster serve it: all, or the one that holds the singleton role."},
            "expose_tracebacks": {"type": "boolean", "description": "Whether the caller sees tracebacks; for development."},
        },
    })
}
