//! Outgoing HTTP connections, plain and SOAP.

use busker_connector_http::OutgoingSettings;
use busker_model::Family;
use serde_json::json;

use crate::Kind;

pub(crate) fn kind() -> Kind {
    let example = || {
        json!({
            "address": "https://crm.example.com", "url_path": "/api/v1", "method": "GET",
            "timeout_ms": 10_000, "pool_size": 20,
        })
    };
    Kind::of::<OutgoingSettings>(Family::Outgoing, "an outgoing HTTP connection", example)
        .with_ping()
}
