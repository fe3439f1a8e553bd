//! Asynchronous invocations: where one is, the ledger, and dead letters.

use busker_model::bus::{DeadLetter, DeadSummary, Failure, InvocationStatus, LedgerRow};
use busker_model::invocation::{ReplyBody, Role};
use busker_model::object::Violation;
use busker_model::{Cid, Fault, Payload, ServiceName};
use serde_json::{Value, json};

use crate::answers::{list_of, maybe, object, with};
use crate::input::Type;
use crate::operation::{AdminService, Call};
use crate::services_invoke::body;

/// Dead letters of one page unless asked otherwise, and at most.
const PAGE: (i64, i64) = (50, 500);
/// Most dead letters that can be skipped.
const OFFSET_MAX: i64 = 10_000_000;
const EXAMPLE_CID: &str = "K000000000000000000000000000000000000007";
const FAILURE: &[(&str, &str)] = &[
    ("class", "string"),
    ("code", "string?"),
    ("message", "string"),
];
const ROW: &[(&str, &str)] = &[
    ("service", "string"),
    ("delivery", "string"),
    ("accepted", "integer"),
    ("done", "integer"),
    ("dead", "integer"),
    ("discarded", "integer"),
    ("expired", "integer"),
    ("pending", "integer"),
    ("balances", "boolean"),
];
const LOSS: &[(&str, &str)] = &[
    ("from_ms", "integer"),
    ("noticed_ms", "integer"),
    ("emptied", "boolean"),
    ("lost", "integer"),
];
const LOST: &[(&str, &str)] = &[
    ("service", "string"),
    ("accepted", "integer"),
    ("pending", "integer"),
    ("kept", "integer"),
    ("lost", "integer"),
];
const LETTER: &[(&str, &str)] = &[
    ("cid", "string"),
    ("service", "string"),
    ("delivery", "string"),
    ("accepted_ms", "integer"),
    ("died_ms", "integer"),
    ("attempts", "integer"),
    ("version", "string?"),
    ("bytes", "integer"),
];
const WHOLE: &[(&str, &str)] = &[
    ("cid", "string"),
    ("service", "string"),
    ("delivery", "string"),
    ("accepted_ms", "integer"),
    ("died_ms", "integer"),
    ("attempts", "integer"),
    ("version", "string?"),
    ("channel", "string"),
    ("data_format", "string"),
    ("key", "string?"),
    ("job", "string?"),
    ("parent", "string?"),
    ("principal", "string?"),
    ("payload", "json"),
];

pub(crate) fn operations() -> Vec<AdminService> {
    let mut all = reading();
    all.extend(writing());
    all
}

fn reading() -> Vec<AdminService> {
    vec![
        AdminService::new(
            "busker.message.get-status",
            Role::Viewer,
            "Answers where an asynchronous invocation is, and its result once it has one.",
            status,
        )
        .required("cid", Type::Text, "cid of the invocation.")
        .example(json!({"cid": EXAMPLE_CID}))
        .answers(&[
            ("cid", "string"),
            ("service", "string"),
            ("delivery", "string"),
            ("state", "string"),
            ("accepted_ms", "integer"),
            ("at_ms", "integer?"),
            ("attempts", "integer"),
            ("result_kind", "string?"),
            ("result", "json"),
        ])
        .and("failure", maybe(object(FAILURE))),
        AdminService::new(
            "busker.message.get-ledger",
            Role::Viewer,
            "Answers how many asynchronous invocations there were, by service and class, and where they are.",
            ledger,
        )
        .answers(&[("store", "string"), ("balances", "boolean")])
        .and("rows", list_of(object(ROW)))
        .and(
            "losses",
            list_of(with(object(LOSS), "services", list_of(object(LOST)))),
        ),
        AdminService::new(
            "busker.message.list-dead",
            Role::Viewer,
            "Lists invocations that failed for good, newest first, without their payloads.",
            list_dead,
        )
        .optional("service", Type::Name, "Only those of this service.")
        .optional("offset", Type::Integer(0, OFFSET_MAX), "How many to skip.")
        .optional(
            "limit",
            Type::Integer(1, PAGE.1),
            "How many at most; 50 unless given.",
        )
        .example(json!({"service": "stockmarket.get-market-cap"}))
        .answers(&[("total", "integer")])
        .and(
            "messages",
            list_of(with(object(LETTER), "failure", object(FAILURE))),
        ),
        AdminService::new(
            "busker.message.get-dead",
            Role::Operator,
            "Answers an invocation that failed for good, with its payload and its last failure.",
            get_dead,
        )
        .required("cid", Type::Text, "cid of the invocation.")
        .example(json!({"cid": EXAMPLE_CID}))
        .answers(WHOLE)
        .and("failure", with(object(FAILURE), "detail", json!({"type": "string"}))),
    ]
}

fn writing() -> Vec<AdminService> {
    vec![
        AdminService::new(
            "busker.message.replay",
            Role::Operator,
            "Runs an invocation that failed for good again, as if it had just been handed over.",
            replay,
        )
        .required("cid", Type::Text, "cid of the invocation.")
        .example(json!({"cid": EXAMPLE_CID}))
        .answers(&[("cid", "string")])
        .writing(),
        AdminService::new(
            "busker.message.discard",
            Role::Operator,
            "Lets an invocation that failed for good go.",
            discard,
        )
        .required("cid", Type::Text, "cid of the invocation.")
        .example(json!({"cid": EXAMPLE_CID}))
        .answers(&[("cid", "string")])
        .destroying(),
        AdminService::new(
            "busker.message.edit-dead",
            Role::Developer,
            "Gives an invocation that failed for good another payload, to be replayed with.",
            edit_dead,
        )
        .required("cid", Type::Text, "cid of the invocation.")
        .required(
            "payload",
            Type::Any,
            "New payload: JSON, or text that is taken as it is.",
        )
        .example(json!({"cid": EXAMPLE_CID, "payload": {"symbol": "GOOG"}}))
        .answers(&[("cid", "string")])
        // It runs as whoever handed it over, who may have been allowed to deploy.
        .bringing_code()
        .writing(),
    ]
}

