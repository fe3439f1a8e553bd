//! The public API: every service over `POST /api/v1/services/<name>`, live events, metrics, health. Never without
//! credentials, but for the two health paths.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::{Data, Path, Payload as Body};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use busker_bus::health::Health;
use busker_kit::{Tree, clock};
use busker_model::{
    ChannelKind, Cid, DataFormat, ErrorClass, Fault, Payload, Principal, Reply, Request,
    ServiceName, Transport,
};
use busker_pipeline::{Binding, EncodeContext, ErrorStyle, decode, encode, params, respond};
use busker_services::Directory;
use busker_telemetry::Metrics;
use bytes::Bytes;
use futures::{StreamExt, stream};
use serde_json::json;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

use crate::answer::{answer, log, problem};
use crate::body::{self, BodyLimits};
use crate::feed::{Feed, Frame, TOPICS};
use crate::gatekeeper::Gatekeeper;
use crate::meter;
use crate::patience::Turns;
use crate::readiness::{Board, Readiness};

/// Longest body of an API call, in bytes: a package travels in one.
const MAX_BODY_BYTES: u64 = 64 * 1024 * 1024;
/// Longest time for an API call.
const CALL_TIMEOUT: Duration = Duration::from_secs(120);
/// Silence after which an event stream sends a comment, so that dead readers are found.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What the API reads.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    pub(crate) gatekeeper: Gatekeeper,
    pub(crate) directory: Directory,
    pub(crate) tree: Tree,
    pub(crate) feed: Feed,
    pub(crate) metrics: Metrics,
    pub(crate) board: Board,
    pub(crate) revision: watch::Receiver<i64>,
    /// How asynchronous invocations are.
    pub(crate) bus: Health,
    /// The OpenAPI document.
    pub(crate) openapi: Bytes,
    /// The admin services over SOAP.
    pub(crate) binding: Arc<Binding>,
    /// Whether the listener speaks TLS.
    pub(crate) is_secure: bool,
    /// Longest time for a body.
    pub(crate) body_time: Duration,
}

pub(crate) async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "alive" }))
}

pub(crate) async fn readyz(api: Data<Api>) -> HttpResponse {
    let readiness = api.board.get();
    let mut response: HttpResponseBuilder = if readiness == Readiness::Ready {
        HttpResponse::Ok()
    } else {
        HttpResponse::ServiceUnavailable()
    };
    response.json(json!({
        "state": readiness.as_str(),
        "revision": *api.revision.borrow(),
        "health": { "bus": api.bus.get().as_str() },
    }))
}

pub(crate) async fn openapi(request: HttpRequest, api: Data<Api>) -> HttpResponse {
    let cid = Cid::mint();
    match api.gatekeeper.principal(&request, cid).await {
        Ok(_) => HttpResponse::Ok()
            .content_type("application/json")
            .body(api.openapi.clone()),
        Err(fault) => problem(cid, &fault),
    }
}

pub(crate) async fn metrics(request: HttpRequest, api: Data<Api>) -> HttpResponse {
    let cid = Cid::mint();
    match api.gatekeeper.principal(&request, cid).await {
        Ok(_) => {
            let revision = *api.revision.borrow();
            let text = meter::scrape(&api.metrics, &api.directory, &api.tree, revision);
            HttpResponse::Ok()
                .content_type("text/plain; version=0.0.4; charset=utf-8")
                .body(text)
        }
        Err(fault) => problem(cid, &fault),
    }
}

pub(crate) async fn nothing(request: HttpRequest) -> HttpResponse {
    let path = request.uri().path();
    problem(
        Cid::mint(),
        &Fault::not_found(format!("the API has no {path:?}; see /api/v1/openapi.json")),
    )
}

/// The answer to a method that a path does not take.
pub(crate) fn wrong_method(request: &HttpRequest, allowed: &str) -> HttpResponse {
    let path = request.uri().path();
    let fault = Fault::invalid(format!("{path:?} takes {allowed} only")).code("method-not-allowed");
    let cid = Cid::mint();
    let mut encoded = respond(&fault, cid, ErrorStyle::Problem, false);
    encoded
        .headers
        .push(("Allow".to_owned(), allowed.to_owned()));
    answer(cid, encoded)
}

pub(crate) async fn call(
    request: HttpRequest,
    name: Path<String>,
    body: Body,
    api: Data<Api>,
) -> HttpResponse {
    let _turn = request.conn_data::<Rc<Turns>>().map(Turns::enter);
    let cid = Cid::mint();
    match api.invoke(&request, &name, body, cid).await {
        Ok(response) => response,
        Err(fault) => {
            log(cid, None, &name, &fault);
            problem(cid, &fault)
        }
    }
}

