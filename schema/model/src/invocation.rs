//! What a service is asked and what it answers, whatever the transport.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::cid::Cid;
use crate::job::JobRef;
use crate::name::ServiceName;

/// Where an invocation came from; the words are Zato's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChannelKind {
    /// An HTTP or SOAP channel.
    HttpSoap,
    /// Another service, synchronously.
    Invoke,
    /// Another service, asynchronously.
    InvokeAsync,
    /// The public API or the command line.
    Api,
    /// A job.
    Scheduler,
    /// An AMQP channel.
    Amqp,
    /// An IBM MQ channel.
    JmsWmq,
    /// A ZeroMQ channel.
    Zmq,
}

impl ChannelKind {
    /// The word a service sees.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HttpSoap => "http-soap",
            Self::Invoke => "invoke",
            Self::InvokeAsync => "invoke-async",
            Self::Api => "api",
            Self::Scheduler => "scheduler",
            Self::Amqp => "amqp",
            Self::JmsWmq => "jms-wmq",
            Self::Zmq => "zmq",
        }
    }
}

/// How a body is read and written. A channel decides; the Content-Type of a request is not asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DataFormat {
    /// JSON.
    #[default]
    Json,
    /// XML: plain, or in a SOAP envelope when the transport says so.
    Xml,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// Bytes as they are.
    Raw,
}

impl DataFormat {
    /// The word used in settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Xml => "xml",
            Self::Form => "form",
            Self::Raw => "raw",
        }
    }
}

/// Which nodes of a cluster serve a channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// All of them.
    #[default]
    EveryNode,
    /// The one that holds the singleton role; another takes over with the role.
    Singleton,
}

/// The envelope around an HTTP body; the words are Zato's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Transport {
    /// No envelope.
    #[default]
    #[serde(rename = "plain_http")]
    PlainHttp,
    /// A SOAP envelope.
    #[serde(rename = "soap")]
    Soap,
}

impl Transport {
    /// The word used in settings, and the kind group of HTTP objects.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PlainHttp => "plain_http",
            Self::Soap => "soap",
        }
    }
}

/// Which wins when the query and the path of a request have a parameter of the same name; the words are Zato's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UrlParamsPriority {
    /// The query string.
    #[default]
    QsOverPath,
    /// The path.
    PathOverQs,
}

/// The HTTP side of a request, for services that ask.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpHead {
    /// Method, upper case.
    pub method: String,
    /// Path as sent, still percent-encoded, without the query.
    pub path: String,
    /// Query parameters in order, decoded.
    pub query: Vec<(String, String)>,
    /// Parameters of a path pattern, decoded.
    pub path_params: Vec<(String, String)>,
    /// Headers in order, names in lower case; bytes that are not UTF-8 are replaced.
    pub headers: Vec<(String, String)>,
    /// Address of the peer, or the forwarded one when a trusted balancer stands before us.
    pub remote: Option<String>,
}

/// Who is asking, after authentication.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    /// User, or name of the security definition.
    pub name: String,
    /// Role in the public API; `None` for callers of a channel.
    pub role: Option<Role>,
    /// Whether it may not bring code in, nor make users, tokens or passwords by which somebody could, whatever its role.
    #[serde(default)]
    pub barred_from_code: bool,
}

impl Principal {
    /// A principal that may do all its role allows.
    #[must_use]
    pub fn new(name: impl Into<String>, role: Option<Role>) -> Self {
        Self {
            name: name.into(),
            role,
            barred_from_code: false,
        }
    }
}

/// Roles of the public API, weakest first: each may do what the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Reads everything but secrets.
    Viewer,
    /// Also starts, stops, pings, invokes, drains.
    Operator,
    /// Also deploys code and edits channels, outgoing connections and jobs.
    Developer,
    /// Also edits security, users and the cluster.
    Admin,
}

/// The part of a request that a service reads as its payload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Payload {
    /// Nothing was sent.
    #[default]
    None,
    /// Valid JSON text. XML and forms arrive here too, as the tree or the fields they hold.
    Json(Bytes),
    /// Bytes as they came.
    Raw(Bytes),
}

/// One request to a service.
#[derive(Debug, Clone)]
pub struct Request {
    /// Correlation id.
    pub cid: Cid,
    /// Service asked.
    pub service: ServiceName,
    /// Way it came.
    pub channel: ChannelKind,
    /// Format of the body it came in.
    pub data_format: DataFormat,
    /// Envelope of the body it came in; `None` when it did not come over HTTP.
    pub transport: Option<Transport>,
    /// The body as received, envelope and all.
    pub raw: Bytes,
    /// What the service reads.
    pub payload: Payload,
    /// Query and path parameters that SimpleIO may take fields from, after the channel's rule of precedence.
    pub params: Vec<(String, String)>,
    /// Whether a parameter beats a field of the body with the same name.
    pub params_first: bool,
    /// The checked and converted SimpleIO input, a JSON object; filled by the service's gate.
    pub input: Option<Bytes>,
    /// The HTTP side.
    pub http: Option<Arc<HttpHead>>,
    /// The caller.
    pub principal: Option<Arc<Principal>>,
    /// W3C traceparent of the span this request belongs to.
    pub traceparent: Option<Arc<str>>,
    /// When the answer is no longer wanted.
    pub deadline: Instant,
    /// The job that asks.
    pub job: Option<Arc<JobRef>>,
    /// How many services are above this one in the chain of synchronous invocations.
    pub depth: u8,
}

/// Most services in a chain of synchronous invocations; a longer one is a loop.
pub const MAX_INVOKE_DEPTH: u8 = 32;

impl Request {
    /// A request with a JSON payload and nothing else known, as services make when they invoke each other.
    #[must_use]
    pub fn json(service: ServiceName, payload: Bytes, deadline: Instant) -> Self {
        Self {
            cid: Cid::mint(),
            service,
            channel: ChannelKind::Invoke,
            data_format: DataFormat::Json,
            transport: None,
            raw: payload.clone(),
            payload: if payload.is_empty() {
                Payload::None
            } else {
                Payload::Json(payload)
            },
            params: Vec::new(),
            params_first: false,
            input: None,
            http: None,
            principal: None,
            traceparent: None,
            deadline,
            job: None,
            depth: 0,
        }
    }
}

/// What a service answers with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ReplyBody {
    /// Nothing.
    #[default]
    Empty,
    /// JSON text: under SimpleIO the object or the list of objects *inside* the response element, else anything.
    /// The channel writes it in its own format.
    Json(Bytes),
    /// Bytes that are sent as they are.
    Raw(Bytes),
}

/// One answer of a service.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    /// Body.
    pub body: ReplyBody,
    /// HTTP status when the service chose one.
    pub status: Option<u16>,
    /// Content type when the service chose one.
    pub content_type: Option<String>,
    /// Headers the service added.
    pub headers: Vec<(String, String)>,
    /// Services that ran inside this call in the same process, for their statistics.
    pub local_calls: Vec<LocalCall>,
}

impl Reply {
    /// An answer of JSON text.
    #[must_use]
    pub fn json(text: impl Into<Bytes>) -> Self {
        Self {
            body: ReplyBody::Json(text.into()),
            ..Self::default()
        }
    }
}

/// A nested call that never left its worker process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalCall {
    /// Service.
    pub service: String,
    /// Time it took in microseconds.
    pub micros: u64,
    /// Whether it ended without an exception.
    pub ok: bool,
}
