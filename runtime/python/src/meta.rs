//! The JSON in frames, as types, and its translation to and from the model.

use busker_model::invocation::{LocalCall, ReplyBody, Role};
use busker_model::object::Violation;
use busker_model::sio::SimpleIo;
use busker_model::{
    Delivery, ErrorClass, Exception, Fault, Origin, Reply, ServiceDefinition, ServiceLimits,
    ServiceName, Side, SourceFrame,
};
use serde::{Deserialize, Serialize};

use crate::config::Limits;
use crate::frame::{Frame, FrameError};

/// HELLO.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Hello {
    pub(crate) proto: u32,
    pub(crate) pid: i32,
    pub(crate) python: String,
    pub(crate) executable: String,
    pub(crate) scheduler: String,
}

/// WELCOME.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Welcome<'a> {
    pub(crate) window: u32,
    pub(crate) max_frame_bytes: usize,
    pub(crate) switch_interval_ms: u32,
    pub(crate) rlimits: Limits,
    pub(crate) node: &'a str,
    pub(crate) pool: &'a str,
    pub(crate) worker: &'a str,
    pub(crate) log_level: &'a str,
}

/// One file in DEPLOY and VERIFY; its bytes are in the body.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct FileEntry<'a> {
    pub(crate) path: &'a str,
    pub(crate) size: usize,
    pub(crate) package: i64,
    #[serde(rename = "static")]
    pub(crate) is_static: bool,
}

/// DEPLOY and VERIFY.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Files<'a> {
    pub(crate) files: Vec<FileEntry<'a>>,
}

/// DEPLOYED.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Deployed {
    pub(crate) services: Vec<DeployedService>,
}

/// A service as its worker publishes it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(crate) struct DeployedService {
    pub(crate) name: String,
    pub(crate) impl_name: String,
    #[serde(default)]
    pub(crate) doc: Option<String>,
    #[serde(default)]
    pub(crate) file: Option<String>,
    #[serde(default)]
    pub(crate) package: Option<i64>,
    #[serde(default)]
    pub(crate) pool: Option<String>,
    #[serde(default)]
    pub(crate) sio: Option<SimpleIo>,
    #[serde(default)]
    pub(crate) timeout_ms: Option<u64>,
    #[serde(default)]
    pub(crate) max_concurrency: Option<u32>,
    #[serde(default)]
    pub(crate) idempotent: bool,
    #[serde(default)]
    pub(crate) delivery: Option<Delivery>,
    #[serde(default)]
    pub(crate) isolate: bool,
}

impl DeployedService {
    /// The pool it runs in: its own when it asks to be isolated.
    pub(crate) fn pool_name(&self) -> String {
        if self.isolate {
            return format!("isolated-{}", self.name);
        }
        self.pool
            .clone()
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| DEFAULT_POOL.to_owned())
    }

    /// What the node keeps of it.
    ///
    /// # Errors
    /// `Invalid` for a name that no service may have.
    pub(crate) fn definition(&self, generation: u64) -> Result<ServiceDefinition, Fault> {
        let name =
            ServiceName::new(&self.name).map_err(|error| Fault::invalid(error.to_string()))?;
        let origin = Origin::Python {
            package: self.package.unwrap_or_default(),
            file: self.file.clone().unwrap_or_default(),
            pool: self.pool_name(),
        };
        let mut definition = ServiceDefinition::new(name, self.impl_name.clone(), origin);
        definition.doc = self.doc.clone().unwrap_or_default();
        definition.sio.clone_from(&self.sio);
        definition.limits = ServiceLimits {
            timeout_ms: self.timeout_ms,
            max_concurrency: self.max_concurrency,
        };
        definition.delivery = self.delivery.unwrap_or_default();
        definition.idempotent = self.idempotent;
        definition.generation = generation;
        definition.permission = Role::Operator;
        Ok(definition)
    }
}

/// Pool of services that name none.
pub(crate) const DEFAULT_POOL: &str = "default";

