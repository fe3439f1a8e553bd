//! Jobs at work: run one now, pause and resume it, see what comes next and what became of what was.

use busker_catalog::Kind;
use busker_kit::clock;
use busker_model::invocation::Role;
use busker_model::job::{FireRecord, JOB_GROUP, JobStanding};
use busker_model::object::Violation;
use busker_model::{Family, Fault, Object, ObjectKey, Payload};
use busker_odb::OdbError;
use busker_scheduler::{Due, JobDesired, JobKind, When, meaning, written};
use serde_json::{Map, Value, json};

use crate::answers::{list_of, maybe, object};
use crate::crud::{self, write};
use crate::input::{Field, Input, Type};
use crate::operation::{AdminService, Call, answer};

/// Most fires shown of what comes.
const NEXT_MAX: i64 = 20;
/// Fires shown of what comes, unless told otherwise.
const NEXT_DEFAULT: i64 = 5;
/// Most rows of a history.
const HISTORY_MAX: i64 = 1_000;
/// Rows of a history unless told otherwise.
const HISTORY_DEFAULT: i64 = 50;
const FIRE: &[(&str, &str)] = &[
    ("due", "string?"),
    ("due_ms", "integer"),
    ("until", "string?"),
    ("until_ms", "integer"),
    ("origin", "string"),
    ("fires", "integer"),
    ("verdict", "string"),
    ("reason", "string"),
    ("late_ms", "integer"),
    ("cid", "string?"),
    ("epoch", "integer"),
    ("recorded_ms", "integer"),
    ("ended_ms", "integer?"),
    ("outcome", "string?"),
];
const TOTAL: &[(&str, &str)] = &[
    ("hour_ms", "integer"),
    ("verdict", "string"),
    ("fires", "integer"),
    ("late_max_ms", "integer"),
];
const STANDING: &[(&str, &str)] = &[
    ("planned_ms", "integer"),
    ("anchor_ms", "integer"),
    ("runs", "integer"),
];
const NEXT: &[(&str, &str)] = &[
    ("due", "string"),
    ("due_ms", "integer"),
    ("mark", "string?"),
    ("note", "string?"),
];

pub(crate) fn operations() -> Vec<AdminService> {
    let name = |service: AdminService| {
        service
            .required("name", Type::Name, "Name of the job.")
            .example(json!({"name": "example"}))
    };
    vec![
        name(AdminService::new(
            "busker.job.execute",
            Role::Operator,
            "Runs a job now, paused or not; its schedule stays as it is.",
            execute,
        ))
        .answers(&[
            ("cid", "string?"),
            ("due_ms", "integer"),
            ("verdict", "string"),
            ("reason", "string"),
        ])
        .writing(),
        name(AdminService::new(
            "busker.job.pause",
            Role::Operator,
            "Pauses a job: its fires are skipped until it is resumed.",
            |call| turn(call, false),
        ))
        .answers(crud::OBJECT)
        .and("settings", json!({}))
        .writing(),
        name(AdminService::new(
            "busker.job.resume",
            Role::Operator,
            "Resumes a paused job; what it skipped is not made up for.",
            |call| turn(call, true),
        ))
        .answers(crud::OBJECT)
        .and("settings", json!({}))
        .writing(),
        next_fires_service(),
        name(AdminService::new(
            "busker.job.history",
            Role::Viewer,
            "Answers what became of the fires of a job and why, newest first.",
            history,
        ))
        .optional(
            "limit",
            Type::Integer(1, HISTORY_MAX),
            "Most rows to answer; 50 unless given.",
        )
        .answers(&[
            ("name", "string"),
            ("kind", "string"),
            ("active", "boolean"),
        ])
        .and("fires", list_of(object(FIRE)))
        .and("totals", list_of(object(TOTAL)))
        .and("standing", maybe(object(STANDING))),
    ]
}

fn next_fires_service() -> AdminService {
    AdminService::new(
        "busker.job.next-fires",
        Role::Viewer,
        "Answers when a job, or a schedule that is no job yet, fires next; marks what summer time does to it.",
        next_fires,
    )
    .optional("name", Type::Name, "Name of a job; or give a schedule.")
    .field(Field {
        name: "schedule",
        required: false,
        ty: Type::Object,
        doc: "A schedule instead: kind, and the settings that say when.",
        schema: Some(json!({
            "type": "object",
            "required": ["kind"],
            "properties": {"kind": {"enum": JobKind::ALL.map(JobKind::as_str)}},
            "additionalProperties": true,
        })),
    })
    .optional(
        "count",
        Type::Integer(1, NEXT_MAX),
        "How many fires to answer; 5 unless given.",
    )
    .optional(
        "after_ms",
        Type::Integer(0, i64::MAX / 2),
        "Unix milliseconds to look from; now unless given.",
    )
    .example(json!({
        "schedule": {"kind": "cron", "cron": "30 2 * * *", "time_zone": "Europe/Warsaw"}, "count": 20,
    }))
    .answers(&[("time_zone", "string")])
    .and("fires", list_of(object(NEXT)))
}

/// The job a call names, of whatever kind.
async fn find(call: &Call) -> Result<(Kind, Object), Fault> {
    let name = call.input.text("name");
    let key = ObjectKey {
        family: Family::Job,
        group: JOB_GROUP.to_owned(),
        name: name.to_owned(),
    };
    let found = call.deps.odb.objects().get(&key).await;
    let object = match found {
        Err(OdbError::NotFound(_)) => Err(Fault::not_found(format!(
            "name: there is no job {name:?}; busker.job.cron.list, .interval.list and .one-time.list have those there are"
        ))),
        found => found.map_err(Fault::from),
    }?;
    let kind = call.deps.catalog.get(Family::Job, &object.kind).copied();
    let kind = kind.ok_or_else(|| Fault::internal(format!("job {name:?} is of no known kind")))?;
    Ok((kind, object))
}

