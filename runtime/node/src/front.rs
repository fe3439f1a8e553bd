//! The HTTP front of channels: from a request on the wire to an answer, on the worker that accepted it.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Data, Payload as Body};
use actix_web::{HttpRequest, HttpResponse};
use busker_channels::{Found, Mount, Route};
use busker_connector_http::{ChannelSettings, ParamsPriority, SoapVersion as Wanted};
use busker_kit::clock;
use busker_model::invocation::HttpHead;
use busker_model::{
    ChannelKind, Cid, ErrorClass, Fault, Placement, Principal, Request, TraceParent, Transport,
};
use busker_pipeline::{
    Decoded, EncodeContext, Encoded, ErrorStyle, HeaderName, SoapVersion, decode, decode_soap,
    encode, encode_admin, respond,
};
use busker_pipeline::{params, wsdl};
use busker_security::{Definition, NonceBook, UsernameToken};
use busker_services::Directory;
use busker_telemetry::spans::{self, Span};
use bytes::Bytes;

use crate::answer::{answer, log};
use crate::body::{BodyLimits, Sent};
use crate::cluster::Membership;
use crate::credentials::{Credentials, replayed};
use crate::meter::Meter;
use crate::patience::Turns;
use crate::readiness::{Board, Readiness};
use crate::zato::{self, Face};

mod documents;
mod element;

pub(crate) use documents::Documents;

/// Longest time a channel waits for its service when neither sets a shorter one, in milliseconds.
const CHANNEL_TIMEOUT_MS: u64 = 3_600_000;
/// Seconds a caller is told to wait for a service that is not there, or a node that takes no traffic.
const RETRY_AFTER_S: u32 = 5;

/// What the front reads.
#[derive(Debug, Clone)]
pub(crate) struct Front {
    pub(crate) mount: Mount,
    pub(crate) directory: Directory,
    pub(crate) board: Board,
    pub(crate) meter: Meter,
    /// Bounds of bodies; a channel may set another length.
    pub(crate) limits: BodyLimits,
    /// What was used once and must not be used again.
    pub(crate) nonces: Arc<dyn NonceBook>,
    /// The cluster, for channels that one node at a time serves; a node that is alone serves them.
    pub(crate) membership: Option<Membership>,
    /// WSDL of channels.
    pub(crate) documents: Documents,
    /// Zato's endpoints, when they are on this listener; they go before every channel.
    pub(crate) zato: Option<Face>,
}

/// What of a request is known before its body is read.
struct Arrival<'a> {
    cid: Cid,
    request: &'a HttpRequest,
    found: &'a Found,
    /// Version of the SOAP envelope, as soon as it can be told.
    soap: Option<SoapVersion>,
    /// What the caller's trace sees of it.
    span: Span,
}

pub(crate) async fn serve(request: HttpRequest, body: Body, front: Data<Front>) -> HttpResponse {
    let _turn = request.conn_data::<Rc<Turns>>().map(Turns::enter);
    if let Some(face) = &front.zato
        && zato::is_below(request.uri().path())
    {
        return zato::serve(&request, body, face).await;
    }
    let cid = Cid::mint();
    let started = clock::now();
    let encoded = match front.document(&request, cid).await {
        Some(document) => document,
        None => {
            front
                .route(&request, Sent::Coming(body), cid, started)
                .await
        }
    };
    front.meter.answered(encoded.status, micros_since(started));
    answer(cid, encoded)
}

pub(crate) fn sent_traceparent(request: &HttpRequest) -> Option<&str> {
    let header = request.headers().get("traceparent")?;
    header.to_str().ok()
}

/// The span is named after the channel's path: the paths of requests are without number.
fn begin(request: &HttpRequest, found: &Found, cid: Cid) -> Span {
    let route = &found.route;
    let name = || format!("{} {}", request.method(), route.settings.url_path);
    let mut span = spans::start(spans::Role::Server, sent_traceparent(request), name);
    if span.traceparent().is_some() {
        span.note("busker.cid", cid.to_string());
        span.note("busker.channel", route.name.clone());
        span.note("http.request.method", request.method().to_string());
    }
    span
}