/// The error object, in both directions.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct ErrorObject {
    #[serde(rename = "type", default)]
    pub(crate) kind: String,
    #[serde(default)]
    pub(crate) message: String,
    #[serde(default)]
    pub(crate) frames: Vec<(String, u32, String, String)>,
    #[serde(default)]
    pub(crate) cause: Option<Box<Self>>,
    #[serde(default)]
    pub(crate) service: Option<String>,
    #[serde(default)]
    pub(crate) class: Option<ErrorClass>,
    /// HTTP status that the class alone does not tell: in ERR when the service raised an error that has one, in CALLERR
    /// so that a service which passes the error on answers with the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    #[serde(default)]
    pub(crate) retry: bool,
    #[serde(default)]
    pub(crate) violations: Vec<Violation>,
    /// File at fault, in DEPLOYFAIL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<String>,
    /// In ERR: nested calls in the worker, as in RES.
    #[serde(default, skip_serializing)]
    pub(crate) local: Vec<LocalEntry>,
}

impl ErrorObject {
    /// The exception it carries.
    pub(crate) fn exception(self) -> Exception {
        let frame = |(file, line, function, source)| SourceFrame {
            file,
            line,
            function,
            source,
        };
        Exception {
            kind: self.kind,
            message: self.message,
            frames: self.frames.into_iter().map(frame).collect(),
            cause: self.cause.map(|cause| Box::new(cause.exception())),
            service: self.service.filter(|name| !name.is_empty()),
        }
    }

    /// The fault of a service that raised it. An unforeseen exception keeps its text for the log.
    pub(crate) fn fault(mut self, service: &str) -> Fault {
        let class = self.class.unwrap_or(ErrorClass::Internal);
        let mut fault = if class == ErrorClass::Internal {
            Fault::internal(format!("service {service} failed with {}", self.kind))
        } else {
            Fault::new(class, self.message.as_str())
        };
        match self.status {
            Some(405) => fault = fault.code("method-not-allowed"),
            Some(429) => fault = fault.code("rate-limited"),
            // "Bad gateway": the service speaks of the system behind it.
            Some(502) => fault.side = Side::Remote,
            Some(_) | None => {}
        }
        fault.retry = self.retry || fault.retry;
        let detail = fault.detail_mut();
        detail.status = self.status;
        detail.violations = std::mem::take(&mut self.violations);
        detail.local_calls = local_calls(std::mem::take(&mut self.local));
        fault.exception(self.exception())
    }

    /// What a service that called the node is told.
    pub(crate) fn of(fault: &Fault) -> Self {
        let detail = fault.detail.as_deref();
        let mut object = detail
            .and_then(|detail| detail.exception.as_ref())
            .map_or_else(
                || Self {
                    kind: exception_of(fault).to_owned(),
                    ..Self::default()
                },
                Self::of_exception,
            );
        if object.frames.is_empty() || object.message.is_empty() {
            object.message = fault.message.to_string();
        }
        object.class = Some(fault.class);
        object.status = status_of(fault);
        object.retry = fault.retry;
        object.violations = detail
            .map(|detail| detail.violations.clone())
            .unwrap_or_default();
        object
    }

    fn of_exception(exception: &Exception) -> Self {
        let frame = |frame: &SourceFrame| {
            (
                frame.file.clone(),
                frame.line,
                frame.function.clone(),
                frame.source.clone(),
            )
        };
        Self {
            kind: exception.kind.clone(),
            message: exception.message.clone(),
            frames: exception.frames.iter().map(frame).collect(),
            cause: exception
                .cause
                .as_ref()
                .map(|cause| Box::new(Self::of_exception(cause))),
            service: exception.service.clone(),
            ..Self::default()
        }
    }
}

