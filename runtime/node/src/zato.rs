//! Zato's endpoints on a listener of the node: from a request below `/zato/` to an answer in Zato's shape.
//!
//! What each path stands for is in `busker_zato::door`; the services behind them are in the directory like any other. Who
//! comes by a security definition acts as an admin, but brings no code in unless `busker.toml` says so.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::{Data, Payload as Body};
use actix_web::{HttpRequest, HttpResponse};
use busker_channels::{Guard, Known};
use busker_connector::Settings;
use busker_kit::clock;
use busker_model::invocation::Role;
use busker_model::{
    ChannelKind, Cid, ErrorClass, Family, Fault, ObjectKey, Principal, Request, ServiceName,
    TraceParent, Transport,
};
use busker_pipeline::{
    Decoded, EncodeContext, Encoded, ErrorStyle, HeaderName, SoapVersion, decode, decode_soap,
    encode_admin, params, respond,
};
use busker_security::{BasicAuthSettings, NonceBook, UsernameToken, WssSettings};
use busker_services::Directory;
use busker_zato::door::{self, AsksFor, Door};
use bytes::Bytes;

use crate::answer::{answer, log};
use crate::body::{self, BodyLimits};
use crate::config::ZatoFace;
use crate::credentials::{Credentials, replayed};
use crate::front::{away, micros_since, sent_traceparent, soap_action};
use crate::meter::Meter;
use crate::node::Node;
use crate::patience::Turns;
use crate::ports::Nonces;
use crate::readiness::{Board, Readiness};

/// Longest time for a request.
const TIMEOUT: Duration = Duration::from_secs(120);
/// Realm of the challenge where a definition is not there to name its own.
const REALM: &str = "Zato";

/// Who reads by an endpoint that is open to anyone.
const READER: &str = "zato.wsdl";

/// What the endpoints read.
#[derive(Debug, Clone)]
pub(crate) struct Face {
    known: Known,
    /// What was used once and must not be used again.
    nonces: Arc<dyn NonceBook>,
    directory: Directory,
    board: Board,
    meter: Meter,
    limits: BodyLimits,
    /// Whether who comes by them may bring code in.
    deploys: bool,
}

impl Face {
    /// The endpoints, if they belong on that listener.
    pub(crate) fn on(node: &Node, listener: ZatoFace) -> Option<Self> {
        let config = &node.ground.config;
        (config.node.zato_face == listener).then(|| Self {
            known: node.ground.known.clone(),
            nonces: Arc::new(Nonces(node.ground.odb.clone())),
            directory: node.ground.directory.clone(),
            board: node.ground.board.clone(),
            meter: Meter::new(&node.ground.metrics),
            limits: BodyLimits {
                bytes: config.limits.body_bytes,
                time: Duration::from_millis(config.limits.body_timeout_ms),
            },
            deploys: config.node.zato_face_deploys,
        })
    }
}

/// Whether a path is one of Zato's, or would be.
pub(crate) fn is_below(path: &str) -> bool {
    path.starts_with(door::BELOW)
}

/// Serves a request on the listener of the API.
pub(crate) async fn serve_admin(
    request: HttpRequest,
    body: Body,
    face: Data<Face>,
) -> HttpResponse {
    let _turn = request.conn_data::<Rc<Turns>>().map(Turns::enter);
    serve(&request, body, &face).await
}

pub(crate) async fn serve(request: &HttpRequest, body: Body, face: &Face) -> HttpResponse {
    let (cid, started) = (Cid::mint(), clock::now());
    let (path, action) = (request.uri().path(), soap_action(request));
    let found = door::find(path, action);
    let mut soap = None;
    let outcome = match &found {
        Some(door) => face.handle(cid, request, body, (door, &mut soap)).await,
        None => Err(Fault::not_found(door::nothing(path, action))),
    };
    let encoded = outcome.unwrap_or_else(|fault| {
        let (style, service) = match &found {
            Some(door) => (door.errors(soap), door.service),
            None => (ErrorStyle::ZatoText, path),
        };
        log(cid, Some("zato"), service, &fault);
        respond(&busker_zato::in_zatos_words(fault), cid, style, false)
    });
    told(face, &encoded, started);
    answer(cid, encoded)
}

fn told(face: &Face, encoded: &Encoded, started: Instant) {
    face.meter.answered(encoded.status, micros_since(started));
}

