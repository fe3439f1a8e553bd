//! Jobs that run by a cron line.

use busker_model::object::Violation;
use busker_scheduler::{JobKind, JobSettings};
use serde_json::{Value, json};

use crate::{Kind, Prepared, job};

pub(crate) fn kind() -> Kind {
    Kind {
        kind: JobKind::Cron.as_str(),
        summary: "a cron job",
        check,
        schema: || JobSettings::schema(JobKind::Cron),
        example: || {
            json!({
                "service": "stockmarket.get-market-cap", "payload": "{\"symbol\": \"GOOG\"}",
                "cron": "30 2 * * *", "time_zone": "Europe/Warsaw",
            })
        },
        ..job::KIND
    }
}

fn check(settings: &Value) -> Result<Prepared, Vec<Violation>> {
    job::prepare(JobKind::Cron, settings)
}