impl Api {
    async fn invoke(
        &self,
        request: &HttpRequest,
        name: &str,
        body: Body,
        cid: Cid,
    ) -> Result<HttpResponse, Fault> {
        let principal = self.gatekeeper.principal(request, cid).await?;
        let service = ServiceName::new(name).map_err(|error| Fault::invalid(error.to_string()))?;
        self.may(&principal, name)?;
        let raw = body::read(request, body, self.limits()).await?;
        let decoded = decode(DataFormat::Json, Transport::PlainHttp, &raw, None)?;
        let invocation = Invocation {
            cid,
            service,
            raw,
            payload: decoded.payload,
            principal: Arc::new(principal),
        };
        let entry = self.directory.get(name);
        let reply = self.run(invocation).await?;
        let context = EncodeContext {
            cid,
            format: DataFormat::Json,
            transport: Transport::PlainHttp,
            soap: None,
            sio: entry
                .as_ref()
                .and_then(|entry| entry.runner.definition().sio.as_ref()),
        };
        Ok(answer(cid, encode(context, reply)?))
    }

    /// Bounds of a body.
    pub(crate) fn limits(&self) -> BodyLimits {
        BodyLimits {
            bytes: MAX_BODY_BYTES,
            time: self.body_time,
        }
    }

    /// Whether the principal has the role that a service asks for; one that is not there asks for none.
    ///
    /// # Errors
    /// `Forbidden`, naming the role.
    pub(crate) fn may(&self, principal: &Principal, name: &str) -> Result<(), Fault> {
        let entry = self.directory.get(name);
        let needed = entry.map(|entry| entry.runner.definition().permission);
        if needed.is_some_and(|needed| principal.role.is_none_or(|role| role < needed)) {
            let message =
                format!("{name} needs the role {needed:?} or a stronger one; ask an admin for it");
            return Err(Fault::new(ErrorClass::Forbidden, message).code("role-needed"));
        }
        Ok(())
    }

    /// Runs a service.
    pub(crate) async fn run(&self, invocation: Invocation) -> Result<Reply, Fault> {
        let deadline = clock::now() + CALL_TIMEOUT;
        let mut request = Request::json(invocation.service, Bytes::new(), deadline);
        request.cid = invocation.cid;
        request.channel = ChannelKind::Api;
        request.raw = invocation.raw;
        request.payload = invocation.payload;
        request.principal = Some(invocation.principal);
        self.directory.call(request).await
    }
}

/// A call of the API that may be run.
pub(crate) struct Invocation {
    pub(crate) cid: Cid,
    pub(crate) service: ServiceName,
    pub(crate) raw: Bytes,
    pub(crate) payload: Payload,
    pub(crate) principal: Arc<Principal>,
}

/// What happens on this node, as it happens. A reader that falls behind, or comes back too late, is told to start over.
pub(crate) async fn events(request: HttpRequest, api: Data<Api>) -> HttpResponse {
    let cid = Cid::mint();
    if let Err(fault) = api.gatekeeper.principal(&request, cid).await {
        return problem(cid, &fault);
    }
    let topics = match topics(&request) {
        Ok(topics) => topics,
        Err(fault) => return problem(Cid::mint(), &fault),
    };
    let wanted = move |frame: &Frame| frame.topic == "lost" || topics.contains(&frame.topic);
    if let Some(turns) = request.conn_data::<Rc<Turns>>() {
        turns.stream();
    }
    let last = request
        .headers()
        .get("Last-Event-ID")
        .and_then(|value| value.to_str().ok());
    let (missed, live) = api.feed.join(last);
    let first = match missed {
        Some(frames) => {
            let frames = frames.into_iter().filter(&wanted);
            frames.map(|frame| frame.text).collect()
        }
        None => vec![resync()],
    };
    let opened = Bytes::from_static(b": connected\n\n");
    let earlier = stream::iter(std::iter::once(opened).chain(first));
    let later = stream::unfold((live, wanted), |(mut live, wanted)| async move {
        let text = loop {
            break match tokio::time::timeout(KEEP_ALIVE, live.recv()).await {
                Err(_) => Bytes::from_static(b": keep-alive\n\n"),
                Ok(Ok(frame)) if !wanted(&frame) => continue,
                Ok(Ok(frame)) => frame.text,
                Ok(Err(RecvError::Lagged(_))) => resync(),
                Ok(Err(RecvError::Closed)) => return None,
            };
        };
        Some((text, (live, wanted)))
    });
    // A node that is going down closes its streams, so that they do not hold up its listener.
    let board = api.board.clone();
    let ending = Box::pin(async move { board.ending().await });
    let body = earlier
        .chain(later)
        .take_until(ending)
        .map(Ok::<_, io::Error>);
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/event-stream"))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(body)
}

/// Topics that the reader asks for with `?topics=tree,event`; all of them unless it does.
fn topics(request: &HttpRequest) -> Result<Vec<&'static str>, Fault> {
    let pairs = params::read_pairs(request.query_string().as_bytes())?;
    let Some((_, asked)) = pairs.iter().find(|(name, _)| name == "topics") else {
        return Ok(TOPICS.to_vec());
    };
    asked
        .split(',')
        .map(|word| {
            let known = TOPICS.into_iter().find(|topic| *topic == word.trim());
            known.ok_or_else(|| {
                Fault::invalid(format!("topics: {word:?} is none of {}", TOPICS.join(", ")))
            })
        })
        .collect()
}

fn resync() -> Bytes {
    Bytes::from_static(b"event: resync\ndata: {}\n\n")
}
