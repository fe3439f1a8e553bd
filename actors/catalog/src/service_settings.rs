//! Settings of a service that an operator edits; the object has the service's name.

use busker_model::Family;
use busker_model::object::Violation;
use busker_model::service::ServiceSettings;
use serde_json::{Value, json};

use crate::kind::{read, written};
use crate::{Kind, Prepared};

const KIND: &str = "settings";

pub(crate) fn kind() -> Kind {
    Kind {
        family: Family::Service,
        kind: KIND,
        summary: "the settings of a service",
        check,
        schema,
        secrets: &[],
        groups: &[KIND],
        pings: false,
        example: || json!({"timeout_ms": 5_000, "max_concurrency": 50, "slow_threshold_ms": 500}),
    }
}

fn check(settings: &Value) -> Result<Prepared, Vec<Violation>> {
    let read: ServiceSettings = read(settings)?;
    let zero = [
        ("timeout_ms", read.timeout_ms == Some(0)),
        ("max_concurrency", read.max_concurrency == Some(0)),
        ("slow_threshold_ms", read.slow_threshold_ms == Some(0)),
    ];
    let faults: Vec<Violation> = zero
        .into_iter()
        .filter(|(_, wrong)| *wrong)
        .map(|(field, _)| Violation::new(format!("settings.{field}"), "must be at least 1"))
        .collect();
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(Prepared {
        settings: written(&read)?,
        references: Vec::new(),
        group: KIND.to_owned(),
        unique: None,
    })
}

fn schema() -> Value {
    let count = |doc: &str| json!({"type": ["integer", "null"], "minimum": 1, "description": doc});
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "timeout_ms": count("Longest run in milliseconds; overrides the service's own."),
            "max_concurrency": count("Most invocations at once on one node."),
            "slow_threshold_ms": count("A longer run, in milliseconds, counts as slow."),
            "delivery": {"enum": ["durable", "fast", null], "description": "How asynchronous invocations are kept."},
            "sample_every": {"type": ["integer", "null"], "minimum": 0, "maximum": u32::MAX,
                "description": "On each node one in so many invocations is kept to be looked at; 0 means none."},
        },
    })
}
