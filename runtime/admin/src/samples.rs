//! Invocations kept to be looked at: every n-th one of a service, and those that took too long.

mod replay;

use std::time::Duration;

use busker_model::invocation::Role;
use busker_model::service::DEFAULT_SLOW_THRESHOLD_MS;
use busker_model::{Family, Fault, Object, ObjectKey};
use busker_odb::OdbError;
use busker_odb::samples::{SAMPLE_PAGE, Sample, SampleHead, SampleKind, SampleRow};
use serde_json::{Map, Value, json};

use crate::answers::{list_of, object};
use crate::crud::write;
use crate::input::Type;
use crate::operation::{AdminService, Call};

/// Rows of a page unless told otherwise.
const PAGE: i64 = 50;
const EXAMPLE_CID: &str = "K000000000000000000000000000000000000007";
const EXAMPLE: &str = "stockmarket.get-market-cap";
const HEAD: &[(&str, &str)] = &[
    ("name", "string"),
    ("cid", "string"),
    ("node", "string"),
    ("version", "string"),
    ("generation", "integer"),
    ("started_ms", "integer"),
    ("ended_ms", "integer"),
    ("took_ms", "number"),
    ("threshold_ms", "integer"),
    ("outcome", "string"),
    ("origin", "json"),
];
const BYTES: &[(&str, &str)] = &[("request_bytes", "integer"), ("response_bytes", "integer")];
const BODY: &[(&str, &str)] = &[
    ("text", "string"),
    ("bytes", "integer"),
    ("state", "string"),
    ("masked", "integer"),
];

pub(crate) fn operations() -> Vec<AdminService> {
    let mut all = vec![configure_service(), replay::operation()];
    all.extend(of_kind(
        "busker.sample",
        SampleKind::Sample,
        "invocations that were sampled",
    ));
    all.extend(of_kind(
        "busker.slow-request",
        SampleKind::Slow,
        "invocations that took longer than the threshold of their service",
    ));
    all
}

fn configure_service() -> AdminService {
    AdminService::new(
        "busker.sample.configure",
        Role::Developer,
        "Says which invocations of a service are kept to be looked at: one in so many, on each node.",
        configure,
    )
    .required("name", Type::Name, "Service.")
    .required(
        "every",
        Type::Integer(0, u32::MAX as i64),
        "One in so many is kept; 0 means none.",
    )
    .example(json!({"name": EXAMPLE, "every": 100}))
    .answers(&[("name", "string"), ("every", "integer")])
    .writing()
}

/// List, get and delete of one kind.
fn of_kind(family: &str, kind: SampleKind, what: &str) -> [AdminService; 3] {
    [
        AdminService::new(
            format!("{family}.list"),
            Role::Viewer,
            format!("Lists {what}, newest first, without their payloads."),
            move |call| list(call, kind),
        )
        .optional("name", Type::Name, "Only those of this service.")
        .optional("offset", Type::Integer(0, i64::MAX), "How many to skip.")
        .optional(
            "limit",
            Type::Integer(0, SAMPLE_PAGE),
            "How many at most; 50 unless given.",
        )
        .example(json!({"name": EXAMPLE}))
        .answers(&[
            ("total", "integer"),
            ("every", "integer"),
            ("threshold_ms", "integer"),
        ])
        .and("invocations", list_of(object(&[HEAD, BYTES].concat()))),
        AdminService::new(
            format!("{family}.get"),
            Role::Operator,
            format!(
                "Answers one of the {what}, with its payloads: secrets are masked, long ones cut."
            ),
            move |call| get(call, kind),
        )
        .required("name", Type::Name, "Service.")
        .required("cid", Type::Text, "cid of the invocation.")
        .example(json!({"name": EXAMPLE, "cid": EXAMPLE_CID}))
        .answers(HEAD)
        .and("request", object(BODY))
        .and("response", object(BODY)),
        AdminService::new(
            format!("{family}.delete"),
            Role::Operator,
            format!("Deletes the {what} of a service, or one of them."),
            move |call| delete(call, kind),
        )
        .required("name", Type::Name, "Service.")
        .optional("cid", Type::Text, "cid of the only one to delete.")
        .example(json!({"name": EXAMPLE, "cid": EXAMPLE_CID}))
        .answers(&[("deleted", "integer")])
        .destroying(),
    ]
}