fn cid(call: &Call) -> Result<Cid, Fault> {
    let parsed = call.input.text("cid").parse::<Cid>();
    parsed.map_err(|error| Fault::violations(vec![Violation::new("cid", error.to_string())]))
}

async fn status(call: Call) -> Result<Value, Fault> {
    let cid = cid(&call)?;
    let known = call.deps.messages.status(cid).await?;
    let known = known.ok_or_else(|| {
        Fault::not_found(format!(
            "cid: there is no asynchronous invocation {cid}, or it ended so long ago that it is forgotten"
        ))
    })?;
    Ok(shown(&known))
}

fn shown(status: &InvocationStatus) -> Value {
    let (kind, result) = match &status.result {
        None => (None, Value::Null),
        Some(ReplyBody::Empty) => (Some("empty"), Value::Null),
        Some(ReplyBody::Json(bytes)) => (
            Some("json"),
            serde_json::from_slice(bytes).unwrap_or_else(|_| text(bytes)),
        ),
        Some(ReplyBody::Raw(bytes)) => (Some("raw"), text(bytes)),
    };
    json!({
        "cid": status.cid,
        "service": status.service,
        "delivery": status.delivery,
        "state": status.state,
        "accepted_ms": status.accepted_ms,
        "at_ms": status.at_ms,
        "attempts": status.attempts,
        "failure": status.failure.as_ref().map(without_detail),
        "result_kind": kind,
        "result": result,
    })
}

/// The part of a failure everybody who may look can see; tracebacks are for operators.
fn without_detail(failure: &Failure) -> Value {
    json!({"class": failure.class, "code": failure.code, "message": failure.message})
}

fn text(bytes: &[u8]) -> Value {
    Value::from(String::from_utf8_lossy(bytes))
}

async fn ledger(call: Call) -> Result<Value, Fault> {
    let ledger = call.deps.messages.ledger().await?;
    let rows: Vec<Value> = ledger
        .rows
        .iter()
        .map(|row| {
            let mut shown = json!(row);
            shown["balances"] = json!(row.balances());
            shown
        })
        .collect();
    Ok(json!({
        "store": ledger.store,
        "balances": ledger.rows.iter().all(LedgerRow::balances),
        "rows": rows,
        "losses": ledger.losses,
    }))
}

async fn list_dead(call: Call) -> Result<Value, Fault> {
    let service = call.input.opt_text("service").map(ServiceName::new);
    let service = service.transpose();
    let service = service.map_err(|error| {
        Fault::violations(vec![Violation::new("service", error.reason.to_owned())])
    })?;
    let number = |name: &str, usual: i64| {
        let given = call.input.integer(name).unwrap_or(usual);
        u32::try_from(given).unwrap_or(u32::MAX)
    };
    let (offset, limit) = (number("offset", 0), number("limit", PAGE.0));
    let page = call.deps.messages.dead_list(service, offset, limit).await?;
    let messages: Vec<Value> = page.letters.iter().map(summary).collect();
    Ok(json!({"total": page.total, "messages": messages}))
}

fn summary(letter: &DeadSummary) -> Value {
    json!({
        "cid": letter.cid,
        "service": letter.service,
        "delivery": letter.delivery,
        "accepted_ms": letter.accepted_ms,
        "died_ms": letter.died_ms,
        "attempts": letter.attempts,
        "failure": without_detail(&letter.failure),
        "version": letter.version,
        "bytes": letter.bytes,
    })
}

async fn get_dead(call: Call) -> Result<Value, Fault> {
    let letter = call.deps.messages.dead_get(cid(&call)?).await?;
    Ok(whole(&letter))
}

fn whole(letter: &DeadLetter) -> Value {
    let envelope = &letter.envelope;
    let payload = match &envelope.payload {
        Payload::None => Value::Null,
        Payload::Json(bytes) => serde_json::from_slice(bytes).unwrap_or_else(|_| text(bytes)),
        Payload::Raw(bytes) => text(bytes),
    };
    json!({
        "cid": envelope.cid,
        "service": envelope.service,
        "delivery": envelope.delivery,
        "accepted_ms": envelope.head.accepted_ms,
        "died_ms": letter.died_ms,
        "attempts": letter.attempts,
        "failure": letter.failure,
        "version": letter.version,
        "channel": envelope.head.channel,
        "data_format": envelope.head.data_format,
        "key": envelope.head.key,
        "job": envelope.head.job.as_ref().map(|job| &job.name),
        "parent": envelope.head.parent,
        "principal": envelope.head.principal.as_ref().map(|principal| &principal.name),
        "payload": payload,
    })
}

async fn replay(call: Call) -> Result<Value, Fault> {
    let cid = cid(&call)?;
    call.deps.messages.dead_replay(cid).await?;
    Ok(json!({ "cid": cid }))
}

async fn discard(call: Call) -> Result<Value, Fault> {
    let cid = cid(&call)?;
    call.deps.messages.dead_discard(cid).await?;
    Ok(json!({ "cid": cid }))
}

async fn edit_dead(call: Call) -> Result<Value, Fault> {
    let cid = cid(&call)?;
    let payload = body(call.input.get("payload"))?;
    call.deps.messages.dead_edit(cid, payload).await?;
    Ok(json!({ "cid": cid }))
}
