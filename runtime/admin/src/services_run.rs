//! Services as they run: list and get, and the channels that expose them.

use std::time::Duration;

use busker_model::invocation::Role;
use busker_model::{Family, Fault, Origin};
use busker_odb::ListFilter;
use busker_odb::objects::PAGE_MAX;
use serde_json::{Value, json};

use crate::answers::{list_of, object};
use crate::input::Type;
use crate::operation::{AdminService, Call, role_word};
use crate::ports::ServiceRow;

/// Channels named in the answer about one service; there may be more.
const CHANNELS_SHOWN: usize = 1_000;
const SERVICE: &[(&str, &str)] = &[
    ("name", "string"),
    ("origin", "string"),
    ("package", "integer?"),
    ("file", "string?"),
    ("active", "boolean"),
    ("state", "string"),
    ("generation", "integer"),
];
/// What [`counters`] answers.
pub(crate) const COUNTERS: &[(&str, &str)] = &[
    ("in_flight", "integer"),
    ("requests", "integer"),
    ("errors", "integer"),
    ("mean_ms", "number"),
    ("max_ms", "number"),
];
const MORE: &[(&str, &str)] = &[
    ("impl_name", "string"),
    ("doc", "string"),
    ("sio", "json"),
    ("timeout_ms", "integer?"),
    ("max_concurrency", "integer?"),
    ("delivery", "string"),
    ("idempotent", "boolean"),
    ("permission", "string"),
];
const CHANNEL: &[(&str, &str)] = &[
    ("name", "string"),
    ("kind", "string"),
    ("group", "string"),
    ("active", "boolean"),
    ("url_path", "string?"),
];

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
        .answers(&[])
        .and("services", list_of(object(&service()))),
        AdminService::new(
            "busker.service.get",
            Role::Viewer,
            "Answers a service: definition, SimpleIO, documentation, channels.",
            get,
        )
        .required("name", Type::Name, "Service.")
        .example(json!({"name": "stockmarket.get-market-cap"}))
        .answers(&[service().as_slice(), MORE].concat())
        .and("channels", list_of(object(CHANNEL))),
        AdminService::new(
            "busker.service.list-channels",
            Role::Viewer,
            "Lists the channels that expose a service, of one kind or all.",
            list_channels,
        )
        .required("name", Type::Name, "Service; it may be deployed later.")
        .optional("kind", Type::Name, "Kind of channels, such as http.")
        .example(json!({"name": "stockmarket.get-market-cap"}))
        .answers(&[("service", "string")])
        .and("channels", list_of(object(CHANNEL))),
    ]
}

/// Fields of a service in a list.
fn service() -> Vec<(&'static str, &'static str)> {
    [SERVICE, COUNTERS].concat()
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

/// The refusal of a name no service has.
pub(crate) fn unknown(name: &str) -> Fault {
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
    let (package, file) = match &row.definition.origin {
        Origin::Internal | Origin::Rust => (None, None),
        Origin::Python { package, file, .. } => (Some(*package), Some(file)),
    };
    let mut shown = json!({
        "name": row.definition.name,
        "origin": origin(&row.definition.origin),
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

/// The word of where a service's code comes from.
pub(crate) const fn origin(origin: &Origin) -> &'static str {
    match origin {
        Origin::Internal => "internal",
        Origin::Rust => "rust",
        Origin::Python { .. } => "python",
    }
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

async fn list_channels(call: Call) -> Result<Value, Fault> {
    let service = call.input.text("name");
    let mut channels = channels(&call, service).await?;
    if let Some(kind) = call.input.opt_text("kind") {
        channels.retain(|channel| channel["kind"] == kind);
    }
    Ok(json!({"service": service, "channels": channels}))
}

/// Channels that expose a service.
pub(crate) async fn channels(call: &Call, service: &str) -> Result<Vec<Value>, Fault> {
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
