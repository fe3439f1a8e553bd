//! What running services ask of the node: outgoing HTTP, other services, the key/value store, data dictionaries.

use std::sync::Arc;
use std::time::{Duration, Instant};

use busker_kit::clock;
use busker_model::invocation::ReplyBody;
use busker_model::{
    ChannelKind, Cid, DataFormat, Delivery, ErrorClass, Fault, Payload, Reply, Request,
    ServiceDefinition, ServiceName, Transport,
};
use busker_service::Context;
use busker_service::outgoing::HttpCall;
use busker_service::ports::{AsyncOptions, Term};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::connection::Connection;
use crate::frame::{self, Frame, FrameError, ToWorker};
use crate::meta::{BodyKind, ErrorObject, ResultMeta};
use crate::worker::PortsCell;

/// Time a call has that belongs to no request, such as one made by a background thread of a service.
const LOOSE_CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// Meta of CALL: the fields of all operations.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Call {
    op: String,
    parent: u64,
    conn: String,
    transport: Transport,
    method: String,
    path: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    timeout_ms: Option<u64>,
    service: String,
    data_format: Option<DataFormat>,
    json: Option<bool>,
    delivery: Option<Delivery>,
    delay_ms: u64,
    command: Vec<String>,
    term: Option<Term>,
    /// Services between the one the node invoked and the one that calls, in the worker's own thread.
    below: u8,
}

/// Answer of an operation: meta as JSON text, and body.
type Answer = Result<(Vec<u8>, Bytes), Fault>;

/// Runs a call as a task of its own; the answer goes back by the connection.
pub(crate) fn take(connection: &Arc<Connection>, ports: &PortsCell, frame: Frame) {
    let id = frame.id;
    let call = match frame.meta::<Call>() {
        Ok(call) => call,
        Err(error) => return connection.say(error_frame(id, &Fault::invalid(error.to_string()))),
    };
    let Some(context) = context_of(connection, ports, call.parent) else {
        let fault = Fault::new(
            ErrorClass::Unavailable,
            "the request this call belongs to is over",
        )
        .retry(false);
        return connection.say(error_frame(id, &fault));
    };
    let Ok(permit) = connection.calls.try_enter() else {
        return connection.say(error_frame(
            id,
            &Fault::busy("too many calls of services are open", 1),
        ));
    };
    let deadline = deadline_of(&call, &context);
    let answering = Arc::clone(connection);
    let work = async move {
        let answer =
            tokio::time::timeout_at(deadline.into(), run(call, frame.body, &context, deadline))
                .await;
        let answer =
            answer.unwrap_or_else(|_| Err(Fault::timeout("the call took longer than it may")));
        answering.say_patiently(answer_frame(id, answer)).await;
    };
    // The call ends itself at its deadline; the gate gives it a moment more to say so.
    connection
        .calls
        .detach(permit, deadline + Duration::from_secs(5), work);
}

fn context_of(connection: &Connection, ports: &PortsCell, parent: u64) -> Option<Context> {
    if let Some(scope) = connection.scope(parent) {
        return Some(scope.context.clone());
    }
    if parent != 0 {
        return None;
    }
    let name = ServiceName::new("python").ok()?;
    let request = Request::json(name, Bytes::new(), clock::now() + LOOSE_CALL_TIMEOUT);
    Some(Context::new(request, Arc::clone(ports.get()?)))
}

/// The smaller of its own timeout and what is left to its request.
fn deadline_of(call: &Call, context: &Context) -> Instant {
    let own = call
        .timeout_ms
        .map(|ms| clock::now() + Duration::from_millis(ms));
    own.map_or_else(|| context.deadline(), |own| own.min(context.deadline()))
}

async fn run(call: Call, body: Bytes, context: &Context, deadline: Instant) -> Answer {
    match call.op.as_str() {
        "http" => http(call, body, context, deadline).await,
        "ping" => ping(&call, context).await,
        "invoke" => invoke(&call, body, context, deadline).await,
        "invoke_async" => invoke_async(&call, body, context).await,
        "kv" => key_value(call, context).await,
        "translate" => translate(call, context).await,
        "info" => info(context),
        other => Err(Fault::invalid(format!(
            "the node knows no operation {other:?}"
        ))),
    }
}

async fn http(call: Call, body: Bytes, context: &Context, deadline: Instant) -> Answer {
    let request = HttpCall {
        method: call.method,
        path: call.path,
        query: call.query,
        headers: call.headers,
        body,
        cid: context.cid(),
        traceparent: context.request().traceparent.clone(),
        deadline,
    };
    let answer = context
        .ports()
        .http
        .send(&call.conn, call.transport, request)
        .await?;
    #[derive(Serialize)]
    struct Meta<'a> {
        status: u16,
        headers: &'a [(String, String)],
        reason: &'static str,
    }
    // HTTP/2 has no reason phrase, so services cannot rely on one.
    Ok((
        text(&Meta {
            status: answer.status,
            headers: &answer.headers,
            reason: "",
        })?,
        answer.body,
    ))
}

