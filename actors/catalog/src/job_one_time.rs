//! Jobs that run once, at a date.

use busker_model::object::Violation;
use busker_scheduler::{JobKind, JobSettings};
use serde_json::{Value, json};

use crate::{Kind, Prepared, job};

pub(crate) fn kind() -> Kind {
    Kind {
        kind: JobKind::OneTime.as_str(),
        summary: "a one-time job",
        check,
        schema: || JobSettings::schema(JobKind::OneTime),
        example: || {
            json!({
                "service": "stockmarket.get-market-cap", "payload": "{\"symbol\": \"GOOG\"}",
                "start_date": "2030-01-01 02:30:00", "time_zone": "Europe/Warsaw",
            })
        },
        ..job::KIND
    }
}

fn check(settings: &Value) -> Result<Prepared, Vec<Violation>> {
    job::prepare(JobKind::OneTime, settings)
}