impl Face {
    async fn handle(
        &self,
        cid: Cid,
        request: &HttpRequest,
        body: Body,
        (door, soap): (&Door<'_>, &mut Option<SoapVersion>),
    ) -> Result<Encoded, Fault> {
        if self.board.get() == Readiness::Standby {
            return Err(away("this node is off traffic").code("standby"));
        }
        let guard = self.guard(door)?;
        let reads_body = guard
            .as_ref()
            .is_some_and(|guard| guard.definition.reads_body());
        // Who comes without credentials costs no more than this, unless they are in the body.
        let early = if reads_body {
            None
        } else {
            self.admit(door, guard.as_ref(), shown(request, None))
                .await?
        };
        let Some(entry) = self.directory.get(door.service) else {
            let path = request.uri().path();
            return Err(Fault::not_found(door::nothing(path, door.service)));
        };
        let raw = body::read(request, body, self.limits).await?;
        let decoded = decoded(door, request, &raw, soap)?;
        let principal = if reads_body {
            let shown = shown(request, decoded.token.as_ref());
            self.admit(door, guard.as_ref(), shown).await?
        } else {
            early
        };
        let mut invocation = invocation(door, request, raw, decoded)?;
        invocation.cid = cid;
        invocation.principal = principal;
        let mut reply = self.directory.call(invocation).await?;
        if door.is_file {
            reply = busker_zato::as_file(reply)?;
        }
        let context = EncodeContext {
            cid,
            format: door.format,
            transport: door.transport,
            soap: *soap,
            sio: entry.runner.definition().sio.as_ref(),
        };
        encode_admin(context, reply)
    }

    /// What stands in front of an endpoint; `None` where anyone may come.
    fn guard(&self, door: &Door<'_>) -> Result<Option<Guard>, Fault> {
        let (kind, name) = match door.asks_for {
            AsksFor::Nothing | AsksFor::Reading => return Ok(None),
            AsksFor::BasicAuth(name) => (BasicAuthSettings::KIND, name),
            AsksFor::Wss(name) => (WssSettings::KIND, name),
        };
        let key = ObjectKey {
            family: Family::Security,
            group: kind.to_owned(),
            name: name.to_owned(),
        };
        self.known.get(&key).map(Some).ok_or_else(unguarded)
    }

    /// Who comes, with the role of an admin, and whether he may come again already.
    async fn admit(
        &self,
        door: &Door<'_>,
        guard: Option<&Guard>,
        shown: Credentials<'_>,
    ) -> Result<Option<Arc<Principal>>, Fault> {
        let Some(guard) = guard else {
            let reads = door.asks_for == AsksFor::Reading;
            let reader = || Arc::new(Principal::new(READER, Some(Role::Viewer)));
            return Ok(reads.then(reader));
        };
        let verified = busker_security::verify(&guard.definition, &shown)?;
        if let Some(once) = verified.once
            && !self.nonces.claim(once).await?
        {
            return Err(replayed());
        }
        if let Some(limiter) = &guard.limiter {
            limiter.admit().await?;
        }
        let name = verified.principal.name.clone();
        let mut principal = Principal::new(name, Some(Role::Admin));
        principal.barred_from_code = !self.deploys;
        Ok(Some(Arc::new(principal)))
    }
}

const fn shown<'a>(request: &'a HttpRequest, token: Option<&'a UsernameToken>) -> Credentials<'a> {
    Credentials { request, token }
}

fn decoded(
    door: &Door<'_>,
    request: &HttpRequest,
    raw: &Bytes,
    soap: &mut Option<SoapVersion>,
) -> Result<Decoded, Fault> {
    let content_type = request.headers().get(CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    if door.transport == Transport::PlainHttp {
        return decode(door.format, door.transport, raw, content_type);
    }
    *soap = Some(SoapVersion::guess(raw, content_type));
    let understood: &[_] = if matches!(door.asks_for, AsksFor::Wss(_)) {
        &[HeaderName::SECURITY]
    } else {
        &[]
    };
    let decoded = decode_soap(raw, content_type, understood)?;
    *soap = decoded.soap.or(*soap);
    Ok(decoded)
}

fn invocation(
    door: &Door<'_>,
    request: &HttpRequest,
    raw: Bytes,
    decoded: Decoded,
) -> Result<Request, Fault> {
    let service =
        ServiceName::new(door.service).map_err(|error| Fault::invalid(error.to_string()))?;
    let params = match request.query_string() {
        text if door.is_file => params::read_pairs(text.as_bytes())?,
        _ => Vec::new(),
    };
    let traceparent = TraceParent::enter(sent_traceparent(request)).to_string();
    Ok(Request {
        channel: ChannelKind::HttpSoap,
        data_format: door.format,
        transport: Some(door.transport),
        raw,
        payload: decoded.payload,
        params,
        traceparent: Some(traceparent.into()),
        ..Request::json(service, Bytes::new(), clock::now() + TIMEOUT)
    })
}

/// The refusal where nobody can come, since the definition is missing or inactive.
fn unguarded() -> Fault {
    let message = "Credentials are needed, and there is no security definition to check them by";
    let mut fault = Fault::new(ErrorClass::Unauthenticated, message);
    fault.detail_mut().realm = Some(REALM.to_owned());
    fault
}
