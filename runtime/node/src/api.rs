//! The public API: every service over `POST /api/v1/services/<name>`, live events, health. Never without credentials,
//! but for the two health paths.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{self, Data, Path, Payload as Body};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use busker_kit::{Tree, clock};
use busker_model::{
    ChannelKind, Cid, DataFormat, ErrorClass, Fault, Principal, Request, Secret, ServiceName, Transport,
};
use busker_odb::{Odb, Passwords};
use busker_pipeline::{EncodeContext, decode, encode};
use busker_services::Directory;
use bytes::Bytes;
use futures::stream;
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

use crate::config::Listener;
use crate::front::{DRAIN_S, HEAD_TIMEOUT, answer, problem, read_body};

/// Longest body of an API call, in bytes: a package travels in one.
const MAX_BODY_BYTES: u64 = 64 * 1024 * 1024;
/// Longest time for an API call.
const CALL_TIMEOUT: Duration = Duration::from_secs(120);
/// Silence after which an event stream sends a comment, so that dead readers are found.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What the API reads.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    pub(crate) odb: Odb,
    pub(crate) passwords: Passwords,
    pub(crate) directory: Directory,
    pub(crate) tree: Tree,
    pub(crate) revision: watch::Receiver<i64>,
}

pub(crate) fn open(listener: &Listener, api: Api) -> io::Result<actix_web::dev::Server> {
    let server = HttpServer::new(move || {
        App::new()
            .app_data(Data::new(api.clone()))
            .route("/healthz", web::get().to(healthz))
            .route("/readyz", web::get().to(readyz))
            .route("/api/v1/events", web::get().to(events))
            .route("/api/v1/services/{name}", web::post().to(call))
            .default_service(web::to(nothing))
    });
    let server = server
        .workers(listener.workers)
        .max_connections(listener.max_connections)
        .client_request_timeout(HEAD_TIMEOUT)
        .shutdown_timeout(DRAIN_S)
        .disable_signals();
    Ok(server.bind(listener.listen)?.run())
}

async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "alive" }))
}

async fn readyz(api: Data<Api>) -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "ready", "revision": *api.revision.borrow() }))
}

async fn nothing(request: HttpRequest) -> HttpResponse {
    problem(&Fault::not_found(format!("the API has no {:?}", request.path())), Cid::mint())
}

async fn call(request: HttpRequest, name: Path<String>, body: Body, api: Data<Api>) -> HttpResponse {
    let cid = Cid::mint();
    match invoke(&api, &request, &name, body, cid).await {
        Ok(response) => response,
        Err(fault) => {
            if fault.class == ErrorClass::Internal {
                tracing::error!(%cid, service = %name, "{fault:?}");
            }
            problem(&fault, cid)
        }
    }
}

async fn invoke(
    api: &Api,
    request: &HttpRequest,
    name: &str,
    body: Body,
    cid: Cid,
) -> Result<HttpResponse, Fault> {
    let principal = api.principal(request).await?;
    let service = ServiceName::new(name).map_err(|error| Fault::invalid(error.to_string()))?;
    let entry = api.directory.get(name);
    let needed = entry.as_ref().map(|entry| entry.runner.definition().permission);
    if needed.is_some_and(|needed| principal.role.is_none_or(|role| role < needed)) {
        return Err(Fault::new(ErrorClass::Forbidden, format!("this service needs the role {needed:?} or higher")));
    }
    let raw = read_body(body, MAX_BODY_BYTES).await?;
    let decoded = decode(DataFormat::Json, Transport::PlainHttp, &raw, None)?;
    let mut invocation = Request::json(service, Bytes::new(), clock::now() + CALL_TIMEOUT);
    invocation.cid = cid;
    invocation.channel = ChannelKind::Api;
    invocation.raw = raw;
    invocation.payload = decoded.payload;
    invocation.principal = Some(Arc::new(principal));
    let reply = api.directory.call(invocation).await?;
    let context = EncodeContext {
        cid,
        format: DataFormat::Json,
        transport: Transport::PlainHttp,
        soap: None,
        sio: entry.as_ref().and_then(|entry| entry.runner.definition().sio.as_ref()),
    };
    Ok(answer(cid, encode(context, reply)?))
}

impl Api {
    /// Who is asking: a bearer token, or a user with Basic Auth.
    async fn principal(&self, request: &HttpRequest) -> Result<Principal, Fault> {
        let wrong = || {
            let mut fault = Fault::new(ErrorClass::Unauthenticated, "a bearer token or a user with Basic Auth is needed");
            fault.detail_mut().realm = Some("Busker API".to_owned());
            fault
        };
        let sent = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok()).ok_or_else(wrong)?;
        let (scheme, rest) = sent.split_once(' ').ok_or_else(wrong)?;
        if scheme.eq_ignore_ascii_case("bearer") {
            let token = self.odb.tokens().verify(&Secret::new(rest.trim())).await?.ok_or_else(wrong)?;
            return Ok(Principal { name: token.principal, role: Some(token.role) });
        }
        let decoded = STANDARD.decode(rest.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let decoded = decoded.filter(|_| scheme.eq_ignore_ascii_case("basic")).ok_or_else(wrong)?;
        let (name, password) = decoded.split_once(':').ok_or_else(wrong)?;
        let stored = self.odb.users().password_hash(name).await?;
        let right = self.passwords.verify(name, &Secret::new(password), stored.as_deref()).await?;
        if !right {
            return Err(wrong());
        }
        let user = self.odb.users().get(name).await?;
        Ok(Principal { name: user.name, role: Some(user.role) })
    }
}

/// Supervision reports as they happen. A reader that falls behind loses the oldest and is told how many.
async fn events(request: HttpRequest, api: Data<Api>) -> HttpResponse {
    if let Err(fault) = api.principal(&request).await {
        return problem(&fault, Cid::mint());
    }
    let snapshot = json!({ "actors": api.tree.snapshot(None, 1000), "counts": api.tree.counts() });
    let first = Bytes::from(format!("event: tree\ndata: {snapshot}\n\n"));
    let reports = api.tree.subscribe();
    let body = stream::unfold((Some(first), reports), |(first, mut reports)| async move {
        if let Some(first) = first {
            return Some((Ok::<_, io::Error>(first), (None, reports)));
        }
        let text = match tokio::time::timeout(KEEP_ALIVE, reports.recv()).await {
            Err(_) => ": alive\n\n".to_owned(),
            Ok(Ok(report)) => format!("event: event\ndata: {}\n\n", json!(*report)),
            Ok(Err(RecvError::Lagged(lost))) => format!("event: lost\ndata: {{\"events\":{lost}}}\n\n"),
            Ok(Err(RecvError::Closed)) => return None,
        };
        Some((Ok(Bytes::from(text)), (None, reports)))
    });
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .streaming(body)
}