/// The settings of a service, if it has any.
async fn settings(call: &Call, name: &str) -> Result<Option<Object>, Fault> {
    let key = ObjectKey {
        family: Family::Service,
        group: "settings".to_owned(),
        name: name.to_owned(),
    };
    match call.deps.odb.objects().get(&key).await {
        Ok(object) => Ok(Some(object)),
        Err(OdbError::NotFound(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn configure(call: Call) -> Result<Value, Fault> {
    let name = call.input.text("name").to_owned();
    let every = call.input.integer("every").unwrap_or_default();
    let kind = call.deps.catalog.get(Family::Service, "settings");
    let kind = *kind.ok_or_else(|| Fault::internal("services have no settings on this node"))?;
    let mut changed = Map::new();
    changed.insert("sample_every".to_owned(), json!(every));
    if settings(&call, &name).await?.is_some() {
        write::change(&call, kind, changed).await?;
    } else {
        write::create_with(&call, kind, changed).await?;
    }
    Ok(json!({"name": name, "every": every}))
}

async fn list(call: Call, kind: SampleKind) -> Result<Value, Fault> {
    let name = call.input.text("name");
    let offset = call.input.integer("offset").unwrap_or(0);
    let limit = call.input.integer("limit").unwrap_or(PAGE);
    let samples = call.deps.odb.samples();
    let (total, rows) = samples.list(kind, name, offset, limit).await?;
    let rows: Vec<Value> = rows.iter().map(listed).collect();
    let mut shown = json!({"total": total, "invocations": rows});
    if !name.is_empty() {
        let set = settings(&call, name).await?;
        let set = |field: &str| {
            let set = set.as_ref();
            set.and_then(|object| object.settings[field].as_u64())
        };
        shown["every"] = json!(set("sample_every").unwrap_or(0));
        let threshold = set("slow_threshold_ms").unwrap_or(DEFAULT_SLOW_THRESHOLD_MS);
        shown["threshold_ms"] = json!(threshold);
    }
    Ok(shown)
}

fn listed(row: &SampleRow) -> Value {
    let mut shown = head(&row.head);
    shown["request_bytes"] = json!(row.request_bytes);
    shown["response_bytes"] = json!(row.response_bytes);
    shown
}

/// What is known beside the payloads; times in milliseconds, with a fraction.
fn head(head: &SampleHead) -> Value {
    // Thousandths of a second of a thousandth of a second: the seconds of so many milliseconds are milliseconds here.
    let took = Duration::from_millis(u64::try_from(head.took_micros).unwrap_or(0));
    json!({
        "name": head.service,
        "cid": head.cid,
        "node": head.node,
        "version": head.version,
        "generation": head.generation,
        "started_ms": head.started_ms,
        "ended_ms": head.started_ms.saturating_add(head.took_micros / 1_000),
        "took_ms": took.as_secs_f64(),
        "threshold_ms": head.threshold_micros / 1_000,
        "outcome": head.outcome,
        "origin": head.origin,
    })
}

async fn get(call: Call, kind: SampleKind) -> Result<Value, Fault> {
    let (name, cid) = (call.input.text("name"), call.input.text("cid"));
    let samples = call.deps.odb.samples();
    let found = samples.of_cid(cid, name, Some(kind)).await?;
    let found = found.into_iter().next();
    let Sample {
        head: known,
        request,
        response,
        ..
    } = found.ok_or_else(|| unknown(name, cid))?;
    let mut shown = head(&known);
    shown["request"] = json!(request);
    shown["response"] = json!(response);
    Ok(shown)
}

/// The refusal of a cid that nothing is kept of.
fn unknown(name: &str, cid: &str) -> Fault {
    let of = if name.is_empty() {
        String::new()
    } else {
        format!(" of {name}")
    };
    Fault::not_found(format!(
        "cid: nothing is kept{of} with {cid:?}; only the newest ones are, and for a week"
    ))
}

async fn delete(call: Call, kind: SampleKind) -> Result<Value, Fault> {
    let (name, cid) = (call.input.text("name"), call.input.text("cid"));
    let deleted = call.deps.odb.samples().delete(kind, name, cid).await?;
    if deleted == 0 && !cid.is_empty() {
        return Err(unknown(name, cid));
    }
    Ok(json!({ "deleted": deleted }))
}