/// The status of a fault whose class has another one as a rule; what [`ErrorObject::fault`] reads.
fn status_of(fault: &Fault) -> Option<u16> {
    let chosen = fault.detail.as_ref().and_then(|detail| detail.status);
    if chosen.is_some() {
        return chosen;
    }
    let by_remote = fault.class == ErrorClass::Unavailable && fault.side == Side::Remote;
    match fault.code_str() {
        Some("method-not-allowed") => Some(405),
        Some("rate-limited") => Some(429),
        Some("worker-lost") => Some(502),
        Some(_) | None => by_remote.then_some(502),
    }
}

/// The exception a service gets for a fault of the node's own; by its class, unless Zato has a special one.
fn exception_of(fault: &Fault) -> &'static str {
    if matches!(fault.code_str(), Some("inactive" | "service-inactive")) {
        return "zato.common.Inactive";
    }
    match fault.class {
        ErrorClass::Invalid => "busker.errors.Invalid",
        ErrorClass::Unauthenticated => "busker.errors.Unauthenticated",
        ErrorClass::Forbidden => "busker.errors.Forbidden",
        ErrorClass::NotFound => "busker.errors.NotFound",
        ErrorClass::Conflict => "busker.errors.Conflict",
        ErrorClass::TooLarge => "busker.errors.TooLarge",
        ErrorClass::Busy => "busker.errors.Busy",
        ErrorClass::Timeout => "busker.errors.Timeout",
        ErrorClass::Unavailable => "busker.errors.Unavailable",
        ErrorClass::Internal => "busker.errors.ServiceError",
    }
}

/// Kind of body in RES.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BodyKind {
    #[default]
    Json,
    Raw,
    Empty,
}

/// Meta of RES, and of CALLRES to an invocation.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct ResultMeta {
    #[serde(default)]
    pub(crate) status: Option<u16>,
    #[serde(default)]
    pub(crate) content_type: Option<String>,
    #[serde(default)]
    pub(crate) headers: Vec<(String, String)>,
    #[serde(default)]
    pub(crate) local: Vec<LocalEntry>,
    #[serde(default)]
    pub(crate) kind: BodyKind,
    /// In CALLRES: key that a Zato service sees around the answer, which is inside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) response_elem: Option<String>,
}

/// The reply in a RES frame.
///
/// # Errors
/// [`FrameError::Meta`].
pub(crate) fn reply(frame: Frame) -> Result<Reply, FrameError> {
    if frame.meta.is_empty() {
        return Ok(Reply {
            body: ReplyBody::Json(frame.body),
            ..Reply::default()
        });
    }
    let meta: ResultMeta = frame.meta()?;
    let body = match meta.kind {
        BodyKind::Json => ReplyBody::Json(frame.body),
        BodyKind::Raw => ReplyBody::Raw(frame.body),
        BodyKind::Empty => ReplyBody::Empty,
    };
    Ok(Reply {
        body,
        status: meta.status,
        content_type: meta.content_type,
        headers: meta.headers,
        local_calls: local_calls(meta.local),
    })
}

/// A nested call in the worker: service, microseconds, whether it ended without an exception.
type LocalEntry = (String, u64, bool);

fn local_calls(entries: Vec<LocalEntry>) -> Vec<LocalCall> {
    let call = |(service, micros, ok)| LocalCall {
        service,
        micros,
        ok,
    };
    entries.into_iter().map(call).collect()
}

/// LOG.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct LogMeta {
    pub(crate) records: Vec<LogRecord>,
}

/// Unix milliseconds, level, logger, cid, service, message.
pub(crate) type LogRecord = (i64, String, String, Option<String>, Option<String>, String);

/// OUT; the text is the body.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct OutMeta {
    pub(crate) stream: String,
    #[serde(default)]
    pub(crate) cid: Option<String>,
    #[serde(default)]
    pub(crate) service: Option<String>,
}

/// PONG.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(crate) struct Pong {
    #[serde(default)]
    pub(crate) rss_bytes: u64,
    #[serde(default)]
    pub(crate) requests: u64,
}
