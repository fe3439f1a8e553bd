//! The audit log.

use busker_model::Fault;
use busker_model::invocation::Role;
use busker_odb::audit::AUDIT_PAGE;
use serde_json::{Value, json};

use crate::answers::{list_of, object};
use crate::input::Type;
use crate::operation::{AdminService, Call};

const DEFAULT: i64 = 100;
const ENTRY: &[(&str, &str)] = &[
    ("id", "string"),
    ("at_ms", "integer"),
    ("who", "string"),
    ("service", "string"),
    ("object", "string"),
    ("result", "string"),
    ("cid", "string"),
];

pub(crate) fn operations() -> Vec<AdminService> {
    vec![
        AdminService::new(
            "busker.audit.list",
            Role::Admin,
            "Lists who asked for what, newest first.",
            list,
        )
        .optional(
            "limit",
            Type::Integer(0, AUDIT_PAGE),
            "Most rows; 100 unless given.",
        )
        .optional(
            "before",
            Type::Text,
            "id of the last row of the page before.",
        )
        .example(json!({"limit": 50}))
        .answers(&[])
        .and("entries", list_of(object(ENTRY))),
    ]
}

async fn list(call: Call) -> Result<Value, Fault> {
    let limit = call.input.integer("limit").unwrap_or(DEFAULT);
    let before = call.input.opt_text("before");
    let entries = call.deps.odb.audit().list(limit, before).await?;
    Ok(json!({"entries": entries}))
}
