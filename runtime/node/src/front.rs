//! The HTTP front of channels: from a request on the wire to an answer, on the worker that accepted it.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE};
use actix_web::web::{self, Data, Payload as Body};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use busker_channels::{Found, Mount, Route};
use busker_kit::clock;
use busker_model::invocation::HttpHead;
use busker_model::{ChannelKind, Cid, ErrorClass, Fault, Principal, Request, Transport};
use busker_pipeline::{Decoded, EncodeContext, Encoded, ErrorStyle, SoapVersion, decode, encode, respond};
use busker_security::Credentials;
use busker_services::Directory;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use percent_encoding::percent_decode_str;

use crate::config::Listener;

/// Longest time for the head of a request.
pub(crate) const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest time for the body of a request.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest time a channel waits for its service when neither sets a shorter one.
const CHANNEL_TIMEOUT_MS: u64 = 3_600_000;
/// Seconds requests in flight have when the node stops.
pub(crate) const DRAIN_S: u64 = 10;

/// What the front reads.
#[derive(Debug, Clone)]
pub(crate) struct Front {
    pub(crate) mount: Mount,
    pub(crate) directory: Directory,
}

pub(crate) fn open(listener: &Listener, front: Front) -> io::Result<actix_web::dev::Server> {
    let server = HttpServer::new(move || {
        App::new().app_data(Data::new(front.clone())).default_service(web::to(serve))
    });
    let server = server
        .workers(listener.workers)
        .max_connections(listener.max_connections)
        .client_request_timeout(HEAD_TIMEOUT)
        .shutdown_timeout(DRAIN_S)
        .disable_signals();
    Ok(server.bind(listener.listen)?.run())
}

async fn serve(request: HttpRequest, body: Body, front: Data<Front>) -> HttpResponse {
    let cid = Cid::mint();
    let started = clock::now();
    let action = soap_action(&request);
    let Some(found) = front.mount.find(request.path(), action) else {
        let fault = Fault::not_found(format!("no channel is mounted on {:?}", request.path()));
        return answer(cid, respond(&fault, cid, ErrorStyle::Problem, false));
    };
    let route = Arc::clone(&found.route);
    let mut soap = None;
    let encoded = match handle(&front, &request, body, found, (cid, &mut soap)).await {
        Ok(encoded) => encoded,
        Err(fault) => {
            log(cid, &route, &fault);
            let settings = &route.settings;
            let style = ErrorStyle::of(settings.data_format, settings.transport, soap);
            respond(&fault, cid, style, settings.expose_tracebacks)
        }
    };
    let took = clock::now().saturating_duration_since(started);
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    route.stats.answered(micros, encoded.status < 400);
    answer(cid, encoded)
}

/// A caller's mistake is worth a line at debug; ours is an error, with all an operator needs.
fn log(cid: Cid, route: &Route, fault: &Fault) {
    let (channel, service) = (&route.name, &route.service);
    match fault.class {
        ErrorClass::Internal | ErrorClass::Unavailable | ErrorClass::Timeout => {
            let exception = fault.detail.as_ref().and_then(|detail| detail.exception.as_ref());
            let traceback = exception.map(|exception| format!("\n{exception}")).unwrap_or_default();
            tracing::error!(%cid, %channel, %service, "{fault:?}{traceback}");
        }
        ErrorClass::Invalid
        | ErrorClass::Unauthenticated
        | ErrorClass::Forbidden
        | ErrorClass::NotFound
        | ErrorClass::Conflict
        | ErrorClass::TooLarge
        | ErrorClass::Busy => tracing::debug!(%cid, %channel, %service, "{fault:?}"),
    }
}

async fn handle(
    front: &Front,
    request: &HttpRequest,
    body: Body,
    found: Found,
    (cid, soap): (Cid, &mut Option<SoapVersion>),
) -> Result<Encoded, Fault> {
    let route = &found.route;
    let settings = &route.settings;
    if !route.active {
        return Err(Fault::new(ErrorClass::Unavailable, format!("channel {:?} is inactive", route.name)));
    }
    if settings.method.as_deref().is_some_and(|method| method != request.method().as_str()) {
        let message = format!("this channel takes {} only", settings.method.as_deref().unwrap_or_default());
        return Err(Fault::invalid(message).code("method-not-allowed"));
    }
    let principal = authenticate(route, request)?;
    let _permit = match &route.gate {
        Some(gate) => Some(gate.try_enter().map_err(|_| Fault::busy("this channel is full", 1))?),
        None => None,
    };
    let raw = read_body(body, settings.body_limit()).await?;
    let content_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let decoded = decode(settings.data_format, settings.transport, &raw, content_type)?;
    *soap = decoded.soap;
    let invocation = invocation(cid, request, &found, (raw, decoded, principal))?;
    let reply = front.directory.call(invocation).await?;
    let entry = front.directory.get(route.service.as_str());
    let context = EncodeContext {
        cid,
        format: settings.data_format,
        transport: settings.transport,
        soap: *soap,
        sio: entry.as_ref().and_then(|entry| entry.runner.definition().sio.as_ref()),
    };
    encode(context, reply)
}