pub(crate) fn micros_since(started: Instant) -> u64 {
    let took = clock::now().saturating_duration_since(started);
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

impl Front {
    async fn route(
        &self,
        request: &HttpRequest,
        mut sent: Sent,
        cid: Cid,
        started: Instant,
    ) -> Encoded {
        let path = request.uri().path();
        let Some(mut found) = self.mount.find(path, soap_action(request)) else {
            let fault = Fault::not_found(format!("no channel is mounted on {path:?}"));
            return respond(&fault, cid, ErrorStyle::Problem, false);
        };
        if !found.rivals.is_empty() {
            match self.settle(request, found, sent).await {
                Ok(settled) => (found, sent) = settled,
                Err((fault, version)) => {
                    log(cid, None, "", &fault);
                    return respond(&fault, cid, ErrorStyle::Soap(version), false);
                }
            }
        }
        let arrival = Arrival {
            cid,
            request,
            found: &found,
            soap: None,
            span: begin(request, &found, cid),
        };
        self.answer(arrival, sent, started).await
    }

    async fn answer(&self, mut arrival: Arrival<'_>, sent: Sent, started: Instant) -> Encoded {
        let route = &arrival.found.route;
        let encoded = match self.handle(&mut arrival, sent).await {
            Ok(encoded) => encoded,
            Err(fault) => {
                log(
                    arrival.cid,
                    Some(&route.name),
                    route.service.as_str(),
                    &fault,
                );
                let settings = &route.settings;
                let style = ErrorStyle::of(settings.data_format, settings.transport, arrival.soap);
                let mut encoded = respond(&fault, arrival.cid, style, settings.expose_tracebacks);
                if let (405, Some(method)) = (encoded.status, &settings.method) {
                    encoded.headers.push(("Allow".to_owned(), method.clone()));
                }
                encoded
            }
        };
        arrival
            .span
            .note("http.response.status_code", i64::from(encoded.status));
        if encoded.status >= 500 {
            arrival.span.failed(encoded.status);
        }
        route
            .stats
            .answered(micros_since(started), encoded.status < 400);
        encoded
    }

    async fn handle(&self, arrival: &mut Arrival<'_>, sent: Sent) -> Result<Encoded, Fault> {
        let (route, request) = (&arrival.found.route, arrival.request);
        let settings = &route.settings;
        let content_type = content_type(request);
        if settings.transport == Transport::Soap {
            arrival.soap = Some(SoapVersion::guess(&[], content_type));
        }
        self.admit(route, request)?;
        // Who comes without credentials costs no more than this, unless they are in the body.
        let reads_body = route.security.as_ref().is_some_and(Definition::reads_body);
        let early = if reads_body {
            None
        } else {
            self.authenticate(arrival, None).await?
        };
        let _permit = match &route.gate {
            Some(gate) => Some(
                gate.try_enter()
                    .map_err(|_| Fault::busy("this channel has all its permits in use", 1))?,
            ),
            None => None,
        };
        let limits = BodyLimits {
            bytes: settings.max_body_bytes.unwrap_or(self.limits.bytes),
            ..self.limits
        };
        let raw = sent.whole(request, limits).await?;
        let mut decoded = match settings.transport {
            Transport::Soap => {
                arrival.soap = Some(SoapVersion::guess(&raw, content_type));
                decode_soap(&raw, content_type, understood(reads_body))?
            }
            Transport::PlainHttp => {
                decode(settings.data_format, settings.transport, &raw, content_type)?
            }
        };
        arrival.soap = decoded.soap.or(arrival.soap);
        let principal = if reads_body {
            self.authenticate(arrival, decoded.token.as_ref()).await?
        } else {
            early
        };
        takes_version(settings, decoded.soap)?;
        let element = decoded.element.take();
        let invocation = invocation(arrival, raw, decoded, principal)?;
        let reply = if settings.cancel_on_disconnect {
            self.directory.call_attached(invocation).await?
        } else {
            self.directory.call(invocation).await?
        };
        let service = route.service.as_str();
        let entry = self.directory.get(service);
        let declared = entry
            .as_ref()
            .and_then(|entry| entry.runner.definition().sio.as_ref());
        let sio = declared.map(|sio| wsdl::answering(service, sio, element.as_ref()));
        let context = EncodeContext {
            cid: arrival.cid,
            format: settings.data_format,
            transport: settings.transport,
            soap: arrival.soap,
            sio: sio.as_deref(),
        };
        if busker_zato::is_zatos(route.service.as_str()) {
            return encode_admin(context, reply);
        }
        encode(context, reply)
    }

    /// Who is asking, and whether they may ask again already: a request without the right credentials counts for no limit.
    async fn authenticate(
        &self,
        arrival: &Arrival<'_>,
        token: Option<&UsernameToken>,
    ) -> Result<Option<Arc<Principal>>, Fault> {
        let (route, request) = (&arrival.found.route, arrival.request);
        let mut principal = None;
        if let Some(definition) = &route.security {
            let shown = Credentials { request, token };
            let verified = busker_security::verify(definition, &shown)?;
            if let Some(once) = verified.once
                && !self.nonces.claim(once).await?
            {
                return Err(replayed());
            }
            principal = Some(verified.principal);
        }
        for limiter in &route.limiters {
            limiter.admit().await?;
        }
        Ok(principal)
    }

    /// Whether the node, the channel and its service take requests at all.
    fn admit(&self, route: &Route, request: &HttpRequest) -> Result<(), Fault> {
        self.is_open(route)?;
        if route.settings.placement == Placement::Singleton {
            self.has_role(&route.name)?;
        }
        if let Some(method) = &route.settings.method
            && method != request.method().as_str()
        {
            let message = format!("channel {:?} takes {method} only", route.name);
            return Err(Fault::invalid(message).code("method-not-allowed"));
        }
        if self.directory.get(route.service.as_str()).is_none() {
            return Err(waiting(route));
        }
        Ok(())
    }

    /// Whether an operator lets the node and the channel take requests.
    fn is_open(&self, route: &Route) -> Result<(), Fault> {
        self.is_on_traffic()?;
        if let Some(shut) = route.shut {
            let message = format!("channel {:?} {}", route.name, shut.words());
            return Err(away(message).code(shut.code()));
        }
        Ok(())
    }

    fn is_on_traffic(&self) -> Result<(), Fault> {
        if self.board.get() == Readiness::Standby {
            return Err(away("this node is off traffic").code("standby"));
        }
        Ok(())
    }

    /// Whether this node is the one that serves singletons.
    fn has_role(&self, channel: &str) -> Result<(), Fault> {
        let Some(membership) = &self.membership else {
            return Ok(());
        };
        if membership.role.epoch().is_some() {
            return Ok(());
        }
        let there = membership.role_holder();
        let there = there.map_or_else(
            || "no node at the moment".to_owned(),
            |node| format!("node {node}, which holds the role"),
        );
        Err(away(format!("channel {channel:?} is served by {there}")).code("served-elsewhere"))
    }
}

/// A state that passes: the caller is told to come back.
pub(crate) fn away(message: impl Into<Box<str>>) -> Fault {
    let mut fault = Fault::new(ErrorClass::Unavailable, message);
    fault.detail_mut().retry_after_s = Some(RETRY_AFTER_S);
    fault
}

fn waiting(route: &Route) -> Fault {
    let message = format!(
        "service {:?} is not deployed on this node",
        route.service.as_str()
    );
    away(message).code("waiting-for-service")
}

/// A channel may be for one version of SOAP only.
fn takes_version(settings: &ChannelSettings, sent: Option<SoapVersion>) -> Result<(), Fault> {
    let wanted = version_of(settings);
    if wanted.is_none() || sent == wanted {
        return Ok(());
    }
    let words = match wanted {
        Some(SoapVersion::V12) => "1.2",
        Some(SoapVersion::V11) | None => "1.1",
    };
    let message = format!("Envelope: this channel takes SOAP {words} only");
    Err(Fault::invalid(message).code("version-mismatch"))
}

/// Header blocks that a channel acts on, so that they may be marked as to be understood.
const fn understood(reads_body: bool) -> &'static [HeaderName] {
    if reads_body {
        &[HeaderName::SECURITY]
    } else {
        &[]
    }
}

