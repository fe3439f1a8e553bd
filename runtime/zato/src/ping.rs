//! Whether anybody is there.

use busker_model::invocation::Role;
use serde_json::json;

use crate::call::Call;
use crate::row::{Answer, Row};

pub(crate) fn rows() -> Vec<Row> {
    vec![
        Row::code("zato.ping", Role::Viewer, ping)
            .open()
            .answers("pong"),
    ]
}

async fn ping(_call: Call) -> Answer {
    Ok(json!({"pong": "zato"}))
}
