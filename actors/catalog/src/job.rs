//! What the kinds of jobs share: they are one group, so that a name stands for one job whatever its kind.

use busker_model::Family;
use busker_model::job::JOB_GROUP;
use busker_model::object::Violation;
use busker_scheduler::{JobKind, JobSettings};
use serde_json::Value;

use crate::{Kind, Prepared};

/// A kind of job, without what tells it from the others.
pub(crate) const KIND: Kind = Kind {
    family: Family::Job,
    kind: "",
    summary: "",
    check: |_| Err(Vec::new()),
    schema: || Value::Null,
    secrets: &[],
    groups: &[JOB_GROUP],
    pings: false,
    example: || Value::Null,
};

/// Reads and checks the settings of a job. The service it names may be deployed later, so it is no reference.
pub(crate) fn prepare(kind: JobKind, settings: &Value) -> Result<Prepared, Vec<Violation>> {
    let read = JobSettings::read(kind, settings)?;
    Ok(Prepared {
        settings: read.write()?,
        references: Vec::new(),
        group: JOB_GROUP.to_owned(),
        unique: None,
    })
}