async fn ping(call: &Call, context: &Context) -> Answer {
    let ping = context
        .ports()
        .http
        .ping(&call.conn, call.transport)
        .await?;
    Ok((
        text(&json!({"ok": ping.ok, "message": ping.message, "ms": ping.ms}))?,
        Bytes::new(),
    ))
}

async fn invoke(call: &Call, body: Bytes, context: &Context, deadline: Instant) -> Answer {
    let mut request = nested(call, body, context, ChannelKind::Invoke)?;
    request.deadline = deadline;
    let invoker = &context.ports().invoker;
    let reply = invoker.invoke(request).await?;
    let elem = invoker
        .definition(&call.service)
        .and_then(|definition| response_elem(&definition));
    result(reply, elem)
}

/// The rule of the Zato face for calls inside one process: only declared output has an element around it.
fn response_elem(definition: &ServiceDefinition) -> Option<String> {
    let sio = definition.sio.as_ref()?;
    (!sio.bare && !sio.output.is_empty()).then(|| sio.response_elem.clone())
}

async fn invoke_async(call: &Call, body: Bytes, context: &Context) -> Answer {
    let mut request = nested(call, body, context, ChannelKind::InvokeAsync)?;
    request.cid = Cid::mint();
    let how = AsyncOptions {
        delivery: call.delivery,
        delay: Duration::from_millis(call.delay_ms),
        parent: Some(context.cid()),
        ..AsyncOptions::default()
    };
    let cid = context.ports().invoker.invoke_async(request, how).await?;
    Ok((text(&json!({ "cid": cid }))?, Bytes::new()))
}

/// The request for a service invoked by another: cid, caller, trace and deadline go along.
fn nested(
    call: &Call,
    body: Bytes,
    context: &Context,
    channel: ChannelKind,
) -> Result<Request, Fault> {
    let service =
        ServiceName::new(&call.service).map_err(|error| Fault::invalid(error.to_string()))?;
    let mut request = context.derive(service, body, channel);
    request.depth = request.depth.saturating_add(call.below);
    if call.json == Some(false) {
        request.payload = Payload::Raw(request.raw.clone());
        request.data_format = DataFormat::Raw;
    }
    if let Some(format) = call.data_format {
        request.data_format = format;
    }
    Ok(request)
}

fn result(reply: Reply, response_elem: Option<String>) -> Answer {
    let (kind, body) = match reply.body {
        ReplyBody::Json(bytes) => (BodyKind::Json, bytes),
        ReplyBody::Raw(bytes) => (BodyKind::Raw, bytes),
        ReplyBody::Empty => (BodyKind::Empty, Bytes::new()),
    };
    let meta = ResultMeta {
        status: reply.status,
        content_type: reply.content_type,
        headers: reply.headers,
        local: Vec::new(),
        kind,
        response_elem,
    };
    Ok((text(&meta)?, body))
}

async fn key_value(call: Call, context: &Context) -> Answer {
    let value = context.ports().key_value.command(call.command).await?;
    Ok((text(&json!({ "value": value }))?, Bytes::new()))
}

async fn translate(call: Call, context: &Context) -> Answer {
    let term = call.term;
    let term =
        term.ok_or_else(|| Fault::invalid("term: is missing, and says what to translate"))?;
    let value = context.ports().dictionaries.translate(term).await?;
    Ok((text(&json!({ "value": value.as_deref() }))?, Bytes::new()))
}

fn info(context: &Context) -> Answer {
    let ports = context.ports();
    let meta = json!({"node": &*ports.node, "cluster": &*ports.cluster, "services": ports.invoker.names()});
    Ok((text(&meta)?, Bytes::new()))
}

fn text(meta: &impl Serialize) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(meta).map_err(|error| {
        Fault::internal("the answer cannot be written").operator(error.to_string())
    })
}

fn answer_frame(id: u64, answer: Answer) -> Bytes {
    let frame = answer.and_then(|(meta, body)| {
        frame::encode(ToWorker::CallResult, id, &meta, &body).map_err(too_long)
    });
    frame.unwrap_or_else(|fault| error_frame(id, &fault))
}

fn too_long(error: FrameError) -> Fault {
    Fault::new(ErrorClass::TooLarge, error.to_string())
}

/// An error that does not fit a frame is sent without its parts.
fn error_frame(id: u64, fault: &Fault) -> Bytes {
    let meta = serde_json::to_vec(&ErrorObject::of(fault)).unwrap_or_default();
    frame::encode(ToWorker::CallError, id, &meta, &[])
        .or_else(|_| frame::encode(ToWorker::CallError, id, &[], &[]))
        .unwrap_or_default()
}