/// The one version a channel takes.
fn version_of(settings: &ChannelSettings) -> Option<SoapVersion> {
    settings.soap_version.map(|version| match version {
        Wanted::V11 => SoapVersion::V11,
        Wanted::V12 => SoapVersion::V12,
    })
}

fn invocation(
    arrival: &Arrival<'_>,
    raw: Bytes,
    decoded: Decoded,
    principal: Option<Arc<Principal>>,
) -> Result<Request, Fault> {
    let (request, route) = (arrival.request, &arrival.found.route);
    let settings = &route.settings;
    let path_params = params::read_path(&arrival.found.params)?;
    let mut query = match request.query_string() {
        "" => Vec::new(),
        text => params::read_pairs(text.as_bytes())
            .map_err(|fault| Fault::invalid(format!("query string: {}", fault.message)))?,
    };
    let secret = route
        .security
        .as_ref()
        .and_then(Definition::secret_parameter);
    if let Some(secret) = secret {
        query.retain(|(name, _)| name != secret);
    }
    let traceparent = || {
        TraceParent::enter(sent_traceparent(request))
            .to_string()
            .into()
    };
    let timeout = Duration::from_millis(settings.timeout_ms.unwrap_or(CHANNEL_TIMEOUT_MS));
    Ok(Request {
        cid: arrival.cid,
        service: route.service.clone(),
        channel: ChannelKind::HttpSoap,
        data_format: settings.data_format,
        transport: Some(settings.transport),
        raw,
        payload: decoded.payload,
        params: params::merge(&query, &path_params, settings.url_params_pri),
        params_first: settings.params_pri == ParamsPriority::ChannelParamsOverMsg,
        input: None,
        http: Some(Arc::new(head(request, query, path_params))),
        principal,
        traceparent: Some(arrival.span.traceparent().unwrap_or_else(traceparent)),
        deadline: clock::now() + timeout,
        job: None,
        depth: 0,
    })
}

fn head(
    request: &HttpRequest,
    query: Vec<(String, String)>,
    path_params: Vec<(String, String)>,
) -> HttpHead {
    let headers = request.headers().iter().map(|(name, value)| {
        (
            name.as_str().to_owned(),
            String::from_utf8_lossy(value.as_bytes()).into_owned(),
        )
    });
    HttpHead {
        method: request.method().as_str().to_owned(),
        path: request.uri().path().to_owned(),
        query,
        path_params,
        headers: headers.collect(),
        remote: request.peer_addr().map(|peer| peer.to_string()),
    }
}

fn content_type(request: &HttpRequest) -> Option<&str> {
    request.headers().get(CONTENT_TYPE)?.to_str().ok()
}

/// The SOAP action: the header of 1.1, or the parameter of the content type in 1.2; quotes do not count.
pub(crate) fn soap_action(request: &HttpRequest) -> &str {
    let text = |name: &str| {
        request
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let header = text("SOAPAction");
    let parameter = || {
        text("Content-Type")?
            .split("action=")
            .nth(1)?
            .split(';')
            .next()
    };
    header
        .or_else(parameter)
        .unwrap_or_default()
        .trim()
        .trim_matches('"')
}
