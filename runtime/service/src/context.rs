//! What a service holds while it runs one invocation.

use std::sync::Arc;
use std::time::{Duration, Instant};

use busker_model::{ChannelKind, Cid, Fault, Payload, Reply, Request, ServiceName, Transport};
use bytes::Bytes;
use serde::Serialize;

use crate::outgoing::{HttpCall, HttpRequest};
use crate::ports::{AsyncOptions, Ports, Term};

/// The invocation in hand: the request, and the ways out of it.
#[derive(Debug, Clone)]
pub struct Context {
    request: Request,
    ports: Arc<Ports>,
}

impl Context {
    /// Puts a context together; services get theirs from the gate.
    #[must_use]
    pub fn new(request: Request, ports: Arc<Ports>) -> Self {
        Self { request, ports }
    }

    /// Correlation id.
    #[must_use]
    pub fn cid(&self) -> Cid {
        self.request.cid
    }

    /// The whole request: original bytes, headers, query, caller.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// When the answer is no longer wanted.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.request.deadline
    }

    /// The ports, for engines that serve calls of their workers.
    #[must_use]
    pub fn ports(&self) -> &Arc<Ports> {
        &self.ports
    }

    /// A request through an outgoing plain HTTP connection.
    #[must_use]
    pub fn http(&self, connection: &str) -> HttpRequest {
        self.outgoing(connection, Transport::PlainHttp)
    }

    /// A request through an outgoing SOAP connection.
    #[must_use]
    pub fn soap(&self, connection: &str) -> HttpRequest {
        self.outgoing(connection, Transport::Soap)
    }

    fn outgoing(&self, connection: &str, transport: Transport) -> HttpRequest {
        let call = HttpCall {
            method: String::new(),
            path: String::new(),
            query: Vec::new(),
            headers: Vec::new(),
            body: Bytes::new(),
            cid: self.request.cid,
            traceparent: self.request.traceparent.clone(),
            deadline: self.request.deadline,
        };
        HttpRequest {
            ports: Arc::clone(&self.ports),
            connection: connection.to_owned(),
            transport,
            call,
        }
    }

    /// Invokes another service and waits: same cid, same deadline.
    ///
    /// # Errors
    /// Whatever the service fails with; `Invalid` when the payload cannot be written as JSON.
    pub async fn invoke<T: Serialize + ?Sized>(
        &self,
        service: &str,
        payload: &T,
    ) -> Result<Reply, Fault> {
        let request = self.nested(service, payload, ChannelKind::Invoke)?;
        self.ports.invoker.invoke(request).await
    }

    /// Hands an invocation of another service over and returns its cid at once.
    ///
    /// # Errors
    /// `NotFound` for an unknown service, `Busy` when the node has too many waiting.
    pub async fn invoke_async<T: Serialize + ?Sized>(
        &self,
        service: &str,
        payload: &T,
    ) -> Result<Cid, Fault> {
        let mut request = self.nested(service, payload, ChannelKind::InvokeAsync)?;
        request.cid = Cid::mint();
        let how = AsyncOptions {
            parent: Some(self.request.cid),
            ..AsyncOptions::default()
        };
        self.ports.invoker.invoke_async(request, how).await
    }

    fn nested<T: Serialize + ?Sized>(
        &self,
        service: &str,
        payload: &T,
        channel: ChannelKind,
    ) -> Result<Request, Fault> {
        let service =
            ServiceName::new(service).map_err(|error| Fault::invalid(error.to_string()))?;
        let text = serde_json::to_vec(payload).map_err(|error| {
            Fault::invalid(format!("the payload cannot be written as JSON: {error}"))
        })?;
        Ok(self.derive(service, Bytes::from(text), channel))
    }

    /// The request for an invocation made from inside this one: it carries the cid, caller, trace and deadline on.
    #[must_use]
    pub fn derive(&self, service: ServiceName, payload: Bytes, channel: ChannelKind) -> Request {
        let mut request = Request::json(service, payload, self.request.deadline);
        request.cid = self.request.cid;
        request.channel = channel;
        request.principal.clone_from(&self.request.principal);
        request.traceparent.clone_from(&self.request.traceparent);
        request.depth = self.request.depth.saturating_add(1);
        request
    }

    /// Runs one command of the key/value store.
    ///
    /// # Errors
    /// `Unavailable` when there is no store or it is away.
    pub async fn key_value(&self, words: &[&str]) -> Result<serde_json::Value, Fault> {
        let words = words.iter().map(|&word| word.to_owned()).collect();
        self.ports.key_value.command(words).await
    }

    /// What a value is called elsewhere, by the data dictionaries: `from` is system, key and value, `to` system and key.
    /// `None` when nobody said.
    ///
    /// # Errors
    /// `Unavailable` or `Busy` when it is not remembered and the database is away or full.
    pub async fn translate(
        &self,
        from: (&str, &str, &str),
        to: (&str, &str),
    ) -> Result<Option<String>, Fault> {
        let term = Term {
            system1: from.0.to_owned(),
            key1: from.1.to_owned(),
            value1: from.2.to_owned(),
            system2: to.0.to_owned(),
            key2: to.1.to_owned(),
        };
        let found = self.ports.dictionaries.translate(term).await?;
        Ok(found.map(|value| value.to_string()))
    }

    /// Time left until the deadline, measured from `now`.
    #[must_use]
    pub fn remaining(&self, now: Instant) -> Duration {
        self.request.deadline.saturating_duration_since(now)
    }

    /// The payload as bytes: JSON text, raw bytes, or nothing.
    #[must_use]
    pub fn payload_bytes(&self) -> Bytes {
        match &self.request.payload {
            Payload::None => Bytes::new(),
            Payload::Json(bytes) | Payload::Raw(bytes) => bytes.clone(),
        }
    }
}
