//! Invoking a service over the API: now, or handed over to be run later.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use busker_kit::clock;
use busker_model::invocation::{MAX_INVOKE_DEPTH, Role};
use busker_model::object::Violation;
use busker_model::service::DEFAULT_TIMEOUT_MS;
use busker_model::{Cid, DataFormat, Delivery, Fault, ServiceName, Transport};
use busker_service::ports::AsyncOptions;
use bytes::Bytes;
use serde_json::{Value, json};

use crate::answers::map_of;
use crate::input::{Field, Input, Type};
use crate::operation::{AdminService, Call, answer};
use crate::ports::ServiceCall;
use crate::runner::permitted;
use crate::services_run::unknown;

/// Longest timeout of an invocation over the API, in milliseconds.
const TIMEOUT_MAX_MS: i64 = 3_600_000;
/// Longest delay of an asynchronous invocation, in milliseconds: ten years.
const DELAY_MAX_MS: i64 = 315_360_000_000;
/// Fields that say how an asynchronous invocation is kept.
const LATER: [&str; 4] = ["delay_ms", "deadline_ms", "delivery", "key"];

pub(crate) fn operations() -> Vec<AdminService> {
    let operation = AdminService::new(
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
    .optional(
        "base64",
        Type::Boolean,
        "Payload and body are Base64, for bytes that are no text.",
    )
    .field(Field {
        name: "headers",
        required: false,
        ty: Type::Object,
        doc: "Headers by name; values are text.",
        schema: Some(map_of(json!({"type": "string"}))),
    })
    .optional(
        "timeout_ms",
        Type::Integer(1, TIMEOUT_MAX_MS),
        "Longest time, in milliseconds.",
    );
    vec![
        later(operation)
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

/// The fields of an invocation that is handed over.
fn later(operation: AdminService) -> AdminService {
    operation
        .optional(
            "async",
            Type::Boolean,
            "Hand it over and answer its cid at once; busker.message.get-status has the rest.",
        )
        .optional(
            "delay_ms",
            Type::Integer(0, DELAY_MAX_MS),
            "With async: wait before it starts, in milliseconds.",
        )
        .optional(
            "deadline_ms",
            Type::Integer(1, DELAY_MAX_MS),
            "With async: it is not started later than this many milliseconds from now.",
        )
        .optional(
            "delivery",
            Type::Choice(&["durable", "fast"]),
            "With async: how it is kept; as the service says unless given.",
        )
        .optional(
            "key",
            Type::Text,
            "With async: those of one service with the same key run one after another.",
        )
}

async fn invoke(call: Call) -> Result<Value, Fault> {
    let name = call.input.text("name");
    let request = call.context.request();
    let service = ServiceName::new(name).map_err(|error| Fault::invalid(error.to_string()))?;
    let invoker = &call.context.ports().invoker;
    let definition = invoker.definition(name).ok_or_else(|| unknown(name))?;
    permitted(Some(&call.principal), definition.permission, name)?;
    let later = options(&call.input, request.cid)?;
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
    let base64 = call.input.flag("base64", false);
    let payload = body(call.input.get("payload"))?;
    let mut asked = ServiceCall {
        service,
        body: if base64 { decoded(&payload)? } else { payload },
        data_format: data_format(call.input.opt_text("data_format")),
        transport: transport(call.input.opt_text("transport")),
        headers: headers(call.input.get("headers"))?,
        params: Vec::new(),
        cid: request.cid,
        principal: Some(call.principal.clone()),
        deadline: wanted.min(request.deadline),
        depth,
    };
    if let Some(how) = later {
        asked.cid = Cid::mint();
        let cid = call.deps.caller.call_async(asked, how).await?;
        return Ok(json!({ "cid": cid.to_string() }));
    }
    let got = call.deps.caller.call(asked).await?;
    Ok(json!({
        "status": got.status,
        "content_type": got.content_type,
        "body": if base64 {
            STANDARD.encode(&got.body)
        } else {
            String::from_utf8_lossy(&got.body).into_owned()
        },
        "cid": request.cid.to_string(),
    }))
}

/// How it is handed over; `None` when it is run now.
fn options(input: &Input, parent: Cid) -> Result<Option<AsyncOptions>, Fault> {
    if !input.flag("async", false) {
        let given = LATER.into_iter().filter(|name| input.get(name).is_some());
        let faults: Vec<Violation> = given
            .map(|name| Violation::new(name, "is for an asynchronous invocation: set async"))
            .collect();
        return if faults.is_empty() {
            Ok(None)
        } else {
            Err(Fault::violations(faults))
        };
    }
    let delay = input.integer("delay_ms").unwrap_or_default();
    let deadline = input.integer("deadline_ms");
    Ok(Some(AsyncOptions {
        delivery: input.opt_text("delivery").map(delivery),
        delay: Duration::from_millis(u64::try_from(delay).unwrap_or_default()),
        deadline_ms: deadline.map(|ms| clock::unix_ms().saturating_add(ms)),
        key: input.opt_text("key").map(ToOwned::to_owned),
        parent: Some(parent),
        ..AsyncOptions::default()
    }))
}

fn delivery(word: &str) -> Delivery {
    match word {
        "fast" => Delivery::Fast,
        _ => Delivery::Durable,
    }
}

/// Text goes as it is, so that XML and forms can be sent; anything else goes as JSON.
pub(crate) fn body(payload: Option<&Value>) -> Result<Bytes, Fault> {
    match payload {
        None => Ok(Bytes::new()),
        Some(Value::String(text)) => Ok(Bytes::from(text.clone())),
        Some(other) => Ok(Bytes::from(answer(other)?.to_string())),
    }
}

/// Bytes out of Base64, in lines or in one: Python writes it in lines.
fn decoded(text: &[u8]) -> Result<Bytes, Fault> {
    let letters: Vec<u8> = text
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let bytes = STANDARD.decode(letters).map_err(|_| {
        let message = "is not Base64 (RFC 4648, with padding)";
        Fault::violations(vec![Violation::new("payload", message)])
    })?;
    Ok(bytes.into())
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