async fn execute(call: Call) -> Result<Value, Fault> {
    let (_, object) = find(&call).await?;
    answer(&call.deps.jobs.execute(object.number).await?)
}

/// Pausing is an edit like any other: it takes a revision, and every node follows it.
async fn turn(call: Call, active: bool) -> Result<Value, Fault> {
    let (kind, object) = find(&call).await?;
    let fields = [
        crud::plain_field("name", Type::Name),
        crud::plain_field("active", Type::Boolean),
    ];
    let edit = json!({"name": object.key.name, "active": active});
    let input = Input::read(&Payload::Json(edit.to_string().into()), &fields)?;
    write::edit(Call { input, ..call }, kind).await
}

async fn next_fires(call: Call) -> Result<Value, Fault> {
    let count = call.input.integer("count").unwrap_or(NEXT_DEFAULT);
    let now_ms = clock::unix_ms();
    let (when, standing) = match (call.input.opt_text("name"), call.input.get("schedule")) {
        (Some(_), None) => {
            let (_, object) = find(&call).await?;
            let job = JobDesired::of(&object)?;
            let standing = call.deps.odb.jobs().standing(job.number).await?;
            (job.settings.when, standing)
        }
        (None, Some(draft)) => (drafted(draft)?, None),
        (Some(_), Some(_)) | (None, None) => {
            let message = "give either the name of a job or a schedule";
            return Err(Fault::violations(vec![Violation::new("schedule", message)]));
        }
    };
    let after_ms = call.input.integer("after_ms").unwrap_or(now_ms);
    let anchor_ms = standing.as_ref().map_or(after_ms, |job| job.anchor_ms);
    let schedule = when.compiled(anchor_ms).map_err(Fault::violations)?;
    let zone = when.zone();
    let left = when.max_runs().map(|most| {
        let runs = standing.as_ref().map_or(0, |job| job.runs);
        (most - runs).max(0)
    });
    let count = usize::try_from(count.min(left.unwrap_or(count))).unwrap_or(0);
    let shown = |due: Due| {
        json!({
            "due": written(zone, due.at_ms),
            "due_ms": due.at_ms,
            "mark": due.mark,
            "note": due.mark.map(meaning),
        })
    };
    let fires: Vec<Value> = schedule
        .next_n(after_ms, count)
        .into_iter()
        .map(shown)
        .collect();
    Ok(json!({"fires": fires, "time_zone": zone.name()}))
}

/// A schedule that is no job yet. Settings of a job that say nothing about when are let through, so that a form may send
/// what it has.
fn drafted(draft: &Value) -> Result<When, Fault> {
    let mut fields: Map<String, Value> = draft.as_object().cloned().unwrap_or_default();
    let kind = fields.shift_remove("kind");
    let kind = kind.as_ref().and_then(Value::as_str).and_then(JobKind::of);
    let Some(kind) = kind else {
        let message = "must be one-time, interval or cron";
        return Err(Fault::violations(vec![Violation::new(
            "schedule.kind",
            message,
        )]));
    };
    let in_schedule = |faults: Vec<Violation>| {
        let renamed = faults.into_iter().map(|fault| {
            let field = fault.field.replacen("settings", "schedule", 1);
            Violation::new(field, fault.message)
        });
        Fault::violations(renamed.collect())
    };
    When::draft(kind, fields).map_err(in_schedule)
}

async fn history(call: Call) -> Result<Value, Fault> {
    let (_, object) = find(&call).await?;
    let limit = call.input.integer("limit").unwrap_or(HISTORY_DEFAULT);
    let jobs = call.deps.odb.jobs();
    let zone = JobDesired::of(&object).map(|job| job.settings.when.zone());
    let fires: Vec<Value> = jobs
        .history(object.number, limit)
        .await?
        .iter()
        .map(|fire| fire_shown(fire, zone.as_ref().ok().copied()))
        .collect();
    Ok(json!({
        "name": object.key.name,
        "kind": object.kind,
        "active": object.active,
        "fires": fires,
        "totals": jobs.totals(object.number).await?,
        "standing": jobs.standing(object.number).await?.as_ref().map(standing_shown),
    }))
}

fn fire_shown(fire: &FireRecord, zone: Option<busker_scheduler::Tz>) -> Value {
    let due = |at_ms: i64| zone.map(|zone| written(zone, at_ms));
    json!({
        "due": due(fire.key.due_ms),
        "due_ms": fire.key.due_ms,
        "until": due(fire.until_ms),
        "until_ms": fire.until_ms,
        "origin": fire.key.origin,
        "fires": fire.fires,
        "verdict": fire.verdict,
        "reason": fire.reason,
        "late_ms": fire.late_ms,
        "cid": fire.cid,
        "epoch": fire.epoch,
        "recorded_ms": fire.recorded_ms,
        "ended_ms": fire.ended_ms,
        "outcome": fire.outcome,
    })
}

fn standing_shown(standing: &JobStanding) -> Value {
    json!({
        "planned_ms": standing.planned_ms,
        "anchor_ms": standing.anchor_ms,
        "runs": standing.runs,
    })
}
