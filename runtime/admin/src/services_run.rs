//! Services as they run: list, get, invoke.

use std::time::Duration;

use busker_kit::clock;
use busker_model::invocation::MAX_INVOKE_DEPTH;
use busker_model::invocation::Role;
use busker_model::object::Violation;
use busker_model::service::DEFAULT_TIMEOUT_MS;
use busker_model::{DataFormat, Family, Fault, Origin, ServiceName, Transport};
use busker_odb::ListFilter;
use busker_odb::objects::PAGE_MAX;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::input::Type;
use crate::operation::{AdminService, Call, answer, role_word};
use crate::ports::{ServiceCall, ServiceRow};
use crate::runner::permitted;

/// Longest timeout of an invocation over the API, in milliseconds.
const TIMEOUT_MAX_MS: i64 = 3_600_000;
/// Channels named in the answer about one service; there may be more.
const CHANNELS_SHOWN: usize = 1_000;

pub(crate) fn operations() -> Vec<AdminService> {
    vec![
        AdminService::new(
            "busker.service.list",
            Role::Viewer,
            "Lists the services of this node with their counters.",
            list,
        )
        .optional("filter", Type::Text, "Text the name contains, in any case.")
        .example(json!({"filter": "stockmarket"}))
        .answers(&[("services", "array")]),
        AdminService::new(
            "busker.service.get",
            Role::Viewer,
            "Answers a service: definition, SimpleIO, documentation, channels.",
            get,
        )
        .required("name", Type::Name, "Service.")
        .example(json!({"name": "stockmarket.get-market-cap"})),
        AdminService::new(
            "busker.service.invoke",
            Role::Operator,
            "Invokes a service as a channel would, and answers what a channel would have sent.",
            invoke,
        )
        .required("name", Type::Name, "Service.")
        .optional(
            "payload",
            Type::Any,
            "Body: JSON, or text that is sent as it is.",
        )
        .optional(
            "data_format",
            Type::Choice(&["json", "xml", "form", "raw"]),
            "Format; json unless given.",
        )
        .optional(
            "transport",
            Type::Choice(&["plain_http", "soap"]),
            "Envelope; plain_http unless given.",
        )
        .optional("headers", Type::Object, "Headers by name; values are text.")
        .optional(
            "timeout_ms",
            Type::Integer(1, TIMEOUT_MAX_MS),
            "Longest time, in milliseconds.",
        )
        .example(json!({"name": "stockmarket.get-market-cap", "payload": {"symbol": "GOOG"}}))
        .answers(&[
            ("status", "integer"),
            ("content_type", "string"),
            ("body", "string"),
            ("cid", "string"),
        ])
        .writing(),
    ]
}

