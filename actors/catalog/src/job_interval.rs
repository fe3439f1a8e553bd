//! Jobs that run every so much time.

use busker_model::object::Violation;
use busker_scheduler::{JobKind, JobSettings};
use serde_json::{Value, json};

use crate::{Kind, Prepared, job};

pub(crate) fn kind() -> Kind {
    Kind {
        kind: JobKind::Interval.as_str(),
        summary: "an interval job",
        check,
        schema: || JobSettings::schema(JobKind::Interval),
        example: || {
            json!({
                "service": "stockmarket.get-market-cap", "payload": "{\"symbol\": \"GOOG\"}",
                "minutes": 5, "overlap": "skip",
            })
        },
        ..job::KIND
    }
}

fn check(settings: &Value) -> Result<Prepared, Vec<Violation>> {
    job::prepare(JobKind::Interval, settings)
}
