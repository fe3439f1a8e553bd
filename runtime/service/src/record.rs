//! One invocation as it is kept to be looked at: what came, what was answered, how long it took.

use std::sync::Arc;

use busker_model::invocation::{HttpHead, ReplyBody};
use busker_model::{
    ChannelKind, Cid, DataFormat, ErrorClass, Principal, ServiceDefinition, Transport,
};
use bytes::Bytes;

/// What is known of a request before it runs; cheap to take, since it shares the request's parts.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Correlation id.
    pub cid: Cid,
    /// Way it came.
    pub channel: ChannelKind,
    /// Format of the body.
    pub data_format: DataFormat,
    /// Envelope of the body; `None` when it did not come over HTTP.
    pub transport: Option<Transport>,
    /// The body as received, envelope and all; the payload when there is none.
    pub body: Bytes,
    /// The HTTP side.
    pub http: Option<Arc<HttpHead>>,
    /// The caller.
    pub principal: Option<Arc<Principal>>,
}

/// An invocation that has ended. Nothing in it is masked yet.
#[derive(Debug, Clone)]
pub struct Record {
    /// What ran.
    pub definition: Arc<ServiceDefinition>,
    /// What it was asked.
    pub asked: Asked,
    /// What it answered, or the class and message it failed with.
    pub outcome: Result<ReplyBody, (ErrorClass, Box<str>)>,
    /// Time it took, in microseconds.
    pub took_micros: u64,
    /// Threshold of its service, in microseconds.
    pub threshold_micros: u64,
    /// Whether it is the n-th one.
    pub sampled: bool,
    /// Whether it took longer than the threshold.
    pub slow: bool,
}