fn authenticate(route: &Route, request: &HttpRequest) -> Result<Option<Arc<Principal>>, Fault> {
    let Some(definition) = &route.security else { return Ok(None) };
    let mut sent = request.headers().get_all(AUTHORIZATION);
    // Two of them is an attempt to have each side read another one.
    let authorization = match (sent.next(), sent.next()) {
        (Some(one), None) => Some(one.as_bytes()),
        _ => None,
    };
    busker_security::verify(definition, Credentials { authorization }).map(Some)
}

/// Reads a body under a bound of bytes and one of time: actix itself has no timer for bodies.
pub(crate) async fn read_body(mut body: Body, limit: u64) -> Result<Bytes, Fault> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let read = async {
        let mut whole = BytesMut::new();
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| Fault::invalid(format!("body: could not be read: {error}")))?;
            if whole.len() + chunk.len() > limit {
                let message = format!("body: longer than {limit} bytes");
                return Err(Fault::new(ErrorClass::TooLarge, message));
            }
            whole.extend_from_slice(&chunk);
        }
        Ok(whole.freeze())
    };
    let slow = |_| {
        let message = format!("body: not complete after {} s", BODY_TIMEOUT.as_secs());
        Fault::invalid(message).code("slow-body")
    };
    tokio::time::timeout(BODY_TIMEOUT, read).await.map_err(slow)?
}

fn invocation(
    cid: Cid,
    request: &HttpRequest,
    found: &Found,
    (raw, decoded, principal): (Bytes, Decoded, Option<Arc<Principal>>),
) -> Result<Request, Fault> {
    let settings = &found.route.settings;
    let path_params = path_params(found)?;
    let query: Vec<(String, String)> = match request.query_string() {
        "" => Vec::new(),
        text => serde_urlencoded::from_str(text)
            .map_err(|error| Fault::invalid(format!("query string: {error}")))?,
    };
    let deadline = deadline(settings.timeout_ms);
    // A path parameter beats one of the query: it is what the channel was mounted for.
    let params = query.iter().chain(&path_params).cloned().collect();
    let headers = request.headers().iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    let head = HttpHead {
        method: request.method().as_str().to_owned(),
        path: request.uri().path().to_owned(),
        query,
        path_params,
        headers: headers.collect(),
        remote: request.peer_addr().map(|peer| peer.to_string()),
    };
    let traceparent = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
    Ok(Request {
        cid,
        service: found.route.service.clone(),
        channel: ChannelKind::HttpSoap,
        data_format: settings.data_format,
        transport: Some(settings.transport),
        raw,
        payload: decoded.payload,
        params,
        params_first: settings.params_pri == Default::default(),
        input: None,
        http: Some(Arc::new(head)),
        principal,
        traceparent: traceparent.filter(|text| text.len() == 55).map(Into::into),
        deadline,
        depth: 0,
    })
}

fn deadline(timeout_ms: Option<u64>) -> Instant {
    clock::now() + Duration::from_millis(timeout_ms.unwrap_or(CHANNEL_TIMEOUT_MS))
}

/// Decodes the parameters of a pattern once, refusing what could name another path.
fn path_params(found: &Found) -> Result<Vec<(String, String)>, Fault> {
    let decode = |(name, value): &(String, String)| {
        let decoded = percent_decode_str(value)
            .decode_utf8()
            .map_err(|_| Fault::invalid(format!("path parameter {name:?} is not UTF-8")))?;
        if decoded.contains('\0') || decoded == ".." || (decoded.contains('/') && !value.contains('/')) {
            return Err(Fault::invalid(format!("path parameter {name:?} holds '/', '..' or a zero byte")));
        }
        Ok((name.clone(), decoded.into_owned()))
    };
    found.params.iter().map(decode).collect()
}

/// The SOAP action: the header of 1.1, or the parameter of the content type in 1.2; quotes do not count.
fn soap_action(request: &HttpRequest) -> &str {
    let text = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let header = text("SOAPAction");
    let parameter = || text("Content-Type")?.split("action=").nth(1)?.split(';').next();
    header.or_else(parameter).unwrap_or_default().trim().trim_matches('"')
}

pub(crate) fn answer(cid: Cid, encoded: Encoded) -> HttpResponse {
    let status = StatusCode::from_u16(encoded.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    let cid = cid.text();
    response.insert_header(("X-Busker-CID", cid.as_str())).insert_header(("X-Zato-CID", cid.as_str()));
    response.content_type(encoded.content_type);
    for (name, value) in &encoded.headers {
        response.append_header((name.as_str(), value.as_str()));
    }
    response.body(encoded.body)
}

/// The shape of errors of the API and of plain channels.
pub(crate) fn problem(fault: &Fault, cid: Cid) -> HttpResponse {
    answer(cid, respond(fault, cid, ErrorStyle::of(Default::default(), Transport::PlainHttp, None), false))
}
