//! HTTP Basic Auth definitions.

use busker_model::Family;
use busker_model::object::Violation;
use busker_security::BasicAuthSettings;
use busker_security::basic::MAX_PART_BYTES;
use serde_json::{Value, json};

use crate::kind::{read, written};
use crate::{Kind, Prepared};

const KIND: &str = "basic-auth";
const SECRETS: &[&str] = &["password"];

pub(crate) fn kind() -> Kind {
    Kind {
        family: Family::Security,
        kind: KIND,
        summary: "an HTTP Basic Auth definition",
        check,
        schema,
        secrets: SECRETS,
        groups: &[KIND],
        pings: false,
        example: || json!({"username": "crm", "realm": "CRM", "password": "a long password"}),
    }
}

fn check(settings: &Value) -> Result<Prepared, Vec<Violation>> {
    let read: BasicAuthSettings = read(settings, SECRETS)?;
    let faults = read.check();
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(Prepared {
        settings: written(&read, SECRETS)?,
        references: Vec::new(),
        group: KIND.to_owned(),
        unique: None,
    })
}

fn schema() -> Value {
    let part = |doc: &str| json!({"type": "string", "minLength": 1, "maxLength": MAX_PART_BYTES, "description": doc});
    let mut password = part("Password; write-only.");
    password["writeOnly"] = json!(true);
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["username", "password"],
        "properties": {
            "username": part("Username; without a colon."),
            "realm": part("Realm shown in the challenge; Busker unless given."),
            "password": password,
        },
    })
}