/// The service a call names, as it runs on this node.
pub(crate) fn row_of(call: &Call) -> Result<ServiceRow, Fault> {
    let name = call.input.text("name");
    call.deps
        .node
        .services()
        .into_iter()
        .find(|row| row.definition.name.as_str() == name)
        .ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> Fault {
    Fault::not_found(format!(
        "name: there is no service {name:?}; busker.service.list has those there are"
    ))
}

async fn list(call: Call) -> Result<Value, Fault> {
    let filter = call
        .input
        .opt_text("filter")
        .unwrap_or_default()
        .to_lowercase();
    let services: Vec<Value> = call
        .deps
        .node
        .services()
        .iter()
        .filter(|row| {
            row.definition
                .name
                .as_str()
                .to_lowercase()
                .contains(&filter)
        })
        .map(shown)
        .collect();
    Ok(json!({"services": services}))
}

fn shown(row: &ServiceRow) -> Value {
    let (origin, package, file) = match &row.definition.origin {
        Origin::Internal => ("internal", None, None),
        Origin::Rust => ("rust", None, None),
        Origin::Python { package, file, .. } => ("python", Some(*package), Some(file)),
    };
    let mut shown = json!({
        "name": row.definition.name,
        "origin": origin,
        "package": package,
        "file": file,
        "active": row.active,
        "state": row.state,
        "generation": row.definition.generation,
    });
    if let (Some(fields), Value::Object(counters)) = (shown.as_object_mut(), counters(row)) {
        fields.extend(counters);
    }
    shown
}

/// The counters of a service; times in milliseconds, with a fraction.
pub(crate) fn counters(row: &ServiceRow) -> Value {
    let mean_micros = row
        .total_micros
        .checked_div(row.requests)
        .unwrap_or_default();
    json!({
        "in_flight": row.in_flight,
        "requests": row.requests,
        "errors": row.errors,
        "mean_ms": Duration::from_micros(mean_micros).as_secs_f64() * 1_000.0,
        "max_ms": Duration::from_micros(row.max_micros).as_secs_f64() * 1_000.0,
    })
}

async fn get(call: Call) -> Result<Value, Fault> {
    let row = row_of(&call)?;
    let definition = &row.definition;
    let mut answer = shown(&row);
    answer["impl_name"] = json!(definition.impl_name);
    answer["doc"] = json!(definition.doc);
    answer["sio"] = json!(definition.sio);
    answer["timeout_ms"] = json!(definition.limits.timeout_ms);
    answer["max_concurrency"] = json!(definition.limits.max_concurrency);
    answer["delivery"] = json!(definition.delivery);
    answer["idempotent"] = json!(definition.idempotent);
    answer["permission"] = json!(role_word(definition.permission));
    answer["channels"] = json!(channels(&call, definition.name.as_str()).await?);
    Ok(answer)
}

/// Channels that expose a service.
async fn channels(call: &Call, service: &str) -> Result<Vec<Value>, Fault> {
    let mut filter = ListFilter::all(Family::Channel);
    let mut found = Vec::new();
    loop {
        let page = call.deps.odb.objects().list(&filter).await?;
        filter.offset += PAGE_MAX;
        let exposing = page
            .objects
            .iter()
            .filter(|channel| channel.settings["service"].as_str() == Some(service));
        for channel in exposing.take(CHANNELS_SHOWN - found.len()) {
            found.push(json!({
                "name": channel.key.name,
                "kind": channel.kind,
                "group": channel.key.group,
                "active": channel.active,
                "url_path": channel.settings["url_path"],
            }));
        }
        if filter.offset >= page.total || found.len() == CHANNELS_SHOWN {
            return Ok(found);
        }
    }
}

async fn invoke(call: Call) -> Result<Value, Fault> {
    let name = call.input.text("name");
    let request = call.context.request();
    let service = ServiceName::new(name).map_err(|error| Fault::invalid(error.to_string()))?;
    let invoker = &call.context.ports().invoker;
    let definition = invoker.definition(name).ok_or_else(|| unknown(name))?;
    permitted(Some(&call.principal), definition.permission, name)?;
    let depth = request.depth.saturating_add(1);
    if depth >= MAX_INVOKE_DEPTH {
        return Err(Fault::invalid(format!(
            "name: {MAX_INVOKE_DEPTH} invocations are inside each other already; services call themselves"
        )));
    }
    let timeout = call.input.integer("timeout_ms");
    let timeout = timeout
        .and_then(|ms| u64::try_from(ms).ok())
        .unwrap_or(DEFAULT_TIMEOUT_MS);
    let wanted = clock::now() + Duration::from_millis(timeout);
    let asked = ServiceCall {
        service,
        body: body(call.input.get("payload"))?,
        data_format: data_format(call.input.opt_text("data_format")),
        transport: transport(call.input.opt_text("transport")),
        headers: headers(call.input.get("headers"))?,
        cid: request.cid,
        principal: Some(call.principal.clone()),
        deadline: wanted.min(request.deadline),
        depth,
    };
    let got = call.deps.caller.call(asked).await?;
    Ok(json!({
        "status": got.status,
        "content_type": got.content_type,
        "body": String::from_utf8_lossy(&got.body),
        "cid": request.cid.to_string(),
    }))
}

/// Text goes as it is, so that XML and forms can be sent; anything else goes as JSON.
fn body(payload: Option<&Value>) -> Result<Bytes, Fault> {
    match payload {
        None => Ok(Bytes::new()),
        Some(Value::String(text)) => Ok(Bytes::from(text.clone())),
        Some(other) => Ok(Bytes::from(answer(other)?.to_string())),
    }
}

fn data_format(word: Option<&str>) -> DataFormat {
    [DataFormat::Xml, DataFormat::Form, DataFormat::Raw]
        .into_iter()
        .find(|format| word == Some(format.as_str()))
        .unwrap_or_default()
}

fn transport(word: Option<&str>) -> Transport {
    if word == Some(Transport::Soap.as_str()) {
        Transport::Soap
    } else {
        Transport::PlainHttp
    }
}

fn headers(given: Option<&Value>) -> Result<Vec<(String, String)>, Fault> {
    let fields = given.and_then(Value::as_object).into_iter().flatten();
    fields
        .map(|(name, value)| match value.as_str() {
            Some(text) => Ok((name.to_lowercase(), text.to_owned())),
            None => Err(Fault::violations(vec![Violation::new(
                format!("headers.{name}"),
                "must be text",
            )])),
        })
        .collect()
}
